// From the fields of the form to the body of POST /v1/aggregations.

import { parse } from "./exact.js";
import { readPairs } from "./pairs.js";

// buildSpec puts together what was pasted and what the fields say. Fields that are empty are
// left out, and what an item or the pasted JSON says itself counts first.
export function buildSpec(read, fields) {
  const common = commonOf(fields);
  const spec = { ...sharedOf(fields), ...read.spec };
  const bare = read.items.every((item) => typeof item === "string") && Object.keys(common).length === 0;
  if (bare) {
    return { urls: read.items, ...spec };
  }
  return { requests: read.items.map((item) => requestOf(item, common)), ...spec };
}

// faultsOf is what is wrong with the fields that the page reads itself, by field.
export function faultsOf(fields) {
  return { headers: readPairs(fields.headers).faults, labels: readPairs(fields.labels).faults };
}

// defaultMethod is that of a request for which nobody chose one, as with the command-line tool.
export function defaultMethod(hasBody) {
  return hasBody ? "POST" : "GET";
}

// requestOf is an item with what it leaves to the fields.
function requestOf(item, common) {
  if (typeof item !== "object" || item === null) {
    return withMethod({ url: item, ...common });
  }
  const request = { ...common, ...item };
  if (item.headers && common.headers) {
    request.headers = { ...common.headers, ...item.headers };
  }
  if ("body" in item) {
    delete request.body_text;
  } else if ("body_text" in item) {
    delete request.body;
  }
  return withMethod(request);
}

// withMethod names the method where it is not GET.
function withMethod(request) {
  const hasBody = "body" in request || "body_text" in request;
  return hasBody && !("method" in request) ? { ...request, method: defaultMethod(hasBody) } : request;
}

// commonOf is what every request has.
function commonOf(fields) {
  const common = {};
  if (fields.method !== "") {
    common.method = fields.method;
  }
  const headers = readPairs(fields.headers).pairs;
  if (Object.keys(headers).length > 0) {
    common.headers = headers;
  }
  Object.assign(common, bodyOf(fields.body));
  if (fields.timeout !== "") {
    common.timeout = durationOf(fields.timeout);
  }
  if (fields.attempts !== "") {
    common.retry = { max_attempts: numberOr(fields.attempts) };
  }
  return common;
}

// bodyOf sends JSON as JSON, and anything else as it is.
function bodyOf(text) {
  if (text.trim() === "") {
    return {};
  }
  try {
    return { body: parse(text) };
  } catch {
    return { body_text: text };
  }
}

// sharedOf is what the aggregation has.
function sharedOf(fields) {
  const shared = {};
  for (const name of ["name", "priority"]) {
    if (fields[name] !== "") {
      shared[name] = fields[name];
    }
  }
  for (const name of ["deadline", "retention"]) {
    if (fields[name] !== "") {
      shared[name] = durationOf(fields[name]);
    }
  }
  if (fields.concurrency !== "") {
    shared.concurrency = numberOr(fields.concurrency);
  }
  const labels = readPairs(fields.labels).pairs;
  if (Object.keys(labels).length > 0) {
    shared.labels = labels;
  }
  return shared;
}

// numberOr is the number, or the text for the API to refuse.
function numberOr(text) {
  const n = Number(text);
  return Number.isNaN(n) ? text : n;
}

// durationOf writes days as hours: the API knows none.
function durationOf(text) {
  return text.trim().replace(/(\d+(?:\.\d+)?)\s*d/g, (_, days) => `${24 * Number(days)}h`);
}
