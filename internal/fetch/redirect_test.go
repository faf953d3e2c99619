package fetch

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gather"
)

// redirecting answers every request with a redirect to the place, and "/end" with
// what it saw.
func redirecting(status int, to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end" {
			echo(w, r)
			return
		}
		w.Header().Set("Location", to)
		w.WriteHeader(status)
	}
}

func TestClient_Fetch_followsRedirects(t *testing.T) {
	c := localClient(t)
	for _, want := range []struct {
		status          int
		method, becomes string
	}{
		{301, "GET", "GET"}, {301, "POST", "GET"}, {301, "PUT", "PUT"}, {301, "HEAD", "HEAD"},
		{302, "GET", "GET"}, {302, "POST", "GET"}, {302, "PATCH", "PATCH"}, {302, "DELETE", "DELETE"},
		{303, "GET", "GET"}, {303, "POST", "GET"}, {303, "PUT", "GET"}, {303, "HEAD", "HEAD"},
		{307, "POST", "POST"}, {307, "PUT", "PUT"}, {308, "POST", "POST"}, {308, "GET", "GET"},
	} {
		t.Run(fmt.Sprint(want.status, " ", want.method), func(t *testing.T) {
			srv := serve(t, redirecting(want.status, "/end?q=1"))
			r := &gather.Request{URL: srv.URL + "/start?token=s3cret", Method: want.method, BodyText: "text"}
			if want.method == "HEAD" {
				if resp := c.Fetch(t.Context(), r); resp.Error != nil || resp.HTTPStatus != 200 {
					t.Errorf("response = %+v", resp)
				}
				return
			}
			s := fetchSeen(t, c, r)
			body, contentType := "text", "text/plain; charset=utf-8"
			if want.method != want.becomes {
				body, contentType = "", ""
			}
			if s.Method != want.becomes || s.Path != "/end" || s.Query != "q=1" || s.Body != body || s.Header.Get("Content-Type") != contentType {
				t.Errorf("the server saw %+v", s)
			}
			if s.Header.Get("Referer") != "" {
				t.Errorf("the server saw where the request came from: %q", s.Header.Get("Referer"))
			}
		})
	}
}

func TestClient_Fetch_dropsCredentialsAcrossHosts(t *testing.T) {
	headers := map[string]string{
		"Authorization": "s", "Cookie": "s", "Proxy-Authorization": "s", "X-Api-Key": "s", "X-Auth-Token": "s",
		"Private-Token": "s", "Ocp-Apim-Subscription-Key": "s", "X-Amz-Security-Token": "s", "X-Client-Secret": "s",
		"Accept": "k", "Idempotency-Key": "k", "X-Request-Id": "k", "Content-Type": "k", "User-Agent": "k", "Traceparent": "k",
	}
	end := serve(t, echo)
	c := localClient(t)
	wantKept := func(t *testing.T, s seen, secrets bool) {
		t.Helper()
		for name, value := range headers {
			if got := s.Header.Get(name); got != "" != (secrets || value == "k") {
				t.Errorf("%s = %q, want secrets kept: %v", name, got, secrets)
			}
		}
	}
	request := func(url string) *gather.Request {
		return &gather.Request{URL: url, Method: "POST", BodyText: "text", Headers: headers}
	}
	t.Run("another port", func(t *testing.T) {
		srv := serve(t, redirecting(307, end.URL+"/end"))
		wantKept(t, fetchSeen(t, c, request(srv.URL)), false)
	})
	t.Run("the same host", func(t *testing.T) {
		srv := serve(t, redirecting(307, "/end"))
		wantKept(t, fetchSeen(t, c, request(srv.URL)), true)
	})
	t.Run("there and back", func(t *testing.T) {
		var home string
		away := serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, home+"/end", http.StatusTemporaryRedirect)
		})
		srv := serve(t, redirecting(307, away.URL))
		home = srv.URL
		wantKept(t, fetchSeen(t, c, request(srv.URL)), false)
	})
	t.Run("userinfo", func(t *testing.T) {
		srv := serve(t, redirecting(307, end.URL+"/end"))
		s := fetchSeen(t, c, &gather.Request{URL: strings.Replace(srv.URL, "://", "://me:pw@", 1)})
		if got := s.Header.Get("Authorization"); got != "" {
			t.Errorf("Authorization = %q", got)
		}
	})
	t.Run("userinfo on the same host", func(t *testing.T) {
		srv := serve(t, redirecting(307, "/end"))
		s := fetchSeen(t, c, &gather.Request{URL: strings.Replace(srv.URL, "://", "://me:pw@", 1)})
		if got := s.Header.Get("Authorization"); got != "Basic bWU6cHc=" {
			t.Errorf("Authorization = %q", got)
		}
	})
	t.Run("a host of the client's own", func(t *testing.T) {
		own := map[string]string{"Host": "virtual.example"}
		near, far := serve(t, redirecting(302, "/end")), serve(t, redirecting(302, end.URL+"/end"))
		if s := fetchSeen(t, c, &gather.Request{URL: near.URL, Headers: own}); s.Host != "virtual.example" {
			t.Errorf("Host = %q on the same server", s.Host)
		}
		if s := fetchSeen(t, c, &gather.Request{URL: far.URL, Headers: own}); "http://"+s.Host != end.URL {
			t.Errorf("Host = %q on another server", s.Host)
		}
	})
}

