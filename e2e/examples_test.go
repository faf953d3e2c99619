package e2e

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// sample is a request of the document, as a command.
type sample struct {
	Label, Source string
	Status        int
}

// What the document's examples name, for which the test has its own.
const (
	exampleServer   = "http://127.0.0.1:8080"
	exampleUpstream = "https://api.example.com"
	exampleID       = "agg_01JDZ8F9W3K2M4N6P8R0T2V4X6"
)

var exampleTag = regexp.MustCompile(`"` + exampleID + `[^"]*"`)

// testExamples sends every request that the document shows.
func testExamples(t *testing.T, s *system) {
	document := decode[struct {
		Paths map[string]map[string]struct {
			OperationID string
			Samples     []sample `json:"x-codeSamples"`
		}
	}](t, s.get(t, http.StatusOK, "/openapi.json"))
	sent := 0
	for _, operations := range document.Paths {
		for _, op := range operations {
			for _, sample := range op.Samples {
				sent++
				t.Run(op.OperationID+": "+sample.Label, func(t *testing.T) {
					u := newUpstream(t)
					command := sample.prepare(t, s, u, op.OperationID)
					a := s.curl(t, command)
					if a.status != sample.Status {
						t.Errorf("%s\nanswers %d, want %d: %.1000s", command, a.status, sample.Status, a.body)
					}
				})
			}
		}
	}
	if sent < 20 {
		t.Errorf("%d examples", sent)
	}
}

// prepare puts into the command what there is here, and returns it.
func (e sample) prepare(t *testing.T, s *system, u *upstream, operation string) string {
	command := strings.NewReplacer(exampleServer, s.base, exampleUpstream, u.URL).Replace(e.Source)
	if !strings.Contains(command, exampleID) {
		return command
	}
	if operation == "cancel-aggregation" {
		t.Cleanup(u.gate("/held"))
		id := s.create(t, object{"urls": u.urls("/held")}).ID
		u.sees(t, "/held", 1)
		return strings.ReplaceAll(command, exampleID, id)
	}
	u.on("/fails", fails(http.StatusNotFound))
	id := s.run(t, object{"urls": u.urls("/a", "/fails")}).ID
	tag := s.get(t, http.StatusOK, path(id)).header.Get("ETag")
	return strings.ReplaceAll(exampleTag.ReplaceAllLiteralString(command, tag), exampleID, id)
}

// curl does what the curl command does.
func (c *client) curl(t *testing.T, command string) *answer {
	t.Helper()
	method, target, body, headers := http.MethodGet, "", any(nil), []string(nil)
	words := split(command)
	for i := 1; i < len(words); i++ {
		switch word := words[i]; word {
		case "-s", "-sN", "-si":
		case "-X":
			i++
			method = words[i]
		case "-H":
			i++
			headers = append(headers, words[i])
		case "--json":
			i++
			method, body = http.MethodPost, words[i]
		default:
			if target != "" || !strings.HasPrefix(word, c.base) {
				t.Fatalf("%q in %s", word, command)
			}
			target = strings.TrimPrefix(word, c.base)
		}
	}
	a, err := c.try(method, target, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// split splits a command as a shell does, which knows no quotes but single ones.
func split(command string) (words []string) {
	for i, part := range strings.Split(command, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}
