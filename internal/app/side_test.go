package app

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestProfiles(t *testing.T) {
	mux := profiles()
	for path, want := range map[string]int{"/debug/pprof/": 200, "/debug/pprof/heap": 200, "/debug/pprof/cmdline": 404, "/": 404} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s answers %d, want %d", path, w.Code, want)
		}
	}
}

func TestSideServer(t *testing.T) {
	for _, address := range []string{"nowhere.invalid:0", "127.0.0.1:99999"} {
		if _, err := newSideServer(t.Context(), "--metrics-listen", address, nil, quiet); err == nil || !strings.Contains(err.Error(), "--metrics-listen "+address) {
			t.Errorf("%s: %v, want an error that names flag and address", address, err)
		}
	}
	off, err := newSideServer(t.Context(), "--metrics-listen", "", nil, quiet)
	if err != nil || off.url() != "" {
		t.Errorf("without an address it listens on %q, %v", off.url(), err)
	}
	off.Close()
}
