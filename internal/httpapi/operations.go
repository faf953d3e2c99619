package httpapi

import (
	"net/http"
	"strconv"

	"gather"

	"github.com/danielgtaylor/huma/v2"
)

const (
	tagAggregations = "aggregations"
	tagHealth       = "health"
	tagPages        = "pages"
	tagDemo         = "demo"

	pathList = "/v1/aggregations"
	pathOne  = "/v1/aggregations/{id}"
)

func (a *API) createOperation() huma.Operation {
	return huma.Operation{
		OperationID: "create-aggregation", Method: http.MethodPost, Path: pathList, Tags: []string{tagAggregations},
		Summary: "Send a list of requests",
		Description: "Accepts 1 to " + strconv.Itoa(a.opt.MaxRequests) + " requests and sends them from the workers. Without Prefer: wait=SECONDS the answer " +
			"is 202 at once; with it, 200 with the results where all is done in time. Waits are cut to " + a.opt.MaxWait.String() + ". " +
			"What is answered with 200 or 202 is stored and will be done, also if everything restarts.",
		DefaultStatus: http.StatusAccepted, SkipValidateBody: true, // readBody does it
		MaxBodyBytes:    a.opt.MaxBody + 1, // huma takes a body of just so many bytes for too large
		BodyReadTimeout: bodyTimeout,
		Middlewares:     huma.Middlewares{a.jsonOnly},
		Parameters:      []*huma.Param{paramPreferCreate, paramTraceparent, paramRequestID},
		Responses: a.responses(answers{
			http.StatusOK: answered("Finished within the wait: the aggregation with its results.", jsonOf[gather.Aggregation](a),
				headers{"Preference-Applied": headerApplied, "Idempotent-Replayed": headerReplayed}),
			http.StatusAccepted: answered("Accepted; the aggregation as it stands, without results.", jsonOf[gather.Aggregation](a),
				headers{"Location": headerLocation, "Retry-After": headerRetryAfter, "Preference-Applied": headerApplied, "Idempotent-Replayed": headerReplayed}),
		}, map[int]string{
			400: "The body is not JSON, or empty.",
			408: "The body did not arrive in time.",
			409: "The aggregation made with this Idempotency-Key is deleted or expired.",
			413: "The body is over the limit.",
			415: "The body is not application/json.",
			422: "The request is not valid; errors lists all that is wrong. Or the Idempotency-Key was used with another body.",
			500: meansInternal,
			503: meansUnavailable + " Nothing was accepted.",
		}),
	}
}

func (a *API) listOperation() huma.Operation {
	return huma.Operation{
		OperationID: "list-aggregations", Method: http.MethodGet, Path: pathList, Tags: []string{tagAggregations},
		Summary:     "List aggregations",
		Description: "The newest first, without results. Follow next_cursor, or the Link header, until it is empty.",
		Parameters:  []*huma.Param{paramRequestID},
		// A filter with a typo must not answer the whole list.
		RejectUnknownQueryParameters: true,
		Responses: a.responses(answers{
			http.StatusOK: answered("One page.", jsonOf[page](a), headers{"Link": headerLink}),
		}, map[int]string{422: meansInvalid, 500: meansInternal, 503: meansUnavailable}),
	}
}

func (a *API) readOperation() huma.Operation {
	return huma.Operation{
		OperationID: "get-aggregation", Method: http.MethodGet, Path: pathOne, Tags: []string{tagAggregations},
		Summary: "Read an aggregation",
		Description: "Its state and the results of the items finished so far, in input order. A wait holds the answer until it " +
			"finishes; waits are cut to " + a.opt.MaxWait.String() + ". Once finished it has a strong ETag.",
		Parameters: []*huma.Param{paramPreferRead, paramIfNoneMatch, paramRequestID},
		Responses: a.responses(answers{
			http.StatusOK: answered("The aggregation as it stands.", jsonOf[gather.Aggregation](a),
				headers{"ETag": headerETag, "Retry-After": headerRetryAfter, "Preference-Applied": headerApplied}),
			http.StatusNotModified: answered("Finished, and what you have is still right.", nil,
				headers{"ETag": headerETag, "Preference-Applied": headerApplied}),
		}, map[int]string{404: meansNotFound, 422: meansInvalid, 500: meansInternal, 503: meansUnavailable}),
	}
}

func (a *API) resultsOperation() huma.Operation {
	return huma.Operation{
		OperationID: "stream-results", Method: http.MethodGet, Path: pathOne + "/results", Tags: []string{tagAggregations},
		Summary: "Stream results as NDJSON",
		Description: "One Result a line, in input order, of the items finished so far. With follow=true in order of completion, " +
			"as they come; then the last line is the Aggregation, and a stream without it is not complete.",
		Parameters: []*huma.Param{paramRequestID},
		Responses: a.responses(answers{
			http.StatusOK: answered("Lines of JSON.", map[string]*huma.MediaType{ndjson: {Schema: &huma.Schema{
				OneOf: []*huma.Schema{schemaOf[gather.Result](a), schemaOf[gather.Aggregation](a)}, Description: "One line.",
			}}}, nil),
		}, map[int]string{404: meansNotFound, 406: "The client does not accept application/x-ndjson.", 422: meansInvalid, 500: meansInternal, 503: meansUnavailable}),
	}
}

