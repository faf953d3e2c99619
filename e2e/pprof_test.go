package e2e

import (
	"net/http"
	"regexp"
	"testing"
)

var profilesAt = regexp.MustCompile(`profiles are served" at=(http://[0-9.:]+)/debug/pprof/`)

// TestPprof has both commands serve profiles, and nothing that holds their flags.
func TestPprof(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	s := &system{redis: launchRedis(t)}
	for _, p := range []*process{
		s.addAPI(t, "--redis-url", s.redis.URL, "--pprof-listen", "127.0.0.1:0"),
		s.addWorker(t, "--pprof-listen", "localhost:0"),
	} {
		found := profilesAt.FindStringSubmatch(p.stderr.String())
		if found == nil {
			t.Fatalf("%s does not say where its profiles are", p.name)
		}
		c := newClient(t, found[1])
		for path, want := range map[string]int{
			"/debug/pprof/": http.StatusOK, "/debug/pprof/heap": http.StatusOK, "/debug/pprof/goroutine?debug=1": http.StatusOK,
			"/debug/pprof/cmdline": http.StatusNotFound, "/metrics": http.StatusNotFound,
		} {
			if a, err := c.try(http.MethodGet, path, nil); err != nil || a.status != want {
				t.Errorf("%s of %s: %+v, %v, want %d", path, p.name, a, err, want)
			}
		}
	}
	if a, err := s.try(http.MethodGet, "/debug/pprof/", nil); err != nil || a.status != http.StatusNotFound {
		t.Errorf("/debug/pprof/ of the API itself: %+v, %v", a, err)
	}
}
