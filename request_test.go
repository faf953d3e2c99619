package gather_test

import (
	"testing"
	"time"

	"gather"
)

func TestRequest_MethodOrGet(t *testing.T) {
	for given, want := range map[string]string{"": "GET", "GET": "GET", "post": "POST", "Patch": "PATCH", "PROPFIND": "PROPFIND"} {
		r := gather.Request{Method: given}
		if got := r.MethodOrGet(); got != want {
			t.Errorf("method %q is sent as %q, want %q", given, got, want)
		}
	}
}

func TestRequest_Unsafe(t *testing.T) {
	cases := map[string]bool{
		"": false, "GET": false, "HEAD": false, "OPTIONS": false, "PUT": false, "DELETE": false, "put": false,
		"POST": true, "PATCH": true, "post": true,
		"PROPFIND": true, // nobody knows what it does
	}
	for method, want := range cases {
		r := gather.Request{Method: method}
		if got := r.Unsafe(); got != want {
			t.Errorf("%q is unsafe: %v, want %v", method, got, want)
		}
	}
}

func TestRequest_Expects(t *testing.T) {
	cases := map[string]struct {
		expect []int
		status int
		want   bool
	}{
		"200 is success":                           {nil, 200, true},
		"299 is success":                           {nil, 299, true},
		"199 is not":                               {nil, 199, false},
		"300 is not":                               {nil, 300, false},
		"404 is not":                               {nil, 404, false},
		"no answer is not":                         {nil, 0, false},
		"an empty list is as none":                 {[]int{}, 204, true},
		"a listed code is success":                 {[]int{404, 410}, 410, true},
		"a list replaces the default":              {[]int{404}, 200, false},
		"a code between two that are listed isn't": {[]int{200, 204}, 202, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := gather.Request{ExpectStatus: c.expect}
			if got := r.Expects(c.status); got != c.want {
				t.Errorf("Expects(%d) with %v = %v, want %v", c.status, c.expect, got, c.want)
			}
		})
	}
}

func TestRequest_AttemptTimeout(t *testing.T) {
	var r gather.Request
	if got, want := r.AttemptTimeout(), 10*time.Second; got != want {
		t.Errorf("left out = %v, want %v", got, want)
	}
	r.Timeout = gather.After(time.Minute)
	if got := r.AttemptTimeout(); got != time.Minute {
		t.Errorf("given = %v, want 1m", got)
	}
}

func TestRequest_MaxAttempts(t *testing.T) {
	once := 1
	cases := map[string]struct {
		retry *gather.Retry
		want  int
	}{
		"left out is 3":                  {nil, 3},
		"left out of a given retry is 3": {&gather.Retry{}, 3},
		"as given":                       {&gather.Retry{MaxAttempts: &once}, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := gather.Request{Retry: c.retry}
			if got := r.MaxAttempts(); got != c.want {
				t.Errorf("MaxAttempts() = %d, want %d", got, c.want)
			}
		})
	}
}

func TestRequest_HasHeader(t *testing.T) {
	r := gather.Request{Headers: map[string]string{"x-api-KEY": "", "Accept": "*/*"}}
	for name, want := range map[string]bool{"X-Api-Key": true, "ACCEPT": true, "Accept-Language": false, "": false} {
		if got := r.HasHeader(name); got != want {
			t.Errorf("HasHeader(%q) = %v, want %v", name, got, want)
		}
	}
	if new(gather.Request).HasHeader("Accept") {
		t.Error("a request without headers has one")
	}
}
