// The gateway's API: one way to ask, with a deadline, and errors as it words them.

import { headers } from "./session.js";

const DEADLINE_MS = 20_000;
/** Relative, so that a proxy may put a path in front. */
const ROOT = "../";

/** A refusal of the API, or no answer (status 0). */
export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Asks, and reads the JSON of the answer; null for an empty one. */
export async function ask(method, path, { query = {}, body, signal } = {}) {
  const response = await open(method, path, { query, body, signal: either(signal, DEADLINE_MS) });
  const text = await response.text().catch(() => {
    throw new ApiError(0, "unreachable", "The answer broke off.");
  });
  return text ? JSON.parse(text) : null;
}

export const get = (path, query, signal) => ask("GET", path, { query, signal });

/** The response of a request that was not refused. */
export async function open(method, path, { query = {}, body, signal } = {}) {
  const known = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const search = new URLSearchParams(known).toString();
  let response;
  try {
    response = await fetch(ROOT + path + (search ? `?${search}` : ""), {
      method,
      headers: { ...headers(), ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const late = error.name === "TimeoutError";
    throw new ApiError(0, "unreachable", late ? "The gateway gave no answer in time." : "The gateway cannot be reached.");
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response) {
  const told = await response.json().catch(() => null);
  const { code = "error", message = `The gateway answered with status ${response.status}.` } = told?.error ?? {};
  return new ApiError(response.status, code, message);
}

function either(signal, millis) {
  const deadline = AbortSignal.timeout(millis);
  return signal ? AbortSignal.any([signal, deadline]) : deadline;
}
