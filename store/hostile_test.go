package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"gather"
)

// newFuzzed is a store on a Redis within the process, whose keys a test may set.
func newFuzzed(tb testing.TB) (*Store, *redis.Client) {
	tb.Helper()
	server := miniredis.RunT(tb)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
	s := NewWith(rdb, Timing{Poll: time.Hour, KeepAlive: time.Hour})
	tb.Cleanup(func() {
		s.Close()
		_ = rdb.Close()
	})
	return s, rdb
}

// FuzzCursor finds cursors that a list neither takes nor refuses, or that lead to what
// is not older.
func FuzzCursor(f *testing.F) {
	s, _ := newFuzzed(f)
	var ids []string // the newest first
	for range 5 {
		agg, _, err := s.Create(context.Background(), &gather.Creation{Spec: &gather.Spec{URLs: []string{"http://a.test/"}}})
		if err != nil {
			f.Fatal(err)
		}
		ids = append([]string{agg.ID}, ids...)
	}
	for _, id := range ids {
		f.Add(id, 2)
	}
	f.Add("", 1)
	f.Fuzz(func(t *testing.T, cursor string, limit int) {
		page, err := s.List(t.Context(), gather.Filter{}, cursor, limit)
		if err != nil {
			if !errors.Is(err, gather.ErrBadCursor) || validID(cursor) {
				t.Errorf("%q: %v", cursor, err)
			}
			return
		}
		older := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return cursor != "" && id >= cursor })
		want := older[:min(len(older), max(1, min(limit, largestPage)))]
		var got []string
		for i := range page.Items {
			got = append(got, page.Items[i].ID)
		}
		if !slices.Equal(got, want) || (page.Next != "") != (len(want) < len(older)) {
			t.Errorf("after %q come %q and then %q, want %q of %q", cursor, got, page.Next, want, older)
		}
	})
}

// FuzzID finds ids that would lead to keys of something else.
func FuzzID(f *testing.F) {
	for _, id := range []string{"agg_01ARZ3NDEKTSV4RRFFQ69G5FAV", "agg_", "agg_01ARZ3NDEKTSV4RRFFQ69G5FA}", "", "agg_8ZZZZZZZZZZZZZZZZZZZZZZZZZ"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if validID(id) && (len(id) != 30 || strings.ContainsAny(id, "{}:* \r\n\x00") || !strings.HasPrefix(id, idPrefix)) {
			t.Errorf("%q passes for an id", id)
		}
		_ = idTime(id)
	})
}

// FuzzStored finds stored results and states that crash who reads them. What makes no
// sense is an error, or passed on as it is.
func FuzzStored(f *testing.F) {
	s, rdb := newFuzzed(f)
	const id = "agg_01ARZ3NDEKTSV4RRFFQ69G5FAV"
	f.Add(`{"index":0,"url":"http://a.test/","status":"succeeded"}`, "0s", "1", "succeeded", `{"a":"b"}`, 0)
	f.Fuzz(func(t *testing.T, line, entry, total, status, labels string, after int) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.FlushAll(ctx)
			p.HSet(ctx, metaKey(id), "total", total, "status", status, "labels", labels, "created", total, "accepted", total, "succeeded", entry)
			p.HSet(ctx, resultsKey(id), "0", line)
			p.RPush(ctx, metaKey(id)+":order", entry)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if agg, err := s.Get(ctx, id); err == nil && (agg.ID != id || agg.Labels == nil) {
			t.Errorf("%+v", agg)
		}
		if reading, err := s.Read(ctx, id); err == nil {
			for read, err := range reading.Lines(ctx) {
				if err == nil && string(read) != line {
					t.Errorf("%q is read as %q", line, read)
				}
			}
		}
		if part, err := s.completions(ctx, id, after); err == nil {
			for _, c := range part.Completions {
				if string(c.Line) != line || c.Position != 1 {
					t.Errorf("%q is read as %+v", line, c)
				}
			}
		}
	})
}
