package store_test

import (
	"fmt"
	"strings"
	"testing"

	"gather"
	"gather/store"
)

// BenchmarkStore_Seal is what sealing makes of a create of 1,000 requests with a body
// of 1 KiB, and of the claim of one of them, on a real Redis.
func BenchmarkStore_Seal(b *testing.B) {
	newRedis := newDatabases(b)
	spec := &gather.Spec{}
	for i := range 1000 {
		spec.Requests = append(spec.Requests, gather.Request{
			URL: fmt.Sprintf("https://example.com/items/%d", i), Method: "PUT",
			Headers: map[string]string{"Authorization": "Bearer token"}, BodyText: strings.Repeat("x", 1<<10),
		})
	}
	sealed := func(b *testing.B, on bool) *store.Store {
		b.Helper()
		s := store.New(newRedis(b))
		b.Cleanup(s.Close)
		if !on {
			return s
		}
		keyring, err := store.NewKeyring([]string{strings.Repeat("ab", 32)})
		if err != nil {
			b.Fatal(err)
		}
		return s.SealWith(keyring)
	}
	for name, on := range map[string]bool{"off": false, "on": true} {
		b.Run("create/"+name, func(b *testing.B) {
			s := sealed(b, on)
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
		b.Run("claim/"+name, func(b *testing.B) {
			s := sealed(b, on)
			agg, _, err := s.Create(b.Context(), &gather.Creation{Spec: spec})
			if err != nil {
				b.Fatal(err)
			}
			plan, err := s.Begin(b.Context(), agg.ID, gather.Room{})
			if err != nil {
				b.Fatal(err)
			}
			item := plan.Subtasks[0]
			item.Batch, item.Items = 0, ""
			for b.Loop() {
				claims, err := s.Claim(b.Context(), agg.ID, []gather.Claim{{Subtask: item, Holder: "bench"}})
				if err != nil || len(claims) != 1 || claims[0].Unreadable != nil {
					b.Fatal(claims, err)
				}
			}
		})
	}
}
