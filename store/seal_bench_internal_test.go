package store

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gather"
)

// testKey is a key of 32 equal bytes, in base64.
func testKey(b byte) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(b)), keyBytes)))
}

func mustKeyring(tb testing.TB, keys ...string) *Keyring {
	tb.Helper()
	r, err := NewKeyring(keys)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func mustSealer(tb testing.TB, r *Keyring, id string) *sealer {
	tb.Helper()
	s, err := r.sealer(id)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// BenchmarkSeal is what sealing adds to an item: nothing where it is off. The key of
// an aggregation is made once for all of its items in a create, and once in a claim.
func BenchmarkSeal(b *testing.B) {
	const id = "agg_01JDZ8F9W3K2M4N6P8R0T2V4X6"
	on := mustKeyring(b, testKey('a'))
	for _, size := range []int{0, 1 << 10, 64 << 10} {
		r := &gather.Request{URL: "https://example.com/items/7", Headers: map[string]string{"Authorization": "Bearer token"}}
		if size > 0 {
			r.Method, r.Body = "POST", json.RawMessage(`"`+strings.Repeat("x", size)+`"`)
		}
		stored, err := encodeRequest(7, r)
		if err != nil {
			b.Fatal(err)
		}
		sealed := string(mustSealer(b, on, id).seal(7, stored))
		for name, keyring := range map[string]*Keyring{"off": nil, "on": on} {
			b.Run(fmt.Sprintf("seal/body=%d/%s", size, name), func(b *testing.B) {
				seals := mustSealer(b, keyring, id)
				b.ReportAllocs()
				for b.Loop() {
					seals.seal(7, stored)
				}
			})
			text := map[string]string{"off": string(stored), "on": sealed}[name]
			b.Run(fmt.Sprintf("open/body=%d/%s", size, name), func(b *testing.B) {
				requests := keyring.opener(id)
				b.ReportAllocs()
				for b.Loop() {
					if _, why := requests.open(7, text); why != nil {
						b.Fatal(why)
					}
				}
			})
		}
	}
	b.Run("key", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			mustSealer(b, on, id)
		}
	})
}
