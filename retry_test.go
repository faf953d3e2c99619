package gather_test

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gather"
)

func TestRequest_Succeeded(t *testing.T) {
	broken := &gather.ItemError{Code: gather.CodeHTTPResponseIncomplete}
	cases := map[string]struct {
		response gather.Response
		want     bool
	}{
		"a wanted code":                                {gather.Response{HTTPStatus: 200}, true},
		"an unwanted code":                             {gather.Response{HTTPStatus: 404}, false},
		"no answer":                                    {gather.Response{Error: broken}, false},
		"a wanted code whose body broke off":           {gather.Response{HTTPStatus: 200, Error: broken}, false},
		"a wanted code whose body is over the limit":   {gather.Response{HTTPStatus: 200, Truncated: true}, true},
		"a wanted code that asks to be tried again":    {gather.Response{HTTPStatus: 202, RetryAfter: time.Second}, true},
		"nothing at all, which no fetch should return": {gather.Response{}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := new(gather.Request).Succeeded(&c.response); got != c.want {
				t.Errorf("Succeeded = %v, want %v", got, c.want)
			}
		})
	}
}

func TestRequest_Retryable_statusCodes(t *testing.T) {
	retried := map[int]bool{408: true, 425: true, 429: true, 500: true, 502: true, 503: true, 504: true}
	for code := 100; code <= 599; code++ {
		got := new(gather.Request).Retryable(&gather.Response{HTTPStatus: code})
		if got != retried[code] {
			t.Errorf("a GET answered with %d is tried again: %v, want %v", code, got, retried[code])
		}
	}
}

func TestRequest_Retryable(t *testing.T) {
	var (
		refused = gather.Response{NotSent: true, Error: &gather.ItemError{Code: gather.CodeConnectionRefused}}
		timeout = gather.Response{Error: &gather.ItemError{Code: gather.CodeHTTPResponseTimeout}}
		broken  = gather.Response{HTTPStatus: 200, Error: &gather.ItemError{Code: gather.CodeHTTPResponseIncomplete}}
		private = gather.Response{NotSent: true, Permanent: true, Error: &gather.ItemError{Code: gather.CodeDestinationIPProhibited}}
		busy    = gather.Response{HTTPStatus: 503}
		absent  = gather.Response{HTTPStatus: 404}
	)
	asked := &gather.Retry{}
	cases := map[string]struct {
		request  gather.Request
		response gather.Response
		want     bool
	}{
		"GET: a connection error":                      {gather.Request{}, refused, true},
		"GET: a timeout":                               {gather.Request{}, timeout, true},
		"GET: an answer that broke off":                {gather.Request{}, broken, true},
		"GET: a code that promises a change":           {gather.Request{}, busy, true},
		"GET: a code that promises none":               {gather.Request{}, absent, false},
		"GET: what cannot help":                        {gather.Request{}, private, false},
		"GET: what cannot help, though retry is given": {gather.Request{Retry: asked}, private, false},
		"GET: a code that the client wants":            {gather.Request{ExpectStatus: []int{503}}, busy, false},
		"GET: a 200 that the client does not want":     {gather.Request{ExpectStatus: []int{404}}, gather.Response{HTTPStatus: 200}, false},
		"PUT is as GET":                                {gather.Request{Method: "PUT"}, timeout, true},
		"DELETE is as GET":                             {gather.Request{Method: "DELETE"}, busy, true},
		"POST: it can't have reached the server":       {gather.Request{Method: "POST"}, refused, true},
		"POST: it may have reached the server":         {gather.Request{Method: "POST"}, timeout, false},
		"POST: it was answered":                        {gather.Request{Method: "POST"}, busy, false},
		"post in small letters is POST":                {gather.Request{Method: "post"}, busy, false},
		"PATCH: it was answered":                       {gather.Request{Method: "PATCH"}, busy, false},
		"PATCH: it can't have reached the server":      {gather.Request{Method: "PATCH"}, refused, true},
		"POST with retry: it may have reached it":      {gather.Request{Method: "POST", Retry: asked}, timeout, true},
		"POST with retry: it was answered":             {gather.Request{Method: "POST", Retry: asked}, busy, true},
		"POST with retry: a code that promises none":   {gather.Request{Method: "POST", Retry: asked}, absent, false},
		"PATCH with retry: what cannot help":           {gather.Request{Method: "PATCH", Retry: asked}, private, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.request.Retryable(&c.response); got != c.want {
				t.Errorf("Retryable = %v, want %v", got, c.want)
			}
		})
	}
}

func TestRequest_Retryable_neverWhereItCannotHelp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := gather.Request{Method: rapid.SampledFrom([]string{"", "GET", "POST", "PATCH", "PUT"}).Draw(t, "method")}
		if rapid.Bool().Draw(t, "retry is given") {
			r.Retry = &gather.Retry{}
		}
		resp := gather.Response{
			HTTPStatus: rapid.IntRange(0, 599).Draw(t, "status code"),
			NotSent:    rapid.Bool().Draw(t, "not sent"),
			Permanent:  rapid.Bool().Draw(t, "permanent"),
		}
		if rapid.Bool().Draw(t, "failed") {
			resp.Error = &gather.ItemError{Code: gather.CodeConnectionRefused}
		}
		again := r.Retryable(&resp)
		switch {
		case again && resp.Permanent:
			t.Fatal("tries again what cannot help")
		case again && r.Succeeded(&resp):
			t.Fatal("tries again what succeeded")
		case again && r.Unsafe() && r.Retry == nil && !resp.NotSent:
			t.Fatal("may do twice what was asked for once")
		}
	})
}

