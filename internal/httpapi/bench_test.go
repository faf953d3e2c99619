package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"gather"
)

// manyRequests is the body of a create with n requests as clients send them.
func manyRequests(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"requests":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"url":"https://api.example.com/items/%d?page=1","method":"GET","key":"item-%d","timeout":"5s","headers":{"Accept":"application/json"}}`, i, i)
	}
	b.WriteString(`],"deadline":"2m","labels":{"team":"search"}}`)
	return b.Bytes()
}

// BenchmarkReadBody is the cost of reading and judging the largest create.
// The target is 30 ms.
func BenchmarkReadBody(b *testing.B) {
	a := New(Options{})
	defer a.Close()
	body := manyRequests(10_000)
	urls, _ := json.Marshal(map[string]any{"urls": slices.Repeat([]string{"https://api.example.com/items/17?page=1"}, 10_000)})
	for name, body := range map[string][]byte{"requests": body, "urls": urls} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if read := a.readBody(bytes.Clone(body)); read.refusal != nil {
					b.Fatal(read.refusal.Errors)
				}
			}
		})
	}
}

// BenchmarkReadBody_Parts shows where the time goes.
func BenchmarkReadBody_Parts(b *testing.B) {
	a := New(Options{})
	defer a.Close()
	body := manyRequests(10_000)
	var generic any
	if err := json.Unmarshal(body, &generic); err != nil {
		b.Fatal(err)
	}
	spec := a.readBody(bytes.Clone(body)).spec
	b.Run("scan", func(b *testing.B) {
		for b.Loop() {
			scan(body, 10_000)
		}
	})
	b.Run("decode into any", func(b *testing.B) {
		for b.Loop() {
			var v any
			_ = json.Unmarshal(body, &v)
		}
	})
	b.Run("schema", func(b *testing.B) {
		for b.Loop() {
			a.checkSchema(generic, &findings{})
		}
	})
	b.Run("decode into Spec", func(b *testing.B) {
		for b.Loop() {
			_ = json.Unmarshal(body, new(gather.Spec))
		}
	})
	b.Run("rules", func(b *testing.B) {
		for b.Loop() {
			spec.Validate(10_000)
		}
	})
}
