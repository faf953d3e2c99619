package fetch

import (
	"encoding/json"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"gather"
	"gather/internal/hostile"
)

// mostGrowth is how much the heap may grow over one fetch, garbage and the test's own
// server included. The limit on bodies is 1 MiB.
const mostGrowth = 24 << 20

// TestClient_Fetch_withstands meets the whole table of upstreams that misbehave, one
// after another, so that each has the heap to itself.
func TestClient_Fetch_withstands(t *testing.T) {
	ca := hostile.NewCA(t)
	for _, u := range hostile.Upstreams() {
		for _, method := range ways {
			t.Run(u.Name+"/"+method, func(t *testing.T) { withstand(t, u, ca, method) })
		}
	}
}

func withstand(t *testing.T, u hostile.Upstream, ca *hostile.CA, method string) {
	c := localClient(t).trust(ca.Certificate)
	r := by(method, plain(u.Start(t, ca)))
	if u.Want.Lasts {
		r.Timeout = gather.After(short)
	}
	var resp *gather.Response
	var line []byte
	growth := heapGrowth(func() {
		resp = c.Fetch(t.Context(), r)
		line = lineOf(t, resp)
	})
	if got := outcomeOf(resp, u.Want.Lasts); got != u.Want {
		t.Errorf("outcome = %+v, want %+v", got, u.Want)
	}
	if growth > mostGrowth {
		t.Errorf("the heap grew by %d KiB, want at most %d", growth>>10, mostGrowth>>10)
	}
	if !json.Valid(line) || !utf8.Valid(line) || strings.ContainsAny(string(line), "\x00\r\n") {
		t.Errorf("the result is no line of JSON: %.200q", line)
	}
	if resp.Error != nil && strings.Contains(resp.Error.Message, hostile.Marker) {
		t.Errorf("the message repeats the upstream's words: %s", resp.Error.Message)
	}
	t.Logf("the heap grew by %d KiB", growth>>10)
}

func outcomeOf(resp *gather.Response, lasts bool) hostile.Outcome {
	o := hostile.Outcome{HTTPStatus: resp.HTTPStatus, Truncated: resp.Truncated, Lasts: lasts}
	if resp.Error != nil {
		o.Code = string(resp.Error.Code)
	}
	return o
}

// lineOf is the response as clients get it.
func lineOf(t *testing.T, resp *gather.Response) []byte {
	t.Helper()
	var result gather.Result
	resp.FillResult(&result)
	line, err := result.Line()
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// heapGrowth is by how much the heap is larger at its peak while f runs than before.
func heapGrowth(f func()) uint64 {
	runtime.GC()
	before := heapSize()
	ended, peak := make(chan struct{}), make(chan uint64)
	go func() {
		highest := before
		for ticker := time.NewTicker(time.Millisecond); ; {
			highest = max(highest, heapSize())
			select {
			case <-ticker.C:
			case <-ended:
				ticker.Stop()
				peak <- max(highest, heapSize())
				return
			}
		}
	}()
	f()
	close(ended)
	return <-peak - before
}

func heapSize() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
