package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gather"

	"github.com/danielgtaylor/huma/v2"
)

// demoRetention is how long an aggregation of a demo stays: long enough to look at it.
const demoRetention = time.Hour

// addDemo serves the three endpoints of the article that Gather started from,
// with and without the slash at their end.
func (a *API) addDemo() {
	addDemoOperation(a, a.demoOperation("demo-hello", "/api/", "A slow service", "Answers after a second, or after delay_ms.", jsonOf[hello](a)), a.hello)
	addDemoOperation(a, a.demoOperation("demo-aggregated", "/api/aggregated/", "Fetch the slow service many times, side by side",
		"Through the queue, as every client's requests go. An item that failed has its reason in its place.", jsonOf[aggregated](a)), a.aggregated)
	addDemoOperation(a, a.demoOperation("demo-aggregated-sync", "/api/aggregated_sync/", "The same, one after another",
		"With a concurrency of 1.", jsonOf[aggregatedSync](a)), a.aggregatedSync)
}

// helloRoutes are the one of them that the others have fetched.
var helloRoutes = []string{"/api", "/api/"}

// addDemoOperation serves the operation, and the same without the slash at its end, which
// the document does not tell.
func addDemoOperation[I any](a *API, op huma.Operation, h handle[I]) {
	register(a, op, h)
	register(a, huma.Operation{OperationID: op.OperationID + "-bare", Method: op.Method, Path: strings.TrimSuffix(op.Path, "/"), Hidden: true}, h)
}

func (a *API) demoOperation(id, path, summary, description string, content map[string]*huma.MediaType) huma.Operation {
	return a.guarded(huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{tagDemo}, Summary: summary, Description: description,
		Parameters: []*huma.Param{paramRequestID},
		Responses: a.responses(answers{http.StatusOK: answered("What the article that Gather started from answers.", content, nil)}, map[int]string{
			422: meansInvalid, 500: meansInternal, 503: meansUnavailable + " Or there is no worker, or this process is stopping.",
		}),
	})
}

type helloInput struct {
	TaskID string `query:"task_id" doc:"Comes back as it is."`
	Delay  int    `query:"delay_ms" minimum:"0" maximum:"60000" default:"1000" doc:"How long it takes, in milliseconds."`
}

type hello struct {
	Message string `json:"message"`
	TaskID  string `json:"task_id,omitempty"`
}

type aggregated struct {
	Message   string            `json:"message"`
	Responses []json.RawMessage `json:"responses" doc:"The bodies, in order."`
	Debug     string            `json:"debug_message" doc:"elapsed in words."`
	Elapsed   float64           `json:"elapsed" doc:"Seconds."`
}

type aggregatedSync struct {
	Message   string            `json:"message"`
	Responses []json.RawMessage `json:"aggregated_responses" doc:"The bodies, in order."`
	Debug     string            `json:"debug_message" doc:"elapsed in words."`
	Elapsed   float64           `json:"elapsed" doc:"Seconds."`
}

// hello is a slow service: it answers after a second.
func (a *API) hello(ctx context.Context, w http.ResponseWriter, in *helloInput) error {
	delay := time.NewTimer(time.Duration(in.Delay) * time.Millisecond)
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-a.closing.Done():
		return errClosing
	case <-ctx.Done():
		return ctx.Err()
	}
	writeJSON(w, http.StatusOK, "application/json", hello{"Hello World", in.TaskID})
	return nil
}

type aggregatedInput struct {
	Num   int `query:"num" minimum:"1" maximum:"1000" default:"10" doc:"How many fetches."`
	Delay int `query:"delay_ms" minimum:"0" maximum:"60000" default:"1000" doc:"How long each takes, in milliseconds."`
}

// timesOf is how long the demo took, in words and in seconds, as the article tells it.
func timesOf(elapsed time.Duration) (debug string, seconds float64) {
	s := elapsed.Seconds()
	return fmt.Sprintf("fetch executed in %.2f seconds.", s), math.Round(s*1e4) / 1e4
}

