package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gather"
)

// large is larger than what is read of the results at once.
const large = 300 << 10

func largeResult(i int) gather.Result {
	r := succeeded(i)
	r.Body = fmt.Appendf(nil, `"%d %s"`, i, strings.Repeat("x", large))
	return r
}

func (s suite) results(t *testing.T) {
	s.test(t, "are in input order, of the items finished so far", func(f *fixture) {
		id, _ := f.running(specOf(12))
		if lines := f.lines(id); len(lines) != 0 {
			f.Errorf("lines %q", lines)
		}
		for _, i := range []int{11, 3, 7, 2} {
			f.record(id, succeeded(i))
		}
		var got []int
		for _, r := range f.results(id) {
			got = append(got, r.Index)
		}
		if !slices.Equal(got, []int{2, 3, 7, 11}) {
			f.Errorf("indexes %v", got)
		}
	})
	s.test(t, "may be larger than a chunk", func(f *fixture) {
		id, _ := f.running(specOf(4))
		f.record(id, largeResult(0), largeResult(1), succeeded(2), largeResult(3))
		for i, r := range f.results(id) {
			want := largeResult(i)
			if i == 2 {
				want = succeeded(i)
			}
			if r.Index != i || string(r.Body) != string(want.Body) {
				f.Errorf("item %d: index %d, body of %d bytes", i, r.Index, len(r.Body))
			}
		}
	})
	s.test(t, "of 10,000 items come whole", func(f *fixture) {
		const n = 10_000
		id, ready := f.running(specOf(n))
		for len(ready) > 0 {
			batch := ready[:min(len(ready), 8)]
			ready = ready[len(batch):]
			var ended []gather.Result
			for _, t := range each(batch) {
				ended = append(ended, succeeded(t.Index))
			}
			ready = append(ready, f.record(id, ended...).Next...)
		}
		if agg := f.get(id); agg.Status != gather.StatusSucceeded || agg.Counts.Succeeded != n {
			f.Fatalf("%+v", agg)
		}
		lines := f.lines(id)
		if len(lines) != n {
			f.Fatalf("%d lines", len(lines))
		}
		for i, line := range lines {
			if prefix := fmt.Sprintf(`{"index":%d,`, i); !strings.HasPrefix(line.Line(), prefix) {
				f.Fatalf("line %d: %q", i, line)
			}
		}
		if order := f.follow(id, 0); len(order) != n {
			f.Errorf("%d in order of completion", len(order))
		}
	})
	s.test(t, "can be left early", func(f *fixture) {
		id := f.finished(3)
		reading, err := f.store.Read(f.ctx, id)
		f.check("read", err)
		for line, err := range reading.Lines(f.ctx) {
			f.check("results", err)
			if f.decode(line).Index != 0 {
				f.Errorf("first line %q", line)
			}
			break
		}
	})
	s.test(t, "and all that is only read create no key", func(f *fixture) {
		for _, id := range []string{f.create(specOf(2)).ID, f.finished(2, 1), unknownID} {
			before := f.keys("")
			ctx, cancel := context.WithTimeout(f.ctx, time.Millisecond)
			_, _ = f.store.Get(f.ctx, id)
			_, _ = f.store.Wait(ctx, id, time.Hour, nil)
			_, _ = f.store.List(f.ctx, gather.Filter{}, "", 10)
			_, _ = f.store.Ready(f.ctx)
			_, _ = f.store.Read(f.ctx, id)
			cancel()
			if after := f.keys(""); !slices.Equal(before, after) {
				f.Errorf("keys %q became %q", before, after)
			}
		}
	})
	s.test(t, "of what is unknown are ErrNotFound", func(f *fixture) {
		if reading, err := f.store.Read(f.ctx, unknownID); reading != nil || !errors.Is(err, gather.ErrNotFound) {
			f.Errorf("%+v, %v", reading, err)
		}
	})
}
