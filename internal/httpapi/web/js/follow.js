// Following an aggregation over connections that may break.

import { call, pathOf, Problem } from "./api.js";
import { events } from "./sse.js";

const firstPause = 500; // ms
const longestPause = 10_000; // ms
const silence = 40_000; // ms; a comment comes every 15 s

// follow yields the events of an aggregation, each result once, until it is done. Where
// the connection breaks it goes on after the last result. Each try begins with prepare;
// onState is told "live" or "broken".
export async function* follow(id, { after = 0, signal, prepare, onState }) {
  let last = after;
  let pause = firstPause;
  for (;;) {
    try {
      await prepare();
      for await (const event of connection(id, last, signal, () => onState("live"))) {
        pause = firstPause;
        if (event.name === "result") {
          last = Number(event.id);
        }
        if (event.name !== "") {
          yield event;
        }
        if (event.name === "done") {
          return;
        }
      }
    } catch (error) {
      if (signal.aborted || isFinal(error)) {
        throw error;
      }
    }
    onState("broken");
    await until(pause * (0.5 + Math.random() / 2), signal);
    pause = Math.min(2 * pause, longestPause);
  }
}

// isFinal reports whether another try would end as this one.
function isFinal(error) {
  return error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429;
}

// connection yields the events of one connection. One that is silent for too long is broken.
async function* connection(id, after, signal, opened) {
  const stop = new AbortController();
  const abort = () => stop.abort();
  signal.addEventListener("abort", abort);
  let timer = setTimeout(abort, silence);
  try {
    const headers = { Accept: "text/event-stream", ...(after > 0 && { "Last-Event-ID": String(after) }) };
    const response = await call("GET", pathOf(id, "/events?timing=true"), { headers, signal: stop.signal });
    opened();
    for await (const event of events(response.body)) {
      clearTimeout(timer);
      timer = setTimeout(abort, silence);
      yield event;
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    abort();
  }
}

// until waits, but not after the network has come back.
function until(ms, signal) {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      window.removeEventListener("online", end);
      signal.removeEventListener("abort", give);
      resolve();
    };
    const give = () => {
      end();
      reject(signal.reason);
    };
    const timer = setTimeout(end, ms);
    window.addEventListener("online", end);
    signal.addEventListener("abort", give);
  });
}
