package tasks

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"gather"
	"gather/internal/panics"
)

// These tests have something break inside of a worker. It must go on, and tell nothing
// of the request.

const secret = "hunter2"

// logged has the server's log end up in a buffer.
func logged(s *Server) *bytes.Buffer {
	log := new(bytes.Buffer)
	s.log = slog.New(slog.NewTextHandler(log, nil))
	return log
}

// wantPanicLogged wants the place of a panic in the log, and not its value.
func wantPanicLogged(t *testing.T, log *bytes.Buffer) {
	t.Helper()
	if text := log.String(); !strings.Contains(text, "panic: a value of type string") || !strings.Contains(text, "broken_test.go") || strings.Contains(text, secret) {
		t.Errorf("log %q, want where it happened and no value", text)
	}
}

func TestServer_send_aPanicIsTheItemsFailure(t *testing.T) {
	tr := newBatchTrial(4)
	log := logged(tr.server)
	tr.takes = func(index int) time.Duration {
		if index == 1 {
			panic(secret)
		}
		return 0
	}
	if err := tr.fetch(t.Context(), t, "0-3"); err != nil {
		t.Fatal(err)
	}
	for index, want := range []gather.ItemStatus{gather.ItemSucceeded, gather.ItemFailed, gather.ItemSucceeded, gather.ItemSucceeded} {
		if tr.results[index] != want {
			t.Errorf("item %d %q, want %q", index, tr.results[index], want)
		}
	}
	wantAllFree(t, tr.server.slots, tr.slots)
	wantPanicLogged(t, log)
}

// TestServer_process_keepsAPanicsValue breaks what a batch and a single item need of the store.
func TestServer_process_keepsAPanicsValue(t *testing.T) {
	for name, item := range map[string]gather.Subtask{
		"one item": {Index: 3, Start: 1}, "a batch": {Start: 1, Batch: 1, Items: "0-3"},
	} {
		for broken, store := range map[string]*stubStore{
			"claim": {claim: func([]gather.Claim) ([]gather.Claim, error) { panic(secret) }},
			"record": {
				claim:  func(wanted []gather.Claim) ([]gather.Claim, error) { return wanted, nil },
				record: func(context.Context, []gather.Result) (*gather.Recorded, error) { panic(secret) },
			},
		} {
			t.Run(name+"/"+broken, func(t *testing.T) {
				s := newHandlers(4, answering{&gather.Response{HTTPStatus: 200}}, store)
				log := logged(s)
				for range 2 { // nothing of the first stands in the second's way
					mustSlot(t, s)
					err := s.process(t.Context(), mustFetchTask(t, "agg_1", item))
					if p := (*panics.Error)(nil); !errors.As(err, &p) || strings.Contains(err.Error(), secret) || errors.Is(err, asynq.RevokeTask) {
						t.Errorf("error %v, want a panic that is tried again, without its value", err)
					}
					wantPanicLogged(t, log)
					log.Reset()
				}
				wantAllFree(t, s.slots, 4)
			})
		}
	}
}

// answering is a [Fetcher] with one answer.
type answering struct{ response *gather.Response }

func (a answering) Fetch(context.Context, *gather.Request) *gather.Response { return a.response }

// TestServer_fetch_whatCannotBeRead fails items whose request is sealed with a key that
// the worker lacks: none is sent, and none comes back.
func TestServer_fetch_whatCannotBeRead(t *testing.T) {
	why := &gather.ItemError{Code: gather.CodeProxyConfigurationError, Message: "no key"}
	var results []gather.Result
	s := newHandlers(4, nil, &stubStore{
		claim: func(wanted []gather.Claim) ([]gather.Claim, error) {
			for i := range wanted {
				wanted[i].Attempts, wanted[i].Request.URL, wanted[i].Unreadable = 1, "http://a/", why
			}
			return wanted, nil
		},
		record: func(_ context.Context, list []gather.Result) (*gather.Recorded, error) {
			results = append(results, list...)
			return &gather.Recorded{}, nil
		},
	})
	log := logged(s)
	for _, item := range []gather.Subtask{{Index: 3, Start: 1}, {Index: 4, Start: 1}, {Start: 1, Batch: 1, Items: "0-2"}} {
		mustSlot(t, s)
		if err := s.process(t.Context(), mustFetchTask(t, "agg_1", item)); err != nil {
			t.Fatal(err)
		}
	}
	if len(results) != 5 {
		t.Fatalf("%d results, want one an item", len(results))
	}
	for _, r := range results {
		if r.Status != gather.ItemFailed || r.Error != why || r.URL != "http://a/" || r.HTTPStatus != 0 {
			t.Errorf("item %d: %+v", r.Index, r)
		}
	}
	if n := strings.Count(log.String(), "can't be read"); n != 1 {
		t.Errorf("it is logged %d times, want once: %s", n, log)
	}
}
