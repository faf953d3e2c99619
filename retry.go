package gather

import (
	"math/rand/v2"
	"net/http"
	"time"
)

// Response is what came of one attempt at a request.
type Response struct {
	// HTTPStatus is the final response's status code; 0 means that none came.
	HTTPStatus int
	// ContentType is the response's Content-Type, as sent.
	ContentType string
	// Body holds at most the body limit; Truncated tells that there was more.
	Body      []byte
	Truncated bool
	// RetryAfter is what the server asked for with Retry-After; 0 means nothing.
	RetryAfter time.Duration
	// Error says why there is no complete response; nil when there is one, whatever its status.
	Error *ItemError
	// NotSent tells that the request cannot have reached the server.
	NotSent bool
	// Permanent tells that trying again cannot help (a refused address, an unusable certificate).
	Permanent bool
}

// Succeeded reports whether resp is the answer that the client wants.
func (r *Request) Succeeded(resp *Response) bool {
	return resp.Error == nil && r.Expects(resp.HTTPStatus)
}

// Retryable reports whether a failed attempt may be tried again, attempts left
// aside: connection errors, timeouts and the status codes that promise a change.
// POST and PATCH are tried again only if the request cannot have reached the
// server, unless the client itself asked for retries.
func (r *Request) Retryable(resp *Response) bool {
	if r.Succeeded(resp) || resp.Permanent {
		return false
	}
	if r.Unsafe() && r.Retry == nil && !resp.NotSent {
		return false
	}
	return resp.Error != nil || retryableStatus(resp.HTTPStatus)
}

func retryableStatus(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// Backoff is how long to wait after the given number of attempts: what the server
// asked for, else exponential backoff with full jitter, between the request's
// bounds. The bound doubles with each attempt.
// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter)
func (r *Request) Backoff(attempts int, retryAfter time.Duration) time.Duration {
	if retryAfter > 0 {
		return retryAfter
	}
	lowest, highest := r.minBackoff(), r.maxBackoff()
	ceiling := lowest
	if ceiling == 0 { // nothing would double to nothing
		ceiling = min(DefaultMinBackoff, highest)
	}
	for range attempts {
		if ceiling >= highest/2 {
			ceiling = highest
			break
		}
		ceiling *= 2
	}
	if ceiling <= lowest {
		return lowest
	}
	return lowest + rand.N(ceiling-lowest)
}
