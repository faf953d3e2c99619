// Keeping a Run up to date with the API.

import { call, getJSON, pathOf, postJSON } from "./api.js";
import { follow } from "./follow.js";
import { events } from "./sse.js";

const pendingEvery = 1000; // ms
const longestSlice = 12; // ms of work before the page may draw

// watch follows the aggregation until it is done, or the signal. onState is told "live" or
// "broken".
export async function watch(run, signal, onState) {
  const done = new AbortController();
  const stop = () => done.abort();
  signal.addEventListener("abort", stop);
  let looking = null;
  const prepare = async () => {
    if (run.agg === null) {
      run.setAggregation(await getJSON(pathOf(run.id, "?results=false"), { signal }));
    }
    looking ??= lookAtPending(run, done.signal);
  };
  try {
    let begun = performance.now();
    for await (const event of follow(run.id, { after: run.last, signal, prepare, onState })) {
      take(run, event);
      if (performance.now() - begun > longestSlice) {
        await drawn();
        begun = performance.now();
      }
    }
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

function take(run, event) {
  if (event.name === "result") {
    run.addResult(event.data, Number(event.id));
  } else if (event.name === "progress") {
    run.setCounts(JSON.parse(event.data));
  } else if (event.name === "done") {
    run.setAggregation(JSON.parse(event.data));
  }
}

// drawn lets the page draw and answer to keys before it goes on.
function drawn() {
  return new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => { channel.port1.close(); resolve(); };
    channel.port2.postMessage(null);
  });
}

// lookAtPending asks once a second which items are being fetched, as long as some may be.
async function lookAtPending(run, signal) {
  while (!signal.aborted && run.running) {
    try {
      const pending = await getJSON(pathOf(run.id, "/pending"), { signal });
      if (run.running) {
        run.setPending(pending);
      }
    } catch (error) {
      if (error.status === 401 || error.status === 404) {
        return; // as the events tell
      }
    }
    await new Promise((resolve) => setTimeout(resolve, document.hidden ? 5 * pendingEvery : pendingEvery));
  }
}

// cancel, retry and remove do what they say, and the run knows.
export async function cancel(run) {
  await call("POST", pathOf(run.id, "/cancel"));
}

export async function retry(run) {
  run.restart(await postJSON(pathOf(run.id, "/retry")));
}

export async function remove(run) {
  await call("DELETE", pathOf(run.id));
}

// loadLine is the result line of an item: what was kept, or read once more, from its place in
// order of completion, and without what comes after it.
export async function loadLine(run, index, signal) {
  const kept = run.lines.get(index);
  if (kept !== undefined) {
    return kept;
  }
  const headers = { Accept: "text/event-stream", "Last-Event-ID": String(run.items[index].position - 1) };
  const response = await call("GET", pathOf(run.id, "/events?timing=true"), { headers, signal });
  for await (const { name, data } of events(response.body)) {
    if (name === "result" && data.startsWith(`{"index":${index},`)) {
      return data;
    }
    break; // a retry has taken the result away
  }
  throw new Error("the result is not there any more");
}
