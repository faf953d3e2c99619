package gather

import (
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of what a client may send beside the number of requests.
const (
	maxURLLength   = 8192
	maxHeaders     = 100
	maxLabels      = 32
	maxLabelLength = 128
	maxNameLength  = 256
	maxAttempts    = 100
	// maxFaults bounds the answer to a hostile body: 10,000 bad items need no 10,000 lines.
	maxFaults = 100
)

// Fault is one thing that is wrong with what a client sent.
type Fault struct {
	// Location is where, such as "body.requests[3].url".
	Location string `json:"location" doc:"Where, such as body.requests[3].url."`
	// Message is what, and what would be right. It never repeats a value, which may be a secret.
	Message string `json:"message" doc:"What is wrong, and what would be right."`
}

// faults collects what is wrong, at most maxFaults of it.
type faults []Fault

func (f *faults) add(location, format string, args ...any) {
	switch {
	case len(*f) < maxFaults:
		*f = append(*f, Fault{location, fmt.Sprintf(format, args...)})
	case len(*f) == maxFaults:
		*f = append(*f, Fault{"body", "there are more faults than these; mend them and send again"})
	}
}

// Validate returns all that is wrong with the spec, at most 101 faults, nil when
// nothing is. Locations start at "body".
func (s *Spec) Validate(maxRequests int) []Fault {
	var f faults
	f.checkItems(s, maxRequests)
	f.checkDuration("body.deadline", s.Deadline, 1, MaxDeadline)
	f.checkDuration("body.retention", s.Retention, 1, MaxRetention)
	if s.Concurrency < 0 {
		f.add("body.concurrency", "must be 0 (no cap) or more")
	}
	switch s.Priority {
	case "", PriorityHigh, PriorityDefault, PriorityLow:
	default:
		f.add("body.priority", "must be one of high, default, low")
	}
	if utf8.RuneCountInString(s.Name) > maxNameLength {
		f.add("body.name", "must have at most %d characters", maxNameLength)
	}
	f.checkLabels(s.Labels)
	return f
}

func (f *faults) checkItems(s *Spec, maxRequests int) {
	switch {
	case s.URLs != nil && s.Requests != nil:
		f.add("body", "give urls or requests, not both")
	case len(s.URLs) == 0 && len(s.Requests) == 0:
		f.add("body", "give 1 to %d items in urls or requests", maxRequests)
	}
	if n := max(len(s.URLs), len(s.Requests)); n > maxRequests {
		location := "body.requests"
		if len(s.URLs) > len(s.Requests) {
			location = "body.urls"
		}
		f.add(location, "%d items are over the limit of %d; split the list, or have the server started with a higher --max-requests", n, maxRequests)
		return
	}
	for i, u := range s.URLs {
		f.checkURL(at("body.urls", i, ""), u)
	}
	firstWithKey := make(map[string]int)
	for i := range s.Requests {
		r := &s.Requests[i]
		f.checkRequest(i, r)
		if r.Key == "" {
			continue
		}
		if first, taken := firstWithKey[r.Key]; taken {
			f.add(at("body.requests", i, ".key"), "is the key of requests[%d] already; keys are unique", first)
		} else {
			firstWithKey[r.Key] = i
		}
	}
}

func at(list string, i int, field string) string {
	return list + "[" + strconv.Itoa(i) + "]" + field
}

func (f *faults) checkRequest(i int, r *Request) {
	f.checkURL(at("body.requests", i, ".url"), r.URL)
	if r.Method != "" {
		f.checkMethod(at("body.requests", i, ".method"), r)
	}
	if len(r.Headers) > 0 {
		f.checkHeaders(at("body.requests", i, ".headers"), r.Headers)
	}
	if r.Body != nil && r.BodyText != "" {
		f.add(at("body.requests", i, ".body_text"), "give body or body_text, not both")
	}
	if utf8.RuneCountInString(r.Key) > maxNameLength {
		f.add(at("body.requests", i, ".key"), "must have at most %d characters", maxNameLength)
	}
	if r.Timeout != nil {
		f.checkDuration(at("body.requests", i, ".timeout"), r.Timeout, 1, MaxDeadline)
	}
	if r.Retry != nil {
		f.checkRetry(at("body.requests", i, ".retry"), r)
	}
	for k, code := range r.ExpectStatus {
		if code < 200 || code > 599 {
			f.add(at(at("body.requests", i, ".expect_status"), k, ""), "must be a final status code, 200 to 599")
		}
	}
}

func (f *faults) checkURL(location, raw string) {
	if raw == "" {
		f.add(location, "is required: an absolute http or https URL")
		return
	}
	if len(raw) > maxURLLength {
		f.add(location, "must have at most %d bytes", maxURLLength)
		return
	}
	u, err := url.Parse(raw)
	if err != nil {
		f.add(location, "is not a URL")
		return
	}
	if u.Scheme == "" || (u.Opaque == "" && u.Host == "") {
		f.add(location, "must be absolute, such as https://example.com/path")
		return
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		f.add(location, "must be http or https")
		return
	}
	if u.Hostname() == "" {
		f.add(location, "must name a host")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			f.add(location, "must have a port from 1 to 65535")
		}
	}
}

