package httpapi

import "net/http"

const (
	eventStream = "text/event-stream"
	jsonType    = "application/json"

	// exampleID is the aggregation of the examples.
	exampleID   = "agg_01JDZ8F9W3K2M4N6P8R0T2V4X6"
	examplePath = pathList + "/" + exampleID
	exampleTag  = `"` + exampleID + `.0.18c2f1a2b3c.results"`
)

// examples are all that the document shows. A test sends each of them.
var examples = []example{
	{
		operation: "create-aggregation", title: "Fetch a list of URLs", target: pathList, status: http.StatusAccepted,
		body: `{
  "urls": ["https://api.example.com/weather", "https://api.example.com/news"]
}`,
		contentType: jsonType, answer: exampleQueued,
	},
	{
		operation: "create-aggregation", title: "Have the results at once", target: pathList, status: http.StatusOK,
		headers: []string{"Prefer: wait=10"},
		body: `{
  "requests": [
    {"key": "weather", "url": "https://api.example.com/weather", "timeout": "2s"},
    {"key": "news", "url": "https://api.example.com/news", "timeout": "2s"}
  ],
  "deadline": "8s"
}`,
		contentType: jsonType, answer: exampleFinished,
	},
	{
		operation: "create-aggregation", title: "Say everything", target: pathList, status: http.StatusAccepted,
		headers: []string{"Idempotency-Key: 7c4a8d09-ca37-62af-61e5-9520943dc264"},
		body: `{
  "name": "nightly prices",
  "labels": {"team": "search", "run": "2026-11-23"},
  "concurrency": 5,
  "deadline": "1m",
  "retention": "1h",
  "priority": "low",
  "requests": [
    {
      "key": "prices",
      "url": "https://api.example.com/prices",
      "method": "POST",
      "headers": {"Authorization": "Bearer TOKEN"},
      "body": {"items": [1, 2, 3]},
      "timeout": "5s",
      "retry": {"max_attempts": 5, "min_backoff": "100ms", "max_backoff": "10s"},
      "expect_status": [200, 404]
    },
    {
      "key": "note",
      "url": "https://api.example.com/notes/7",
      "method": "PUT",
      "headers": {"Content-Type": "text/plain"},
      "body_text": "as it is"
    }
  ]
}`,
		contentType: jsonType, answer: exampleNamed,
	},
	{
		operation: "list-aggregations", title: "The latest of a team that went partly wrong", status: http.StatusOK,
		target:      pathList + "?status=partial&label=team:search&limit=2",
		contentType: jsonType, answer: `{"items": [` + exampleSummary + `], "next_cursor": ""}`,
	},
	{
		operation: "get-aggregation", title: "Wait for the results", target: examplePath + "?wait=30s", status: http.StatusOK,
		contentType: jsonType, answer: exampleFinished,
	},
	{
		operation: "get-aggregation", title: "How far is it?", target: examplePath + "?results=false", status: http.StatusOK,
		contentType: jsonType, answer: exampleSummary,
	},
	{
		operation: "get-aggregation", title: "Only if it has changed", target: examplePath, status: http.StatusNotModified,
		headers: []string{"If-None-Match: " + exampleTag},
	},
	{
		operation: "stream-results", title: "All results, one a line", target: examplePath + "/results", status: http.StatusOK,
		contentType: ndjson, answer: exampleLines,
	},
	{
		operation: "stream-results", title: "Each as it comes", target: examplePath + "/results?follow=true", status: http.StatusOK,
		contentType: ndjson, answer: exampleLines + exampleSummary + "\n",
	},
	{
		operation: "stream-events", title: "Follow from the start", target: examplePath + "/events", status: http.StatusOK,
		contentType: eventStream, answer: exampleResultEvent + exampleEvents,
	},
	{
		operation: "stream-events", title: "Go on after a dropped connection", target: examplePath + "/events", status: http.StatusOK,
		headers:     []string{"Last-Event-ID: 1"},
		contentType: eventStream, answer: exampleEvents,
	},
	{
		operation: "get-pending", title: "What is it waiting for?", target: examplePath + "/pending", status: http.StatusOK,
		contentType: jsonType, answer: `{"at_ms": 2816, "items": [{"index": 1, "status": "retrying", "attempts": 2, "started_ms": 4}]}`,
	},
	{
		operation: "cancel-aggregation", title: "Stop it", target: examplePath + "/cancel", status: http.StatusOK,
		contentType: jsonType, answer: exampleCanceled,
	},
	{
		operation: "retry-aggregation", title: "Run what failed again", target: examplePath + "/retry", status: http.StatusAccepted,
		contentType: jsonType, answer: exampleRetried,
	},
	{operation: "delete-aggregation", title: "Remove it", target: examplePath, status: http.StatusNoContent},
	{
		operation: "health", title: "Is it up?", target: "/healthz", status: http.StatusOK,
		contentType: jsonType, answer: `{"status": "ok"}`,
	},
	{
		operation: "ready", title: "Will it work?", target: "/readyz", status: http.StatusOK,
		contentType: jsonType, answer: `{"status": "ready", "workers": 2, "queued": 0, "finished": 41872, "warnings": []}`,
	},
	{operation: "document-json", title: "Read the document", target: "/openapi.json", status: http.StatusOK, contentType: jsonType, answer: `{"openapi": "3.1.0"}`},
	{operation: "document-yaml", title: "Read it as YAML", target: "/openapi.yaml", status: http.StatusOK, contentType: yamlType, answer: "openapi: 3.1.0\n"},
	{operation: "reference", title: "Open this page", target: "/docs", status: http.StatusOK, contentType: htmlType, answer: "<!doctype html>"},
	{operation: "console", title: "Open it", target: routeConsole, status: http.StatusOK, contentType: htmlType, answer: "<!doctype html>"},
	{
		operation: "metrics", title: "Scrape it", target: routeMetrics, status: http.StatusOK,
		contentType: metricsType, answer: "# HELP gather_http_requests_in_flight Requests that are being answered.\n# TYPE gather_http_requests_in_flight gauge\ngather_http_requests_in_flight 1\n",
	},
	{operation: "monitor", title: "Open it", target: routeMonitor, status: http.StatusOK, contentType: htmlType, answer: "<!doctype html>"},
	{
		operation: "demo-hello", title: "Wait a little", target: "/api/?task_id=7&delay_ms=20", status: http.StatusOK,
		contentType: jsonType, answer: `{"message": "Hello World", "task_id": "7"}`,
	},
	{
		operation: "demo-aggregated", title: "Two at once", target: "/api/aggregated/?num=2&delay_ms=20", status: http.StatusOK,
		contentType: jsonType, answer: `{"message": "Hello Async World", "responses": ` + exampleHellos + `, "debug_message": "fetch executed in 0.02 seconds.", "elapsed": 0.0243}`,
	},
	{
		operation: "demo-aggregated-sync", title: "Two in turn", target: "/api/aggregated_sync/?num=2&delay_ms=20", status: http.StatusOK,
		contentType: jsonType, answer: `{"message": "Hello Sync World!", "aggregated_responses": ` + exampleHellos + `, "debug_message": "fetch executed in 0.05 seconds.", "elapsed": 0.0461}`,
	},
}

