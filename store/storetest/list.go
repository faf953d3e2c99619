package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"gather"
)

// page is one page of a list: its ids and the next cursor.
func (f *fixture) page(filter gather.Filter, cursor string, limit int) ([]string, string) {
	f.Helper()
	page, err := f.store.List(f.ctx, filter, cursor, limit)
	f.check("list", err)
	if page.Items == nil {
		f.Errorf("no list of items")
	}
	ids := make([]string, 0, len(page.Items))
	for _, agg := range page.Items {
		ids = append(ids, agg.ID)
	}
	return ids, page.Next
}

// labeled creates an aggregation with the labels.
func (f *fixture) labeled(labels map[string]string) string {
	f.Helper()
	spec := specOf(1)
	spec.Labels = labels
	return f.create(spec).ID
}

func (s suite) list(t *testing.T) {
	s.test(t, "of nothing is an empty page", func(f *fixture) {
		if ids, next := f.page(gather.Filter{}, "", 10); len(ids) > 0 || next != "" {
			f.Errorf("%v, next %q", ids, next)
		}
	})
	s.test(t, "goes from the newest to the oldest, page by page", func(f *fixture) {
		var want []string
		for range 7 {
			want = append(want, f.create(specOf(1)).ID)
		}
		slices.Reverse(want)
		var got []string
		var sizes []int
		cursor := ""
		for {
			ids, next := f.page(gather.Filter{}, cursor, 3)
			got, sizes = append(got, ids...), append(sizes, len(ids))
			if next == "" {
				break
			}
			f.create(specOf(1)) // a newer one does not disturb
			cursor = next
		}
		if !slices.Equal(got, want) || !slices.Equal(sizes, []int{3, 3, 1}) {
			f.Errorf("got %v in pages of %v, want %v", got, sizes, want)
		}
		if _, next := f.page(gather.Filter{}, want[3], 3); next != "" {
			f.Errorf("a last page that is full has a next one: %q", next)
		}
	})
	s.test(t, "tells where each stands", func(f *fixture) {
		spec := fullSpec()
		id := f.create(spec).ID
		f.cancel(id)
		page, err := f.store.List(f.ctx, gather.Filter{}, "", 10)
		f.check("list", err)
		want, agg := f.get(id), page.Items[0]
		if agg.Name != spec.Name || agg.Status != want.Status || agg.Counts != want.Counts || agg.Results != nil || !agg.FinishedAt.Equal(want.FinishedAt.Time) {
			f.Errorf("%+v, want %+v", agg, want)
		}
	})
	s.test(t, "filters by status and labels", func(f *fixture) {
		red := f.labeled(map[string]string{"color": "red"})
		big := f.labeled(map[string]string{"color": "red", "size": "big"})
		blue := f.labeled(map[string]string{"color": "blue", "size": ""})
		f.cancel(red)
		for _, c := range []struct {
			filter gather.Filter
			want   []string
		}{
			{gather.Filter{Status: gather.StatusQueued}, []string{blue, big}},
			{gather.Filter{Status: gather.StatusCanceled}, []string{red}},
			{gather.Filter{Labels: map[string]string{"color": "red"}}, []string{big, red}},
			{gather.Filter{Labels: map[string]string{"color": "red", "size": "big"}}, []string{big}},
			{gather.Filter{Labels: map[string]string{"size": ""}}, []string{blue}},
			{gather.Filter{Labels: map[string]string{"size": "huge"}}, nil},
			{gather.Filter{Status: gather.StatusQueued, Labels: map[string]string{"color": "red"}}, []string{big}},
		} {
			if got, next := f.page(c.filter, "", 10); !slices.Equal(got, c.want) || next != "" {
				f.Errorf("%+v: %v, next %q, want %v", c.filter, got, next, c.want)
			}
		}
	})
	s.test(t, "leaves out what is gone", func(f *fixture) {
		one, two, three := f.create(specOf(1)).ID, f.create(specOf(1)).ID, f.create(specOf(1)).ID
		f.remove(two)
		f.check("expire", f.rdb.Del(f.ctx, f.keys(three)...).Err())
		if ids, _ := f.page(gather.Filter{}, "", 10); !slices.Equal(ids, []string{one}) {
			f.Errorf("%v, want %v", ids, one)
		}
	})
	s.test(t, "finds one among very many, with a cursor to go on", func(f *fixture) {
		id := f.create(specOf(1)).ID
		var newer []redis.Z // which are gone
		for i := range 10_500 {
			newer = append(newer, redis.Z{Member: fmt.Sprintf("agg_7%025d", i)})
		}
		f.check("fill the index", f.rdb.ZAdd(f.ctx, indexKey, newer...).Err())
		ids, next := f.page(gather.Filter{}, "", 10)
		if len(ids) > 0 || next == "" {
			f.Fatalf("%v, next %q", ids, next)
		}
		if ids, next = f.page(gather.Filter{}, next, 10); !slices.Equal(ids, []string{id}) || next != "" {
			f.Errorf("%v, next %q, want %s", ids, next, id)
		}
	})
	s.test(t, "bounds the page", func(f *fixture) {
		meta, err := f.rdb.HGetAll(f.ctx, "gather:{"+f.create(specOf(1)).ID+"}").Result()
		f.check("read", err)
		pipe := f.rdb.Pipeline()
		for i := range 202 {
			twin := fmt.Sprintf("agg_7%025d", i)
			pipe.HSet(f.ctx, "gather:{"+twin+"}", meta)
			pipe.ZAdd(f.ctx, indexKey, redis.Z{Member: twin})
		}
		_, err = pipe.Exec(f.ctx)
		f.check("multiply", err)
		for limit, want := range map[int]int{-1: 1, 0: 1, 1: 1, 200: 200, 1000: 200} {
			if ids, next := f.page(gather.Filter{}, "", limit); len(ids) != want || next != ids[want-1] {
				f.Errorf("limit %d: %d items, next %q", limit, len(ids), next)
			}
		}
	})
	s.test(t, "refuses a cursor of its own making", func(f *fixture) {
		for _, cursor := range []string{"x", "agg_", "agg_x", unknownID + "x", "[" + unknownID, "+", "-"} {
			if _, err := f.store.List(f.ctx, gather.Filter{}, cursor, 10); !errors.Is(err, gather.ErrBadCursor) {
				f.Errorf("%q: %v", cursor, err)
			}
		}
	})
}
