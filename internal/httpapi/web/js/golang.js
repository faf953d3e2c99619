// The same aggregation as a Go program, formatted as gofmt does.

// goOf is a program that sends the spec and prints how each item ended.
export function goOf(spec, base, withKey) {
  const fields = structFields(spec, specFields, 2);
  const imports = ["context", "encoding/json", "fmt", "log", "os", "time"].filter((name) => {
    const used = { "encoding/json": "json.RawMessage(", time: "time." }[name];
    return name === "os" ? withKey : used === undefined || fields.includes(used);
  });
  const options = withKey ? `, client.WithKey(os.Getenv("GATHER_API_KEY"))` : "";
  return `package main

import (
${imports.map((name) => `\t"${name}"\n`).join("")}
	"gather"
	"gather/client"
)

func main() {
	ctx := context.Background()
	c, err := client.New(${text(base.replace(/\/$/, ""))}${options})
	if err != nil {
		log.Fatal(err)
	}
	agg, err := c.Create(ctx, &gather.Spec{
${fields}	})
	if err != nil {
		log.Fatal(err)
	}
	if agg, err = c.Wait(ctx, agg.ID); err != nil {
		log.Fatal(err)
	}
	for _, r := range agg.Results {
		fmt.Println(r.Index, r.Status, r.HTTPStatus, string(r.Body))
	}
}
`;
}

// How the fields of the API's objects are named and written in Go.
const retryFields = {
  max_attempts: ["MaxAttempts", (n) => `new(${n})`],
  min_backoff: ["MinBackoff", duration],
  max_backoff: ["MaxBackoff", duration],
};
const requestFields = {
  url: ["URL", text],
  method: ["Method", text],
  headers: ["Headers", stringMap],
  body: ["Body", (value) => `json.RawMessage(${text(JSON.stringify(value))})`],
  body_text: ["BodyText", text],
  key: ["Key", text],
  timeout: ["Timeout", duration],
  retry: ["Retry", (retry) => `&gather.Retry{${inline(retry, retryFields)}}`],
  expect_status: ["ExpectStatus", (codes) => `[]int{${[codes].flat().join(", ")}}`],
};
const specFields = {
  urls: ["URLs", (urls, depth) => block("[]string", urls.map(text), depth)],
  requests: ["Requests", (list, depth) => block("[]gather.Request", list.map((r) => `{${inline(r, requestFields)}}`), depth)],
  name: ["Name", text],
  labels: ["Labels", stringMap],
  concurrency: ["Concurrency", String],
  deadline: ["Deadline", duration],
  retention: ["Retention", duration],
  priority: ["Priority", text],
};

// written are the fields of a value that it has, as [name, code] in Go.
function written(value, known, depth) {
  return Object.entries(known)
    .filter(([name]) => value?.[name] !== undefined)
    .map(([name, [field, write]]) => [field, write(value[name], depth)]);
}

function inline(value, known) {
  return written(value, known, 0).map(([field, code]) => `${field}: ${code}`).join(", ");
}

// structFields are lines, each a field. Values on neighbouring lines stand below each other.
function structFields(value, known, depth) {
  const fields = written(value, known, depth);
  const many = fields.map(([, code]) => code.includes("\n"));
  return fields.map(([field, code], i) => {
    let [from, to] = [i, i];
    while (!many[i] && from > 0 && !many[from - 1]) {
      from--;
    }
    while (!many[i] && to < fields.length - 1 && !many[to + 1]) {
      to++;
    }
    const width = Math.max(...fields.slice(from, to + 1).map(([name]) => name.length));
    return `${tabs(depth)}${`${field}:`.padEnd(width + 1)} ${code},\n`;
  }).join("");
}

function block(opening, elements, depth) {
  return `${opening}{\n${elements.map((code) => `${tabs(depth + 1)}${code},\n`).join("")}${tabs(depth)}}`;
}

function tabs(depth) {
  return "\t".repeat(depth);
}

// text is a Go string: what JSON writes, Go reads.
function text(value) {
  return JSON.stringify(String(value));
}

function stringMap(map) {
  return `map[string]string{${Object.entries(map).map(([key, value]) => `${text(key)}: ${text(value)}`).join(", ")}}`;
}

const units = [["h", "Hour", 3600e9], ["m", "Minute", 60e9], ["s", "Second", 1e9], ["ms", "Millisecond", 1e6], ["us", "Microsecond", 1e3], ["µs", "Microsecond", 1e3], ["ns", "Nanosecond", 1]];

// duration writes "1m30s" as gather.After(90 * time.Second).
function duration(value) {
  let ns = 0;
  for (const [, n, unit] of String(value).matchAll(/(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns)/g)) {
    ns += Number(n) * units.find(([short]) => short === unit)[2];
  }
  ns = Math.round(ns);
  const [, name, size] = units.find(([, , one]) => ns % one === 0);
  return ns === size ? `gather.After(time.${name})` : `gather.After(${ns / size} * time.${name})`;
}