// Pieces of the answers.
const (
	exampleResultOne = `{"index":0,"key":"weather","url":"https://api.example.com/weather","status":"succeeded","http_status":200,"content_type":"application/json","body":{"celsius":7},"elapsed_ms":41.3,"attempts":1,"truncated":false}`
	exampleResultTwo = `{"index":1,"key":"news","url":"https://api.example.com/news","status":"failed","elapsed_ms":6418.07,"attempts":3,"truncated":false,"error":{"code":"http_response_timeout","message":"no answer within 2s"}}`
	exampleLines     = exampleResultOne + "\n" + exampleResultTwo + "\n"
	exampleHellos    = `[{"message": "Hello World", "task_id": "0"}, {"message": "Hello World", "task_id": "1"}]`

	exampleResultEvent = "event: result\nid: 1\ndata: " + exampleResultOne + "\n\n"
	exampleEvents      = "event: result\nid: 2\ndata: " + exampleResultTwo + "\n\n" +
		`event: progress` + "\n" + `data: {"total":2,"succeeded":1,"failed":1,"canceled":0,"pending":0}` + "\n\n" +
		"event: done\ndata: " + exampleSummary + "\n\n"

	exampleQueued = `{"id":"` + exampleID + `","name":"","labels":{},"status":"queued",` +
		`"counts":{"total":2,"succeeded":0,"failed":0,"canceled":0,"pending":2},"created_at":"2026-11-23T07:53:42.734Z","elapsed_ms":0}`
	exampleNamed = `{"id":"` + exampleID + `","name":"nightly prices","labels":{"run":"2026-11-23","team":"search"},"status":"queued",` +
		`"counts":{"total":2,"succeeded":0,"failed":0,"canceled":0,"pending":2},"created_at":"2026-11-23T07:53:42.734Z","elapsed_ms":0}`

	exampleTimes = `"created_at":"2026-11-23T07:53:42.734Z","started_at":"2026-11-23T07:53:42.736Z",` +
		`"finished_at":"2026-11-23T07:53:49.161Z","expires_at":"2026-11-24T07:53:49.161Z","elapsed_ms":6427`
	exampleHead = `{"id":"` + exampleID + `","name":"","labels":{"team":"search"},"status":"partial",` +
		`"counts":{"total":2,"succeeded":1,"failed":1,"canceled":0,"pending":0},` + exampleTimes
	exampleSummary  = exampleHead + `}`
	exampleFinished = exampleHead + `,"results":[` + exampleResultOne + `,` + exampleResultTwo + `]}`
	exampleCanceled = `{"id":"` + exampleID + `","name":"","labels":{},"status":"canceled",` +
		`"counts":{"total":2,"succeeded":1,"failed":0,"canceled":1,"pending":0},` + exampleTimes + `,"results":[` + exampleResultOne +
		`,{"index":1,"key":"news","url":"https://api.example.com/news","status":"canceled","elapsed_ms":820.5,"attempts":1,"truncated":false,"error":{"code":"canceled","message":"the aggregation was canceled"}}]}`
	exampleRetried = `{"id":"` + exampleID + `","name":"","labels":{},"status":"queued",` +
		`"counts":{"total":2,"succeeded":1,"failed":0,"canceled":0,"pending":1},"created_at":"2026-11-23T07:53:42.734Z","elapsed_ms":9103.4}`
)
