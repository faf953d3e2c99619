package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gather/internal/app"
)

var (
	// gatherURL is where the API is that the examples and tests talk to, a real one. Its
	// key is GATHER_API_KEY.
	gatherURL string
	// upstreamURL is what they have it fetch.
	upstreamURL string
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	server, err := app.StartEmbedded(context.Background(), app.EmbeddedFlags{AllowNet: []string{"127.0.0.1/32"}})
	if err == nil {
		err = os.Setenv("GATHER_API_KEY", server.Key())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	upstream := httptest.NewServer(http.HandlerFunc(greet))
	gatherURL, upstreamURL = server.URL(), upstream.URL
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	upstream.Close()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// greet answers after delay_ms.
func greet(w http.ResponseWriter, r *http.Request) {
	ms, _ := strconv.Atoi(r.FormValue("delay_ms"))
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"message":"Hello World","task_id":%q}`, r.FormValue("task_id"))
	case <-r.Context().Done():
	}
}
