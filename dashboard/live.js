// The gateway's events, read by `fetch` so that the key goes in a header, and asked for again when they end.

import { ApiError, open } from "./api.js";

/** The gateway says something every 5 s: silence for longer is a dead connection. */
const SILENCE_MS = 12_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

/**
 * Calls `on.event(name, data)` for each event and `on.state(state, error)` as the connection changes: `live`, `lost`,
 * `refused`. Ends when `signal` is aborted, or the key is refused.
 */
export async function listen(signal, on) {
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      await once(signal, on, () => {
        pause = FIRST_PAUSE_MS;
      });
      on.state("lost");
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
        on.state("refused", error);
        return;
      }
      on.state("lost", error);
    }
    await wait(pause, signal);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

async function once(signal, on, opened) {
  const silent = new AbortController();
  let timer;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silent.abort(), SILENCE_MS);
  };
  heard();
  try {
    const response = await open("GET", "v1/events", { signal: AbortSignal.any([signal, silent.signal]) });
    opened();
    on.state("live");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      heard();
      on.heard();
      const frames = (rest + value).split("\n\n");
      rest = frames.pop();
      frames.forEach((frame) => tell(frame, on));
    }
  } finally {
    clearTimeout(timer);
    silent.abort();
  }
}

function tell(frame, on) {
  let name = "message";
  let data = "";
  for (const line of frame.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (data) on.event(name, JSON.parse(data));
}

function wait(millis, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, millis);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}
