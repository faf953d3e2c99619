package fetch

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"":                               0,
		"0":                              0,
		"1":                              time.Second,
		" 120 ":                          2 * time.Minute,
		"86400":                          24 * time.Hour,
		"86401":                          24 * time.Hour,
		"9223372036854775807":            24 * time.Hour,
		"99999999999999999999999":        24 * time.Hour,
		"-1":                             0,
		"+1":                             0,
		"1.5":                            0,
		"1s":                             0,
		"soon":                           0,
		"Sun, 01 Mar 2026 12:00:30 GMT":  30 * time.Second,
		"Sunday, 01-Mar-26 12:01:00 GMT": time.Minute,
		"Sun Mar  1 12:00:01 2026":       time.Second,
		"Sun, 01 Mar 2026 11:59:59 GMT":  0,
		"Fri, 01 Jan 2100 00:00:00 GMT":  24 * time.Hour,
		"Mon, 01 Jan 0001 00:00:00 GMT":  0,
		"Sun, 01 Mar 2026 12:00:30":      0,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", header, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, seed := range []string{"", "0", "120", "99999999999999999999", "-1", now.Format(http.TimeFormat), "Sun Mar  1 12:00:01 2026"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got := retryAfter(header, now)
		if got < 0 || got > maxRetryAfter {
			t.Fatalf("retryAfter(%q) = %v, want it within 0 and %v", header, got, maxRetryAfter)
		}
		if got > 0 && !strings.ContainsAny(header, "0123456789") {
			t.Fatalf("retryAfter(%q) = %v from no number at all", header, got)
		}
	})
}

// TestSentAt has a date of Retry-After count from the server's clock, whatever ours says.
func TestSentAt(t *testing.T) {
	const date, until = "Sun, 01 Mar 2026 12:00:00 GMT", "Sun, 01 Mar 2026 12:00:30 GMT"
	right := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, off := range []time.Duration{0, 30 * time.Second, -30 * time.Second} {
		now := right.Add(off)
		if got := retryAfter(until, sentAt(date, now)); got != 30*time.Second {
			t.Errorf("%v off, the server is asked again after %v", off, got)
		}
		for _, none := range []string{"", "yesterday"} {
			if got := sentAt(none, now); !got.Equal(now) {
				t.Errorf("sentAt(%q) = %v, want ours", none, got)
			}
		}
	}
}