func (f *faults) checkMethod(location string, r *Request) {
	switch method := r.MethodOrGet(); {
	case !isToken(r.Method): // as it was given: upper case makes ASCII of a few other letters
		f.add(location, "is not a request method")
	case method == http.MethodConnect || method == http.MethodTrace:
		f.add(location, "CONNECT and TRACE can't be sent; use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS")
	}
}

// connectionHeaders belong to the connection, which the worker's client keeps by itself.
var connectionHeaders = map[string]bool{
	"Connection": true, "Content-Length": true, "Keep-Alive": true, "Proxy-Connection": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

func (f *faults) checkHeaders(location string, headers map[string]string) {
	if len(headers) > maxHeaders {
		f.add(location, "must have at most %d headers", maxHeaders)
	}
	seen := make(map[string]bool, len(headers))
	for _, name := range sortedKeys(headers) {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !isToken(name):
			f.add(location, "has a name that is not a header field name")
		case connectionHeaders[canonical]:
			f.add(location+"."+name, "is set by Gather itself and can't be given")
		case seen[canonical]:
			f.add(location+"."+name, "is given twice, in different case")
		case !isFieldValue(headers[name]):
			f.add(location+"."+name, "has a value with control characters")
		}
		seen[canonical] = true
	}
}

func (f *faults) checkRetry(location string, r *Request) {
	if n := r.Retry.MaxAttempts; n != nil && (*n < 1 || *n > maxAttempts) {
		f.add(location+".max_attempts", "must be 1 to %d", maxAttempts)
	}
	f.checkDuration(location+".min_backoff", r.Retry.MinBackoff, 0, MaxDeadline)
	f.checkDuration(location+".max_backoff", r.Retry.MaxBackoff, 0, MaxDeadline)
	if r.Retry.MaxBackoff != nil && *r.Retry.MaxBackoff >= 0 && r.minBackoff() > r.maxBackoff() {
		f.add(location+".max_backoff", "must not be shorter than min_backoff")
	}
}

func (f *faults) checkDuration(location string, d *Duration, shortest, longest time.Duration) {
	switch {
	case d == nil:
	case *d == InvalidDuration:
		f.add(location, `is not a duration such as "1.5s" or "2m"`)
	case d.Std() < shortest && shortest > 0:
		f.add(location, "must be longer than 0s")
	case d.Std() < 0:
		f.add(location, "must not be negative")
	case d.Std() > longest:
		f.add(location, "must be at most %v", longest)
	}
}

func (f *faults) checkLabels(labels map[string]string) {
	if len(labels) > maxLabels {
		f.add("body.labels", "must have at most %d labels", maxLabels)
	}
	for _, key := range sortedKeys(labels) {
		switch {
		case key == "" || strings.Contains(key, ":"):
			f.add("body.labels", "has a key that is empty or contains a colon, which separates key from value in filters")
		case len(key) > maxLabelLength || len(labels[key]) > maxLabelLength:
			f.add("body.labels", "must have keys and values of at most %d bytes", maxLabelLength)
		}
	}
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		alphanumeric := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !alphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

// isFieldValue reports whether s may stand as a field value (RFC 9110, section 5.5).
func isFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