func TestOrigin(t *testing.T) {
	for _, same := range [][2]string{
		{"http://a.example/x", "http://A.EXAMPLE.:80/y?z"}, {"https://a.example", "https://a.example:443"},
	} {
		if originOf(t, same[0]) != originOf(t, same[1]) {
			t.Errorf("%s and %s are apart", same[0], same[1])
		}
	}
	for _, other := range []string{
		"https://a.example", "http://a.example:8080", "http://sub.a.example", "http://example", "http://a.example.evil.example",
	} {
		if originOf(t, "http://a.example") == originOf(t, other) {
			t.Errorf("%s is as good as http://a.example", other)
		}
	}
}

func originOf(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return origin(u)
}

func TestClient_Fetch_stopsAtRedirects(t *testing.T) {
	c := localClient(t)
	t.Run("five are followed", func(t *testing.T) {
		srv := serve(t, countdown)
		wantOK(t, c.Fetch(t.Context(), &gather.Request{URL: srv.URL + "/xxxxx"}), "end")
	})
	t.Run("six are too many", func(t *testing.T) {
		srv := serve(t, countdown)
		resp := c.Fetch(t.Context(), &gather.Request{URL: srv.URL + "/xxxxxx"})
		wantError(t, resp, gather.CodeHTTPProtocolError, "stopped after 5 redirects")
		if !resp.Permanent || resp.NotSent || resp.HTTPStatus != 302 || string(resp.Body) != "moved" {
			t.Errorf("response = %+v with %q, want the last redirect, permanent", resp, resp.Body)
		}
	})
	for name, location := range map[string]string{
		"another scheme":      "ftp://a.example/s3cret",
		"a file":              "file:///etc/passwd?s3cret",
		"no host":             "http:///s3cret",
		"a port out of range": "http://a.example:99999/s3cret",
		"not a URL":           "http://[s3cret",
		"a very long one":     "/" + strings.Repeat("s3cret", 2000),
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, redirecting(302, location))
			resp := c.Fetch(t.Context(), &gather.Request{URL: srv.URL})
			wantError(t, resp, gather.CodeHTTPProtocolError, "redirected to")
			if !resp.Permanent || resp.HTTPStatus != 302 {
				t.Errorf("response = %+v", resp)
			}
		})
	}
	t.Run("a private address", func(t *testing.T) {
		inside := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the inside was reached") })
		srv := serve(t, redirecting(302, inside.URL+"/s3cret"))
		c := newClient(t, Options{AllowNet: []string{strings.TrimPrefix(srv.URL, "http://")}})
		resp := c.Fetch(t.Context(), get(srv.URL))
		wantError(t, resp, gather.CodeDestinationIPProhibited, "127.0.0.1")
		if !resp.Permanent || resp.NotSent {
			t.Errorf("response = %+v, want it permanent and sent", resp)
		}
	})
	t.Run("without a location it is the answer", func(t *testing.T) {
		srv := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) })
		if resp := c.Fetch(t.Context(), get(srv.URL)); resp.Error != nil || resp.HTTPStatus != 302 {
			t.Errorf("response = %+v", resp)
		}
	})
	t.Run("an expected status is the answer", func(t *testing.T) {
		srv := serve(t, redirecting(302, "/end"))
		r := get(srv.URL)
		r.ExpectStatus = []int{200, 302}
		if resp := c.Fetch(t.Context(), r); resp.Error != nil || resp.HTTPStatus != 302 {
			t.Errorf("response = %+v", resp)
		}
	})
}

// countdown redirects as often as its path has an x.
func countdown(w http.ResponseWriter, r *http.Request) {
	if left := strings.TrimPrefix(r.URL.Path, "/x"); left != r.URL.Path {
		w.Header().Set("Location", "/"+left)
		w.WriteHeader(http.StatusFound)
		_, _ = io.WriteString(w, "moved")
		return
	}
	_, _ = io.WriteString(w, "end")
}
