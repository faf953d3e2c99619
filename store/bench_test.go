package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
	"gather/store"
)

// onEach runs the benchmark on the embedded Redis and on a real one.
func onEach(b *testing.B, bench func(b *testing.B, s *store.Store)) {
	for _, on := range []struct {
		name     string
		newRedis func(testing.TB) redis.UniversalClient
	}{{"redis", newDatabases(b)}, {"embedded", newEmbedded}} {
		b.Run(on.name, func(b *testing.B) {
			s := store.New(on.newRedis(b))
			b.Cleanup(s.Close)
			b.ReportAllocs()
			bench(b, s)
		})
	}
}

// begun makes an aggregation of n items and takes it up.
func begun(b *testing.B, s *store.Store, n int) (id string, handedOut []gather.Subtask) {
	b.Helper()
	spec := &gather.Spec{}
	for i := range n {
		spec.URLs = append(spec.URLs, fmt.Sprintf("https://example.com/items/%d", i))
	}
	agg, _, err := s.Create(b.Context(), &gather.Creation{Spec: spec})
	if err != nil {
		b.Fatal(err)
	}
	plan, err := s.Begin(b.Context(), agg.ID, gather.Room{})
	if err != nil {
		b.Fatal(err)
	}
	return agg.ID, plan.Subtasks
}

func BenchmarkStore_Create(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprintf("items=%d", n), func(b *testing.B) {
			onEach(b, func(b *testing.B, s *store.Store) {
				spec := &gather.Spec{}
				for i := range n {
					spec.URLs = append(spec.URLs, fmt.Sprintf("https://example.com/items/%d", i))
				}
				for b.Loop() {
					agg, _, err := s.Create(b.Context(), &gather.Creation{Spec: spec})
					if err != nil {
						b.Fatal(err)
					}
					b.StopTimer()
					if err := s.Delete(b.Context(), agg.ID); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
			})
		})
	}
}

func BenchmarkStore_Claim(b *testing.B) {
	onEach(b, func(b *testing.B, s *store.Store) {
		id, handedOut := begun(b, s, 1000)
		i := 0
		for b.Loop() {
			item := handedOut[i%len(handedOut)]
			if claims, err := s.Claim(b.Context(), id, []gather.Claim{{Subtask: item, Holder: "bench"}}); err != nil || len(claims) != 1 {
				b.Fatal(claims, err)
			}
			i++
		}
	})
}

func BenchmarkStore_Record(b *testing.B) {
	onEach(b, func(b *testing.B, s *store.Store) {
		var id string
		var ready []gather.Subtask
		for b.Loop() {
			if len(ready) == 0 {
				b.StopTimer()
				id, ready = begun(b, s, 10_000)
				b.StartTimer()
			}
			result := gather.Result{
				Index: ready[0].Index, URL: "https://example.com/", Status: gather.ItemSucceeded, HTTPStatus: 200, Body: []byte(`{"a":1}`), Attempts: 1,
			}
			recorded, err := s.Record(b.Context(), id, []gather.Result{result})
			if err != nil || recorded.First != 1 {
				b.Fatal(recorded, err)
			}
			ready = append(ready[1:], recorded.Next...)
		}
	})
}

// BenchmarkStore_Cancel is what one script costs everyone else at most.
func BenchmarkStore_Cancel(b *testing.B) {
	onEach(b, func(b *testing.B, s *store.Store) {
		for b.Loop() {
			b.StopTimer()
			id, _ := begun(b, s, 10_000)
			b.StartTimer()
			if _, err := s.Cancel(b.Context(), id); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkStore_Read(b *testing.B) {
	onEach(b, func(b *testing.B, s *store.Store) {
		id, _ := begun(b, s, 10_000)
		if _, err := s.Cancel(b.Context(), id); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			n := 0
			reading, err := s.Read(b.Context(), id)
			if err != nil {
				b.Fatal(err)
			}
			for _, err := range reading.Lines(b.Context()) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			if n != 10_000 {
				b.Fatal(n)
			}
		}
	})
}

// BenchmarkStore_Wait is the way from the last result to who waits for it.
func BenchmarkStore_Wait(b *testing.B) {
	onEach(b, func(b *testing.B, s *store.Store) {
		for b.Loop() {
			b.StopTimer()
			id, _ := begun(b, s, 1)
			waited := make(chan error, 1)
			go func() {
				_, err := s.Wait(b.Context(), id, time.Hour, nil)
				waited <- err
			}()
			b.StartTimer()
			result := gather.Result{Status: gather.ItemSucceeded, Attempts: 1}
			if _, err := s.Record(b.Context(), id, []gather.Result{result}); err != nil {
				b.Fatal(err)
			}
			if err := <-waited; err != nil {
				b.Fatal(err)
			}
		}
	})
}