// aggregated fetches hello many times, side by side.
func (a *API) aggregated(ctx context.Context, w http.ResponseWriter, in *aggregatedInput) error {
	bodies, elapsed, err := a.runDemo(ctx, in, 0)
	if err != nil {
		return err
	}
	debug, seconds := timesOf(elapsed)
	writeJSON(w, http.StatusOK, jsonType, aggregated{"Hello Async World", bodies, debug, seconds})
	return nil
}

// aggregatedSync fetches hello many times, one after another.
func (a *API) aggregatedSync(ctx context.Context, w http.ResponseWriter, in *aggregatedInput) error {
	bodies, elapsed, err := a.runDemo(ctx, in, 1)
	if err != nil {
		return err
	}
	debug, seconds := timesOf(elapsed)
	writeJSON(w, http.StatusOK, jsonType, aggregatedSync{"Hello Sync World!", bodies, debug, seconds})
	return nil
}

// runDemo sends the fetches the way that every client's go, and waits for all.
func (a *API) runDemo(ctx context.Context, in *aggregatedInput, concurrency int) ([]json.RawMessage, time.Duration, error) {
	if in.Num > a.opt.MaxRequests {
		return nil, 0, invalid(gather.Fault{Location: "query.num", Message: "must be at most " + strconv.Itoa(a.opt.MaxRequests)})
	}
	if ready, err := a.store.Ready(ctx); err == nil && ready.Workers == 0 {
		return nil, 0, errNoWorker // nobody would answer
	}
	start := time.Now()
	spec := a.demoSpec(ctx, in, concurrency)
	agg, _, err := a.store.Create(ctx, &gather.Creation{Spec: spec, Waits: true})
	if err != nil {
		return nil, 0, err
	}
	a.run(ctx, agg)
	reading, err := a.await(ctx, agg.ID, true, spec.DeadlineOrDefault()+time.Minute)
	if err != nil {
		return nil, 0, err
	}
	elapsed := time.Since(start)
	if !reading.Status.Finished() {
		return nil, 0, errClosing
	}
	bodies, err := demoBodies(ctx, reading, in.Num)
	return bodies, elapsed, err
}

func (a *API) demoSpec(ctx context.Context, in *aggregatedInput, concurrency int) *gather.Spec {
	r := exchangeOf(ctx).request
	base := "http://" + r.Host
	if a.opt.DemoURL != nil {
		base = a.opt.DemoURL()
	}
	delay := time.Duration(in.Delay) * time.Millisecond
	deadline := min(time.Minute+time.Duration(in.Num)*(delay+time.Second), gather.MaxDeadline)
	var headers map[string]string
	if a.opt.Keys != nil {
		headers = map[string]string{"Authorization": "Bearer " + a.opt.Keys.Ticket(time.Now().Add(deadline))}
	}
	spec := &gather.Spec{
		Name: "demo", Concurrency: concurrency,
		Deadline:  gather.After(deadline),
		Retention: gather.After(demoRetention),
		Requests:  make([]gather.Request, in.Num),
	}
	for i := range spec.Requests {
		q := url.Values{"task_id": {strconv.Itoa(i)}}
		if r.URL.Query().Has("delay_ms") {
			q.Set("delay_ms", strconv.Itoa(in.Delay))
		}
		spec.Requests[i] = gather.Request{URL: base + "/api/?" + q.Encode(), Headers: headers, Timeout: gather.After(delay + gather.DefaultTimeout)}
	}
	return spec
}

// demoBodies are the bodies in input order. An item that failed has its reason there.
func demoBodies(ctx context.Context, reading *gather.Reading, num int) ([]json.RawMessage, error) {
	bodies := make([]json.RawMessage, 0, num)
	for line, err := range reading.Lines(ctx) {
		if err != nil {
			return nil, err
		}
		var r struct {
			Body  json.RawMessage `json:"body"`
			Error json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal([]byte(line.Line()), &r); err != nil {
			return nil, fmt.Errorf("result of %s: %w", reading.ID, err)
		}
		if r.Error != nil {
			r.Body = append(append([]byte(`{"error":`), r.Error...), '}')
		}
		bodies = append(bodies, r.Body)
	}
	return bodies, nil
}
