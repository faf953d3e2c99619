package client

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gather"
)

// maxProblem bounds what is read of a refusal, in bytes.
const maxProblem = 1 << 20

// Problem is why the API refuses a request: RFC 9457's problem document. With
// [errors.Is] it is the error of package gather that its Type stands for, such as
// [gather.ErrNotFound].
type Problem struct {
	// Type is what kind of problem it is, such as urn:gather:problem:not-found, or
	// about:blank where the status says it all.
	Type string `json:"type"`
	// Title is the kind of problem for people.
	Title string `json:"title"`
	// Status is the status code.
	Status int `json:"status"`
	// Detail says what is wrong this time.
	Detail string `json:"detail"`
	// Errors are all that is wrong with the request, where several fields may be.
	Errors []gather.Fault `json:"errors"`

	// RetryAfter is how long to wait before it is worth trying again; 0 where the
	// server has not said.
	RetryAfter time.Duration `json:"-"`
	// RequestID finds the request in the server's log.
	RequestID string `json:"-"`
}

// Error says the status, the problem, and every place where something is wrong.
func (p *Problem) Error() string {
	if len(p.Errors) == 0 {
		return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail)
	}
	faults := make([]string, len(p.Errors))
	for i, f := range p.Errors {
		faults[i] = f.Location + " " + f.Message
	}
	return fmt.Sprintf("%d %s: %s", p.Status, p.Title, strings.Join(faults, "; "))
}

// kinds are the errors of package gather by the end of a problem's type.
var kinds = map[string][]error{
	"not-found":              {gather.ErrNotFound},
	"finished":               {gather.ErrFinished},
	"unfinished":             {gather.ErrUnfinished},
	"idempotency-key-reused": {gather.ErrKeyReused},
	"idempotency-key-gone":   {gather.ErrKeyGone},
	"too-many-open":          {gather.ErrTooManyOpen},
	"outcome-unknown":        {gather.ErrOutcomeUnknown, gather.ErrUnavailable},
	"unavailable":            {gather.ErrUnavailable},
}

const (
	namespace   = "urn:gather:problem:"
	typeInvalid = namespace + "invalid-request"
)

// Is reports whether target is the error of package gather that the problem stands for.
func (p *Problem) Is(target error) bool {
	if target == gather.ErrBadCursor {
		return p.Type == typeInvalid && len(p.Errors) > 0 && p.Errors[0].Location == "query.cursor"
	}
	kind, ours := strings.CutPrefix(p.Type, namespace)
	if !ours {
		return false
	}
	for _, err := range kinds[kind] {
		if err == target {
			return true
		}
	}
	return false
}

// readProblem reads a refusal. One that is no problem document comes from something
// before the API, or from something else at this address.
func readProblem(resp *http.Response) error {
	p := &Problem{}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/problem+json" || json.Unmarshal(body, p) != nil {
		p = &Problem{
			Type: "about:blank", Title: http.StatusText(resp.StatusCode),
			Detail: "the answer is not one of Gather's API; is the URL right, and what stands before it up?",
		}
	}
	p.Status = resp.StatusCode
	p.RetryAfter = parseRetryAfter(resp.Header)
	p.RequestID = resp.Header.Get("X-Request-Id")
	return p
}

// parseRetryAfter reads both forms of Retry-After (RFC 9110, section 10.2.3). A date is
// taken by the server's clock, where its answer has one.
func parseRetryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(0, at.Sub(now))
}
