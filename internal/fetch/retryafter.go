package fetch

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds how long a server can make a request wait; no deadline is longer.
const maxRetryAfter = 24 * time.Hour

// sentAt is when a response was sent by the server's clock, which its Retry-After is by, too;
// now, by ours, where the server does not tell.
func sentAt(date string, now time.Time) time.Time {
	if at, err := http.ParseTime(date); err == nil {
		return at
	}
	return now
}

// retryAfter reads a Retry-After header (RFC 9110, section 10.2.3): a number of
// seconds or a date. It is 0 where the header is absent, not valid or in the past.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if header == "" {
		return 0
	}
	if strings.Trim(header, "0123456789") == "" {
		seconds, err := strconv.ParseInt(header, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter // digits that don't fit are a long time too
		}
		return time.Duration(seconds) * time.Second
	}
	date, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), maxRetryAfter)
}
