// Numbers with their units and times in the viewer's zone.

const plain = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dayAndClock = new Intl.DateTimeFormat(undefined, {
  month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const dayAndHour = new Intl.DateTimeFormat(undefined, {
  month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
const utcDay = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", year: "numeric", timeZone: "UTC" });

export const NOTHING = "–";
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";

export const count = (n) => (n === null || n === undefined ? NOTHING : plain.format(n));
export const short = (n) => (n === null || n === undefined ? NOTHING : Math.abs(n) < 10_000 ? plain.format(n) : compact.format(n));
export const percent = (share) => (share === null || share === undefined ? NOTHING : `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`);

/** Money is summed in whole nano-dollars: the API's nine decimals fit, and no cent gets lost on the way. */
export const nano = (usd) => Math.round(usd * 1e9);

/** Dollars with cents; small amounts with as many digits as tell them from nothing. */
export function usd(nanos) {
  if (nanos === null || nanos === undefined) return NOTHING;
  const amount = nanos / 1e9;
  const size = Math.abs(amount);
  const digits = size === 0 || size >= 1 ? 2 : size >= 0.0001 ? 4 : 6;
  return `$${amount.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

export function millis(ms) {
  if (ms === null || ms === undefined) return NOTHING;
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 10_000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(1)} s`;
}

export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  while (n >= 1024 && at < units.length - 1) {
    n /= 1024;
    at += 1;
  }
  return `${at === 0 ? n : n.toFixed(1)} ${units[at]}`;
}

/** Of today the clock alone. */
export function time(iso) {
  if (!iso) return NOTHING;
  const at = new Date(iso);
  return at.toDateString() === new Date().toDateString() ? clock.format(at) : dayAndClock.format(at);
}

export const timeOfDay = (seconds) => clock.format(new Date(seconds * 1000));
export const hourOf = (seconds) => dayAndHour.format(new Date(seconds * 1000));
export const dayOf = (seconds) => utcDay.format(new Date(seconds * 1000));

const tickClock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const tickDay = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const tickUtcDay = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone: "UTC" });

/** On an axis: days as days, hours as clocks, and midnight as the day that it begins. */
export function tickOf(seconds, grain) {
  const at = new Date(seconds * 1000);
  if (grain === "day") return tickUtcDay.format(at);
  if (grain === "hour") return at.getHours() === 0 && at.getMinutes() === 0 ? tickDay.format(at) : tickClock.format(at);
  return clock.format(at);
}

/** "4 min ago", "in 12 s". */
export function away(iso, now = Date.now()) {
  if (!iso) return NOTHING;
  const seconds = Math.round((new Date(iso).getTime() - now) / 1000);
  const words = span(Math.abs(seconds));
  return seconds > 0 ? `in ${words}` : `${words} ago`;
}

export function span(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** A time element: the clock to read, the whole time to hover and to copy. */
export function stamp(h, iso) {
  return iso ? h("time", { datetime: iso, title: `${new Date(iso).toLocaleString()} (${zone})` }, time(iso)) : NOTHING;
}

/** What a provider's or sink's word of state says to people. */
export const words = (name) => (name ?? NOTHING).replaceAll("_", " ");
