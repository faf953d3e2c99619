package app

import (
	"net/http"
	"testing"
)

// TestStartEmbedded_key holds that nobody else on this machine is let in.
func TestStartEmbedded_key(t *testing.T) {
	e, err := StartEmbedded(t.Context(), EmbeddedFlags{})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for key, want := range map[string]int{"": http.StatusUnauthorized, "another-key-than-its": http.StatusUnauthorized, e.Key(): http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.URL()+"/v1/aggregations", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("the key %q: %d, want %d", key, resp.StatusCode, want)
		}
	}
	if err := e.Stop(); err != nil {
		t.Error(err)
	}
}

// TestStartEmbedded_environment sets variables that would keep an API of its own from
// starting.
func TestStartEmbedded_environment(t *testing.T) {
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "GATHER_REDIS_URL": "nonsense", "GATHER_LISTEN": "nonsense",
	} {
		t.Setenv(name, value)
	}
	e, err := StartEmbedded(t.Context(), EmbeddedFlags{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Stop(); err != nil {
		t.Error(err)
	}
}
