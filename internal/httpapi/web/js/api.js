// Calls of the API. Addresses are relative to the page, so that it also works below a path.

import { askKey, currentKey } from "./key.js";

// Problem is an answer that is an error (RFC 9457), or none at all.
export class Problem extends Error {
  constructor(status, { title = "", detail = "", errors = [] } = {}) {
    super(detail || title || `the server answered ${status}`);
    this.status = status; // 0: no answer came
    this.title = title;
    this.errors = errors;
  }
}

export const aggregations = "v1/aggregations";

// pathOf is where an aggregation is, or what comes below it.
export function pathOf(id, below = "") {
  return `${aggregations}/${encodeURIComponent(id)}${below}`;
}

// call sends a request and returns the response, whose status is a good one. It asks for a
// key where the API wants one, and throws a Problem.
export async function call(method, path, { headers = {}, body, signal } = {}) {
  for (;;) {
    const key = currentKey();
    const response = await send(method, path, {
      method, body, signal, cache: "no-store",
      headers: { ...headers, ...(key && { Authorization: `Bearer ${key}` }) },
    });
    if (response.ok) {
      return response;
    }
    const problem = await problemOf(response);
    if (response.status !== 401 || !(currentKey() !== key || await askKey(key === "" ? "This server asks for an API key." : problem.message, key !== ""))) {
      throw problem;
    }
  }
}

async function send(method, path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") {
      throw error;
    }
    throw new Problem(0, { detail: "the server can't be reached" });
  }
}

async function problemOf(response) {
  try {
    return new Problem(response.status, await response.json());
  } catch {
    return new Problem(response.status);
  }
}

export async function getJSON(path, options) {
  return (await call("GET", path, options)).json();
}

export async function postJSON(path, value, { headers = {}, ...options } = {}) {
  const body = value === undefined ? undefined : JSON.stringify(value);
  const type = body === undefined ? {} : { "Content-Type": "application/json" };
  return (await call("POST", path, { ...options, body, headers: { ...type, ...headers } })).json();
}

// create makes an aggregation once for a key (see randomKey), also where an answer is lost.
export async function create(spec, key) {
  const headers = { "Idempotency-Key": key, Prefer: "respond-async" };
  for (let attempt = 1; ; attempt++) {
    try {
      return await postJSON(aggregations, spec, { headers });
    } catch (error) {
      if (attempt === 3 || (error.status !== 0 && error.status !== 503)) {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 300 * attempt));
    }
  }
}

// randomKey is a new idempotency key. crypto.randomUUID is there on secure pages only.
export function randomKey() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return `console-${Array.from(random, (b) => b.toString(16).padStart(2, "0")).join("")}`;
}
