package gather

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Defaults of a request's optional fields.
const (
	DefaultTimeout     = 10 * time.Second
	DefaultMaxAttempts = 3
	DefaultMinBackoff  = 200 * time.Millisecond
	DefaultMaxBackoff  = 30 * time.Second
)

// Request is one item of an aggregation: an HTTP request to send, and how
// often and how long to try. It never changes once it is accepted.
type Request struct {
	// URL is absolute, http or https.
	URL string `json:"url" doc:"Absolute http or https URL of up to 8192 bytes." example:"https://api.example.com/weather"`
	// Method is the request method; "" means GET.
	Method string `json:"method,omitempty" doc:"Request method." default:"GET"`
	// Headers are sent as given. Their values are secrets: they appear in no log and no list.
	Headers map[string]string `json:"headers,omitempty" doc:"Up to 100 request headers. Their values are kept secret."`
	// Body is any JSON, sent as application/json. At most one of Body and BodyText is given.
	Body json.RawMessage `json:"body,omitempty" doc:"Any JSON, sent as application/json. Excludes body_text."`
	// BodyText is sent as it is.
	BodyText string `json:"body_text,omitempty" doc:"Text, sent as it is. Excludes body."`
	// Key is the client's own name for the item, unique within the aggregation if given.
	Key string `json:"key,omitempty" maxLength:"256" doc:"Your own name for the item; unique within the aggregation."`
	// Timeout bounds one attempt, up to the last byte of its body; nil means 10 s.
	Timeout *Duration `json:"timeout,omitempty" doc:"Bound on one attempt, at most 24h. Default 10s." example:"10s"`
	// Retry says how often and how fast to try again; nil means the defaults,
	// and for POST and PATCH only where the request cannot have reached the server.
	Retry *Retry `json:"retry,omitempty" doc:"How often and how fast to try again."`
	// ExpectStatus lists the status codes that count as success; empty means 200 to 299.
	ExpectStatus []int `json:"expect_status,omitempty" doc:"Status codes that count as success, each 200 to 599. Default 200 to 299."`
}

// Retry says how often and how fast a request is tried again.
type Retry struct {
	// MaxAttempts counts the requests sent, the first included: 1 to 100; nil means 3.
	MaxAttempts *int `json:"max_attempts,omitempty" minimum:"1" maximum:"100" doc:"Requests sent at most, the first included. Default 3."`
	// MinBackoff is the shortest wait between attempts; nil means 200 ms, or MaxBackoff where that is shorter.
	MinBackoff *Duration `json:"min_backoff,omitempty" doc:"Shortest wait between attempts. Default 200ms." example:"200ms"`
	// MaxBackoff is the longest wait between attempts; nil means 30 s, or MinBackoff where that is longer.
	MaxBackoff *Duration `json:"max_backoff,omitempty" doc:"Longest wait between attempts. Default 30s." example:"30s"`
}

// MethodOrGet is the request's method, GET where none was given.
func (r *Request) MethodOrGet() string {
	if r.Method == "" {
		return http.MethodGet
	}
	return strings.ToUpper(r.Method)
}

// AttemptTimeout bounds one attempt.
func (r *Request) AttemptTimeout() time.Duration {
	return durationOr(r.Timeout, DefaultTimeout)
}

// MaxAttempts is how many requests may be sent for the item, the first included.
func (r *Request) MaxAttempts() int {
	if r.Retry == nil || r.Retry.MaxAttempts == nil {
		return DefaultMaxAttempts
	}
	return *r.Retry.MaxAttempts
}

// Unsafe reports whether sending the request twice may do twice as much
// (not one of the idempotent methods of RFC 9110, section 9.2.2).
func (r *Request) Unsafe() bool {
	switch r.MethodOrGet() {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return false
	}
	return true
}

// Expects reports whether the status code counts as success.
func (r *Request) Expects(status int) bool {
	if len(r.ExpectStatus) == 0 {
		return status >= 200 && status <= 299
	}
	return slices.Contains(r.ExpectStatus, status)
}

func (r *Request) minBackoff() time.Duration {
	if r.Retry == nil {
		return DefaultMinBackoff
	}
	return durationOr(r.Retry.MinBackoff, min(DefaultMinBackoff, r.maxBackoff()))
}

func (r *Request) maxBackoff() time.Duration {
	if r.Retry == nil {
		return DefaultMaxBackoff
	}
	return durationOr(r.Retry.MaxBackoff, DefaultMaxBackoff)
}

func durationOr(d *Duration, fallback time.Duration) time.Duration {
	if d == nil {
		return fallback
	}
	return d.Std()
}

// HasHeader reports whether the client gave the header, in whatever case.
func (r *Request) HasHeader(name string) bool {
	for given := range r.Headers {
		if strings.EqualFold(given, name) {
			return true
		}
	}
	return false
}
