package e2e

import (
	"net/http"
	"strings"
	"testing"

	"gather/internal/redistest"
)

// TestSeal_Rotation changes keys in the steps of SECURITY.md while requests wait that
// were sealed with the old one, and others are about to be. No item fails.
func TestSeal_Rotation(t *testing.T) {
	t.Parallel()
	old, young := newKey(), newKey()
	s := &system{redis: redistest.Alone(redistest.Launch(t))}
	u := newUpstream(t)
	spec := object{"requests": []object{{"url": u.URL + "/a", "method": "POST", "body_text": "one"}}}
	var ids []string
	accept := func(apis ...*client) {
		for _, c := range apis {
			ids = append(ids, c.create(t, spec).ID)
		}
	}
	var last *client
	for step, keys := range []string{old, old + "," + young, young + "," + old, young} {
		s.addWorker(t, "--secret-key", keys)
		api := s.addAPI(t, "--redis-url", s.redis.URL, "--secret-key", keys)
		c := newClient(t, api.address(t))
		accept(c)
		if step > 0 { // the processes of two steps run side by side
			accept(last, c)
			for _, p := range []*process{s.workers[step-1], s.apis[step-1]} {
				p.stop(t)
			}
		}
		accept(c)
		for _, id := range ids {
			wantPaths(t, c.finished(t, id), "/a")
		}
		last = c
	}
	for _, r := range u.requests("/a") {
		if string(r.body) != "one" {
			t.Errorf("the body arrived as %q", r.body)
		}
	}
}

// TestSeal_MissingKey has a worker run that lacks the key. Its items fail and say why;
// once it has the key they are run again.
func TestSeal_MissingKey(t *testing.T) {
	t.Parallel()
	key := newKey()
	s := &system{redis: redistest.Alone(redistest.Launch(t))}
	s.addWorker(t)
	s.addAPI(t, "--redis-url", s.redis.URL, "--secret-key", key)
	s.ready(t, 1)
	u := newUpstream(t)
	requests := make([]object, 300) // in batches
	for i := range requests {
		requests[i] = object{"url": u.URL + "/a?q=1", "key": string(rune('a'+i%26)) + strings.Repeat("x", i/26)}
	}
	id := s.create(t, object{"requests": requests}).ID
	agg := s.finished(t, id)
	for i := range agg.Results {
		r := &agg.Results[i]
		if r.code() != "proxy_configuration_error" || !strings.Contains(r.Error.Message, "--secret-key") || r.URL != requests[i]["url"] || r.Key != requests[i]["key"] {
			t.Fatalf("item %d: %+v with %+v", i, r, r.Error)
		}
	}
	if n := u.count(""); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	if n := strings.Count(s.workers[0].stderr.String(), "can't be read"); n != 1 {
		t.Errorf("the worker says so %d times, want once", n)
	}
	s.workers[0].stop(t)
	s.addWorker(t, "--secret-key", key)
	s.do(t, http.StatusAccepted, http.MethodPost, path(id, "/retry"), nil)
	if agg := s.finished(t, id); agg.Status != "succeeded" {
		t.Errorf("run again with the key, it is %s with %+v", agg.Status, agg.Counts)
	}
}

// TestSeal_WrongKey starts processes that could not do their work.
func TestSeal_WrongKey(t *testing.T) {
	t.Parallel()
	right, wrong := newKey(), newKey()
	s := &system{redis: redistest.Alone(redistest.Launch(t))}
	s.addAPI(t, "--redis-url", s.redis.URL, "--secret-key", right)
	url := "--redis-url=" + s.redis.URL
	for name, c := range map[string]struct {
		command string
		env     []string
		args    []string
		says    []string
	}{
		"a worker without the key":    {"worker", nil, []string{url}, []string{"--secret-key lacks", "SECURITY.md"}},
		"a worker with another key":   {"worker", []string{"GATHER_SECRET_KEY=" + wrong}, []string{url}, []string{"--secret-key lacks"}},
		"an API without the key":      {"api", nil, []string{url, "--listen=127.0.0.1:0"}, []string{"--secret-key lacks"}},
		"an API with another key":     {"api", []string{"GATHER_SECRET_KEY=" + wrong}, []string{url, "--listen=127.0.0.1:0"}, []string{"--secret-key lacks"}},
		"a key that is too short":     {"worker", []string{"GATHER_SECRET_KEY=" + right + "," + secret}, []string{url}, []string{"--secret-key", "key 2", "32 bytes", "hex or base64"}},
		"a key twice":                 {"api", []string{"GATHER_SECRET_KEY=" + right + "," + right}, []string{"--listen=127.0.0.1:0"}, []string{"--secret-key", "key 2", "twice"}},
		"a key that is none, as flag": {"api", nil, []string{"--secret-key", secret}, []string{"--secret-key", "key 1", "openssl rand"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := launch(t, patience, c.command, c.env, c.args...)
			if code != 2 || stdout != "" {
				t.Errorf("code %d, want 2; stdout %q", code, stdout)
			}
			wantOneLine(t, stderr, c.says...)
			for _, key := range []string{right, wrong, secret} {
				if strings.Contains(stderr, key) {
					t.Errorf("it repeats a key: %s", stderr)
				}
			}
		})
	}
}
