package cli

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// completions are what a shell is offered.
func completions(shell string, words ...string) []string {
	var c commands
	var out bytes.Buffer
	complete(newParser(&c, Streams{Out: &out, Err: &out}), append([]string{shell}, words...), &out)
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func TestComplete(t *testing.T) {
	t.Setenv("GATHER_URL", "")
	for line, want := range map[string]string{
		"":                              "run get wait events list retry cancel delete completion",
		"r":                             "run retry",
		"completion ":                   "bash zsh fish",
		"completion z":                  "zsh",
		"run --ou":                      "--output",
		"run --no-":                     "--no-wait",
		"run --output ":                 "table json ndjson",
		"run -O nd":                     "ndjson",
		"run --output = n":              "ndjson",
		"run --header x: --priority ":   "high default low",
		"list --status par":             "partial",
		"--server http : //a run --dea": "--deadline",
		"run --deadline ":               "",
		"run -f ":                       "",
		"get ":                          "",
		"nonsense --qui":                "",
	} {
		if got := completions("bash", strings.Split(line, " ")...); !slices.Equal(got, strings.Split(want, " ")) {
			t.Errorf("%q: %v, want %s", line, got, want)
		}
	}
	if got := completions("zsh", "run", "--output=n"); !slices.Equal(got, []string{"--output=ndjson"}) {
		t.Errorf("zsh: %v", got)
	}
	if got := completions("fish", "can"); !slices.Equal(got, []string{"cancel\tCancel an aggregation"}) {
		t.Errorf("fish: %q", got)
	}
}

// TestComplete_server asks the server that the line names.
func TestComplete_server(t *testing.T) {
	t.Setenv("GATHER_URL", "http://127.0.0.1:1")
	t.Setenv("GATHER_API_KEY", "of the environment")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := "agg_1"
		if r.Header.Get("Authorization") == "Bearer of the line" {
			id = "agg_2"
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"items":[{"id":%q}]}`, id)
	}))
	defer server.Close()
	for want, line := range map[string][]string{
		"agg_1": {"get", "--server", server.URL, ""},
		"agg_2": append(strings.Fields("--server = "+strings.ReplaceAll(server.URL, ":", " : ")), "--key", "'of the line'", "wait", "agg_"),
	} {
		if got := completions("bash", line...); !slices.Equal(got, []string{want}) {
			t.Errorf("%q: %q, want %s", line, got, want)
		}
	}
}
