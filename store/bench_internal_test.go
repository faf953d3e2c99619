package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"gather"
)

func BenchmarkEncodeRequest(b *testing.B) {
	for name, r := range map[string]*gather.Request{
		"url": {URL: "https://example.com/items/7"},
		"full": {
			URL: "https://example.com/items/7?a=1&b=2", Method: "POST", Key: "seven",
			Headers: map[string]string{"Authorization": "Bearer token", "Accept": "application/json"},
			Body:    json.RawMessage(`{"text":"` + strings.Repeat("x", 1000) + `"}`), Timeout: gather.After(time.Second),
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := encodeRequest(7, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeRequest(b *testing.B) {
	stored, err := encodeRequest(7, &gather.Request{URL: "https://example.com/items/7", Headers: map[string]string{"Accept": "text/plain"}})
	if err != nil {
		b.Fatal(err)
	}
	text := string(stored)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeRequest(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResult_Line(b *testing.B) {
	for _, size := range []int{0, 1 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("body=%d", size), func(b *testing.B) {
			r := gather.Result{Index: 7, URL: "https://example.com/items/7", Status: gather.ItemSucceeded, HTTPStatus: 200, Attempts: 1}
			r.Body = json.RawMessage(`"` + strings.Repeat("x", size) + `"`)
			b.SetBytes(int64(len(r.Body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Line(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkHub is one change among many waiters: of the aggregation that they all
// wait for, or of one that nobody else waits for.
func BenchmarkHub(b *testing.B) {
	const waiters = 10_000
	b.Run("waiters=10000/same", func(b *testing.B) {
		h := newTestHub(b)
		for range waiters {
			_, forget := h.watch("a")
			b.Cleanup(forget)
		}
		for b.Loop() {
			h.hint("a")
		}
	})
	b.Run("waiters=10000/others", func(b *testing.B) {
		h := newTestHub(b)
		for i := range waiters {
			_, forget := h.watch(fmt.Sprint(i))
			b.Cleanup(forget)
		}
		for b.Loop() {
			h.hint("7")
		}
	})
	b.Run("watch", func(b *testing.B) {
		h := newTestHub(b)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, forget := h.watch("a")
				forget()
			}
		})
	})
}
