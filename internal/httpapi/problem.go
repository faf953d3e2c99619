package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"gather"

	"github.com/labstack/echo/v4"
)

// problem is the body of every error (RFC 9457). It names places and rules,
// never values: what a client sent may be a secret, and answers end up in logs.
type problem struct {
	Type   string         `json:"type" format:"uri-reference" doc:"What kind of problem, for machines. about:blank where the status says it all." example:"urn:gather:problem:invalid-request"`
	Title  string         `json:"title" doc:"The kind of problem, for people."`
	Status int            `json:"status" doc:"The status code." example:"422"`
	Detail string         `json:"detail" doc:"What is wrong this time."`
	Errors []gather.Fault `json:"errors,omitempty" doc:"All that is wrong with the request, where several fields may be."`

	header http.Header
}

const problemType = "application/problem+json"

// Error makes a problem an error that handlers can return.
func (p *problem) Error() string { return p.Detail }

// GetStatus and ContentType tell huma how to write a problem.
func (p *problem) GetStatus() int { return p.Status }

// ContentType is the media type of a problem.
func (p *problem) ContentType(string) string { return problemType }

// Reasons of this package to refuse a request.
var (
	// errClosing refuses what can't be finished any more.
	errClosing = errors.New("the process is stopping")
	// errNoWorker tells that what is accepted would lie there.
	errNoWorker = errors.New("no worker")
)

// explained is an error with a better sentence for the client than its kind has.
type explained struct {
	err    error
	detail string
}

func (e *explained) Error() string { return e.err.Error() }
func (e *explained) Unwrap() error { return e.err }

// kinds is the one table from errors to answers.
var kinds = []struct {
	err                 error
	status              int
	name, title, detail string
}{
	{gather.ErrNotFound, 404, "not-found", "No such aggregation",
		"there is no aggregation with this id; it may have been deleted, or its retention is over"},
	{gather.ErrFinished, 409, "finished", "Finished already",
		"the aggregation has finished already"},
	{gather.ErrUnfinished, 409, "unfinished", "Not finished yet",
		"the aggregation has not finished yet; wait for it or cancel it first"},
	{gather.ErrKeyReused, 422, "idempotency-key-reused", "Idempotency key used twice",
		"this Idempotency-Key was used with another body; take a new key for a new request"},
	{gather.ErrKeyGone, 409, "idempotency-key-gone", "Aggregation gone",
		"the aggregation made with this Idempotency-Key is deleted or expired; take a new key to make it again"},
	{gather.ErrBadCursor, 422, "invalid-request", titleInvalid, detailInvalid},
	{gather.ErrTooManyOpen, 429, "too-many-open", "Too many open aggregations",
		"you have as many unfinished aggregations as you may; wait for one of them, or cancel one"},
	{gather.ErrOutcomeUnknown, 503, "outcome-unknown", "Outcome unknown",
		"Redis stopped answering, or too few of its replicas keep up, and it is not known whether this was done for good; send it again with the same Idempotency-Key, or look into the list first"},
	{gather.ErrUnavailable, 503, "unavailable", "Redis unavailable",
		"Redis is out of reach or refuses to write; try again in a moment"},
	{errClosing, 503, "stopping", "Stopping",
		"this process is stopping; try again, another one will answer"},
	{errBusy, 503, "busy", "Busy",
		"this process holds as many clients as it may; try again in a moment"},
	{errNoWorker, 503, "no-worker", "No worker",
		"no worker was seen in the last seconds; start one with cmd/worker at the same Redis"},
}

const (
	namespace     = "urn:gather:problem:"
	titleInvalid  = "Invalid request"
	detailInvalid = "the request is not valid; errors says where and why"
)

// statusProblem is a problem that the status code says all of.
func statusProblem(status int, format string, args ...any) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

// invalid is the answer to a request with faults in its parameters or body.
func invalid(faults ...gather.Fault) *problem {
	return &problem{
		Type: namespace + "invalid-request", Title: titleInvalid, Status: http.StatusUnprocessableEntity,
		Detail: detailInvalid, Errors: faults,
	}
}

// tooLarge refuses a body that nobody has read: whether it has one request or many, its
// client knows.
func tooLarge(limit int64) *problem {
	return statusProblem(http.StatusRequestEntityTooLarge,
		"the body is over the limit of %d bytes; spread its requests over several aggregations, or raise --max-request-body where a single one is larger", limit)
}

// kindNames lists what types end in, for the document.
func kindNames() string {
	names := []string{"internal", "rate-limited"}
	for _, k := range kinds {
		names = append(names, k.name)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// problemOf turns an error into its answer. internal tells that the error is
// none that a client could do something about.
func problemOf(err error) (p *problem, internal bool) {
	if errors.As(err, &p) {
		return p, false
	}
	if he := (*echo.HTTPError)(nil); errors.As(err, &he) && he.Code < http.StatusInternalServerError {
		return routingProblem(he.Code), false
	}
	for _, k := range kinds {
		if !errors.Is(err, k.err) {
			continue
		}
		p = &problem{Type: namespace + k.name, Title: k.title, Status: k.status, Detail: k.detail}
		if better := (*explained)(nil); errors.As(err, &better) {
			p.Detail = better.detail
		}
		if errors.Is(err, gather.ErrBadCursor) {
			p.Errors = []gather.Fault{{Location: "query.cursor", Message: "must be the next_cursor of a list, as it was given"}}
		}
		if k.status == http.StatusServiceUnavailable || k.status == http.StatusTooManyRequests {
			p.header = http.Header{"Retry-After": {"1"}}
		}
		return p, errors.Is(err, gather.ErrUnavailable)
	}
	p = statusProblem(http.StatusInternalServerError, "internal error; the log has more under this X-Request-Id")
	p.Type = namespace + "internal"
	return p, true
}

func routingProblem(status int) *problem {
	switch status {
	case http.StatusNotFound:
		return statusProblem(status, "there is nothing at this path; GET /openapi.json lists what there is")
	case http.StatusMethodNotAllowed:
		return statusProblem(status, "this path does not know this method; the Allow header says which it knows")
	}
	return statusProblem(status, "%s", strings.ToLower(http.StatusText(status)))
}
