package httpapi

import (
	"errors"
	"net/http"
	"strings"

	"gather"

	"github.com/danielgtaylor/huma/v2"
)

// refusals are errors that operations answer with, as the document shows them. They are
// written as every other is: by problemOf.
var refusals = map[int][]error{
	http.StatusBadRequest:            {statusProblem(http.StatusBadRequest, "the body is not JSON: see line 2, column 14")},
	http.StatusUnauthorized:          {unauthorized(false, false)},
	http.StatusForbidden:             {errCrossOrigin},
	http.StatusNotFound:              {gather.ErrNotFound},
	http.StatusNotAcceptable:         {errOnlyLines},
	http.StatusRequestTimeout:        {statusProblem(http.StatusRequestTimeout, "the body did not arrive within %v", bodyTimeout)},
	http.StatusRequestEntityTooLarge: {tooLarge(defaultMaxBody)},
	http.StatusUnsupportedMediaType:  {errOnlyJSON},
	http.StatusTooManyRequests:       {overRate(`the owner "search"`, gather.Rate{PerSecond: 10, Burst: 100}, 1), gather.ErrTooManyOpen},
	http.StatusInternalServerError:   {errors.New("anything else")},
	http.StatusServiceUnavailable:    {gather.ErrUnavailable, errClosing},
}

// refusalsOf are those of one operation, where they differ from the others'.
var refusalsOf = map[string]map[int][]error{
	"create-aggregation": {
		http.StatusConflict: {gather.ErrKeyGone},
		http.StatusUnprocessableEntity: {
			invalid(
				gather.Fault{Location: "body.requests[0].url", Message: "is required: an absolute http or https URL"},
				gather.Fault{Location: "body.requests[3].timeout", Message: "must be longer than 0s and at most 24h0m0s"},
			),
			gather.ErrKeyReused,
		},
		http.StatusServiceUnavailable: {&explained{gather.ErrUnavailable, detailNotAccepted}, gather.ErrOutcomeUnknown, errClosing},
	},
	"list-aggregations":  {http.StatusUnprocessableEntity: {invalid(gather.Fault{Location: "query.label", Message: "must be key:value"}), gather.ErrBadCursor}},
	"get-aggregation":    {http.StatusUnprocessableEntity: {invalid(badWait)}, http.StatusServiceUnavailable: {gather.ErrUnavailable, errBusy}},
	"stream-results":     {http.StatusUnprocessableEntity: {invalid(gather.Fault{Location: "query.follow", Message: "must be true or false"})}, http.StatusServiceUnavailable: {gather.ErrUnavailable, errBusy}},
	"stream-events":      {http.StatusUnprocessableEntity: {invalid(gather.Fault{Location: "header.Last-Event-ID", Message: "must be an integer"})}, http.StatusServiceUnavailable: {gather.ErrUnavailable, errBusy}},
	"cancel-aggregation": {http.StatusConflict: {gather.ErrFinished}},
	"retry-aggregation":  {http.StatusConflict: {gather.ErrUnfinished}},
	"ready":              {http.StatusServiceUnavailable: {&explained{gather.ErrUnavailable, detailNotReady}, errNoWorker, errClosing}},
	"monitor":            {http.StatusUnauthorized: {unauthorized(false, true)}, http.StatusForbidden: {errNotMonitor}},

	"demo-hello":           {http.StatusUnprocessableEntity: {invalid(gather.Fault{Location: "query.delay_ms", Message: "must be <= 60000"})}, http.StatusServiceUnavailable: {errClosing}},
	"demo-aggregated":      demoRefusals,
	"demo-aggregated-sync": demoRefusals,
}

var demoRefusals = map[int][]error{
	http.StatusUnprocessableEntity: {invalid(gather.Fault{Location: "query.num", Message: "must be an integer"})},
	http.StatusServiceUnavailable:  {gather.ErrUnavailable, errNoWorker, errClosing},
}

// refusalExamples are the problems with which the operation answers the status.
func refusalExamples(operation string, status int) map[string]*huma.Example {
	errs := refusalsOf[operation][status]
	if errs == nil {
		errs = refusals[status]
	}
	found := make(map[string]*huma.Example, len(errs))
	for _, err := range errs {
		p, _ := problemOf(err)
		name, known := strings.CutPrefix(p.Type, namespace)
		if !known {
			name = exampleName(p.Title)
		}
		found[name] = &huma.Example{Summary: p.Title, Value: p}
	}
	return found
}
