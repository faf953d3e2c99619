// Server-sent events from a stream (https://html.spec.whatwg.org/#server-sent-events).
// EventSource would do, if it could send an Authorization header.

// events yields { name, id, data } for each event; comments come as events without a name
// or data, since they, too, are a sign of life.
export async function* events(stream) {
  let event = empty();
  for await (const line of lines(stream)) {
    if (line === "") {
      if (event.data !== "") {
        yield event;
      }
      event = empty();
    } else if (line.startsWith(":")) {
      yield empty();
    } else {
      addField(event, line);
    }
  }
}

function empty() {
  return { name: "", id: "", data: "" };
}

function addField(event, line) {
  const colon = line.indexOf(":");
  const field = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
  if (field === "event") {
    event.name = value;
  } else if (field === "id") {
    event.id = value;
  } else if (field === "data") {
    event.data += event.data === "" ? value : `\n${value}`;
  }
}

// lines yields the lines of a stream of UTF-8, without their ends. What is left without an
// end when the stream breaks is no line.
export async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      let from = 0;
      for (let end = value.indexOf("\n"); end >= 0; end = value.indexOf("\n", from)) {
        const line = rest + value.slice(from, end);
        rest = "";
        from = end + 1;
        yield line.endsWith("\r") ? line.slice(0, -1) : line;
      }
      rest += value.slice(from);
    }
  } finally {
    reader.cancel().catch(() => {}); // a stream that broke can't be canceled
  }
}
