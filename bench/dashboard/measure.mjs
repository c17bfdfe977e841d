// How long the dashboard takes: measure.mjs CHROMIUM GATEWAY KEY NANO_USD. The last is what 90 days cost.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [, , executablePath, gateway, key, cost] = process.argv;
const ROUNDS = 5;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });

const median = (values) => Math.round([...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]);
const views = [];
const drawn = { "90 d": [], Provider: [], Model: [], Team: [] };

for (let round = 0; round < ROUNDS; round += 1) {
  const context = await browser.newContext({ viewport: { width: 1600, height: 900 } });
  await context.addInitScript((key) => sessionStorage.setItem("gateway-key", key), key);
  const page = await context.newPage();
  await page.goto(`${gateway}/dashboard/`);
  await page.waitForSelector("#cost:not([data-state=loading])");
  views.push(await page.evaluate(() => performance.now()));
  for (const [selector, words] of [["#bar", "90 d"], ["#cost", "Model"], ["#cost", "Team"], ["#cost", "Provider"]]) {
    await page.evaluate(() => {
      globalThis.drawn = new Promise((resolve) => {
        const begun = performance.now();
        const look = new MutationObserver(() => {
          look.disconnect();
          requestAnimationFrame(() => resolve(performance.now() - begun));
        });
        look.observe(document.querySelector(".tiles"), { childList: true });
      });
    });
    await page.click(`${selector} .tabs >> text="${words}"`);
    const millis = await page.evaluate(() => globalThis.drawn);
    if (words in drawn) drawn[words].push(millis);
    assert.equal(await page.locator("[data-tile=cost]").getAttribute("data-value"), cost, "what is drawn is all of it");
  }
  await context.close();
}
await browser.close();
console.log(`first view: ${median(views)} ms`);
for (const [words, millis] of Object.entries(drawn)) {
  const what = words === "90 d" ? "90 days" : `90 days by ${words.toLowerCase()}`;
  console.log(`${what}, from the click to the picture: ${median(millis)} ms`);
}