func (a *API) eventsOperation() huma.Operation {
	return huma.Operation{
		OperationID: "stream-events", Method: http.MethodGet, Path: pathOne + "/events", Tags: []string{tagAggregations},
		Summary: "Follow an aggregation as server-sent events",
		Description: "result: one Result, its id being the position in order of completion. progress: the counts. done: the Aggregation, " +
			"after which the stream ends. A comment every 15 s keeps the connection. With Last-Event-ID nothing is lost or repeated.",
		Parameters: []*huma.Param{paramRequestID},
		Responses: a.responses(answers{
			http.StatusOK: answered("Events.", textOf(eventStream), nil),
		}, map[int]string{404: meansNotFound, 422: meansInvalid, 500: meansInternal, 503: meansUnavailable}),
	}
}

func (a *API) pendingOperation() huma.Operation {
	return huma.Operation{
		OperationID: "get-pending", Method: http.MethodGet, Path: pathOne + "/pending", Tags: []string{tagAggregations},
		Summary: "See what is in flight",
		Description: "The items that workers have begun and not finished, with their attempts so far; none once the aggregation has finished. " +
			"For dashboards: results come from the other operations.",
		Parameters: []*huma.Param{paramRequestID},
		Responses: a.responses(answers{
			http.StatusOK: answered("What is in flight, at this moment.", jsonOf[gather.Pending](a), nil),
		}, map[int]string{404: meansNotFound, 500: meansInternal, 503: meansUnavailable}),
	}
}

func (a *API) cancelOperation() huma.Operation {
	return huma.Operation{
		OperationID: "cancel-aggregation", Method: http.MethodPost, Path: pathOne + "/cancel", Tags: []string{tagAggregations},
		Summary:     "Cancel an aggregation",
		Description: "Requests in flight are aborted; the results so far are kept.",
		Parameters:  []*huma.Param{paramRequestID}, DefaultStatus: http.StatusOK,
		Responses: a.responses(answers{
			http.StatusOK: answered("Canceled: the aggregation with the results so far.", jsonOf[gather.Aggregation](a), nil),
		}, map[int]string{404: meansNotFound, 409: "It has finished already.", 500: meansInternal, 503: meansUnavailable}),
	}
}

func (a *API) retryOperation() huma.Operation {
	return huma.Operation{
		OperationID: "retry-aggregation", Method: http.MethodPost, Path: pathOne + "/retry", Tags: []string{tagAggregations},
		Summary:     "Retry what failed",
		Description: "Runs the failed and canceled items again and keeps the others.",
		Parameters:  []*huma.Param{paramRequestID}, DefaultStatus: http.StatusAccepted,
		Responses: a.responses(answers{
			http.StatusAccepted: answered("Running again: the aggregation as it stands, without results.", jsonOf[gather.Aggregation](a),
				headers{"Location": headerLocation, "Retry-After": headerRetryAfter}),
		}, map[int]string{404: meansNotFound, 409: "It has not finished yet.", 500: meansInternal, 503: meansUnavailable}),
	}
}

func (a *API) deleteOperation() huma.Operation {
	return huma.Operation{
		OperationID: "delete-aggregation", Method: http.MethodDelete, Path: pathOne, Tags: []string{tagAggregations},
		Summary:     "Delete an aggregation",
		Description: "Cancels it if it still runs, and removes all that is stored of it.",
		Parameters:  []*huma.Param{paramRequestID}, DefaultStatus: http.StatusNoContent,
		Responses: a.responses(answers{
			http.StatusNoContent: answered("Gone.", nil, nil),
		}, map[int]string{404: meansNotFound, 500: meansInternal, 503: meansUnavailable}),
	}
}

func (a *API) healthOperation() huma.Operation {
	return huma.Operation{
		OperationID: "health", Method: http.MethodGet, Path: "/healthz", Tags: []string{tagHealth},
		Summary:     "Is the process up?",
		Description: "Says nothing of Redis or the workers: see /readyz.",
		Responses: a.responses(answers{
			http.StatusOK: answered("It is.", jsonOf[liveness](a), nil),
		}, map[int]string{500: meansInternal}),
	}
}

func (a *API) readyOperation() huma.Operation {
	return huma.Operation{
		OperationID: "ready", Method: http.MethodGet, Path: "/readyz", Tags: []string{tagHealth},
		Summary:     "Will work that is sent here be done?",
		Description: "Redis answers, and at least one worker was seen in the last seconds.",
		Responses: a.responses(answers{
			http.StatusOK: answered("It will.", jsonOf[readiness](a), nil),
		}, map[int]string{500: meansInternal, 503: "Redis is out of reach, or there is no worker, or this process is stopping."}),
	}
}