func TestRequest_Backoff_defaults(t *testing.T) {
	cases := map[string]struct {
		retry        *gather.Retry
		attempts     int
		from, before time.Duration
	}{
		"after the first attempt":           {nil, 1, 200 * time.Millisecond, 400 * time.Millisecond},
		"after the second":                  {nil, 2, 200 * time.Millisecond, 800 * time.Millisecond},
		"after very many":                   {nil, 100, 200 * time.Millisecond, 30 * time.Second},
		"max_backoff below the shortest":    {&gather.Retry{MaxBackoff: gather.After(time.Millisecond)}, 5, time.Millisecond, time.Millisecond + 1},
		"min_backoff above the longest":     {&gather.Retry{MinBackoff: gather.After(time.Minute)}, 5, time.Minute, time.Minute + 1},
		"both the same":                     {&gather.Retry{MinBackoff: gather.After(time.Second), MaxBackoff: gather.After(time.Second)}, 3, time.Second, time.Second + 1},
		"neither, of a retry that is given": {&gather.Retry{}, 1, 200 * time.Millisecond, 400 * time.Millisecond},
		"no wait at all":                    {&gather.Retry{MinBackoff: gather.After(0), MaxBackoff: gather.After(0)}, 3, 0, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := gather.Request{Retry: c.retry}
			for range 100 {
				if got := r.Backoff(c.attempts, 0); got < c.from || got >= c.before {
					t.Fatalf("Backoff(%d) = %v, want from %v to below %v", c.attempts, got, c.from, c.before)
				}
			}
		})
	}
}

func TestRequest_Backoff_honoursRetryAfter(t *testing.T) {
	r := gather.Request{Retry: &gather.Retry{MinBackoff: gather.After(time.Second), MaxBackoff: gather.After(2 * time.Second)}}
	for _, asked := range []time.Duration{1, time.Millisecond, time.Minute, 24 * time.Hour} {
		if got := r.Backoff(1, asked); got != asked {
			t.Errorf("the server asks for %v, the wait is %v", asked, got)
		}
	}
	if got := r.Backoff(1, 0); got < time.Second || got > 2*time.Second {
		t.Errorf("the server asks for nothing, the wait is %v, want it within the bounds", got)
	}
}

// TestRequest_Backoff_staysInBounds draws extreme durations too: nothing may overflow.
func TestRequest_Backoff_staysInBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lowest := time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "min_backoff"))
		highest := time.Duration(rapid.Int64Range(int64(lowest), math.MaxInt64).Draw(t, "max_backoff"))
		attempts := rapid.IntRange(0, 100).Draw(t, "attempts")
		r := gather.Request{Retry: &gather.Retry{MinBackoff: gather.After(lowest), MaxBackoff: gather.After(highest)}}

		from := lowest
		if from == 0 { // it grows from the default then
			from = min(gather.DefaultMinBackoff, highest)
		}
		ceiling := doubled(from, attempts, highest)
		if got := r.Backoff(attempts, 0); got < lowest || got > ceiling {
			t.Fatalf("Backoff(%d) = %v, want %v to %v", attempts, got, lowest, ceiling)
		}
	})
}

// TestRequest_Backoff_grows relies on chance where it can't fail: each of 200 waits
// is in the upper half of its range with a probability of at least one half.
func TestRequest_Backoff_grows(t *testing.T) {
	const lowest, highest = 200 * time.Millisecond, 30 * time.Second
	var r gather.Request
	for attempts := 1; attempts <= 10; attempts++ {
		var longest time.Duration
		for range 200 {
			longest = max(longest, r.Backoff(attempts, 0))
		}
		ceiling := doubled(lowest, attempts, highest)
		if middle := lowest + (ceiling-lowest)/2; longest < middle {
			t.Errorf("after %d attempts no wait of 200 is longer than %v, want them up to %v", attempts, longest, ceiling)
		}
	}
}

// doubled is d doubled n times, at most limit, in numbers that can't overflow.
func doubled(d time.Duration, n int, limit time.Duration) time.Duration {
	product := new(big.Int).Lsh(big.NewInt(int64(d)), uint(n))
	if product.Cmp(big.NewInt(int64(limit))) > 0 {
		return limit
	}
	return time.Duration(product.Int64())
}

func TestRequest_Backoff_growsFromZero(t *testing.T) {
	r := gather.Request{Retry: &gather.Retry{MinBackoff: gather.After(0)}}
	longest := time.Duration(0)
	for range 200 {
		longest = max(longest, r.Backoff(10, 0))
	}
	if longest < time.Second {
		t.Errorf("the longest of 200 waits after 10 attempts is %v, want some beyond 1s", longest)
	}
}
