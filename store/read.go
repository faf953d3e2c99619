package store

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

// chunkBytes is about how much of the results is read at once, so that memory
// does not grow with their number.
const chunkBytes = 256 << 10

// Get returns where the aggregation stands, without results, or ErrNotFound.
func (s *Store) Get(ctx context.Context, id string) (*gather.Aggregation, error) {
	if !validID(id) {
		return nil, gather.ErrNotFound
	}
	part, err := s.readPart(ctx, id, 0, ofNone)
	if err != nil {
		return nil, err
	}
	return part.Aggregation, nil
}

// Read returns the aggregation with its results, or ErrNotFound. Results that fit
// into a chunk come in the same round trip, and so belong to the state.
func (s *Store) Read(ctx context.Context, id string) (*gather.Reading, error) {
	if !validID(id) {
		return nil, gather.ErrNotFound
	}
	part, err := s.readPart(ctx, id, 0, ofAll)
	if err != nil {
		return nil, err
	}
	return s.reading(part), nil
}

// Whose results are read.
const (
	ofAll      = 0
	ofFinished = 1
	ofNone     = 2
)

// readPart is the aggregation with the part of its results that begins at an index.
type readPart struct {
	*gather.Aggregation
	lines []any // strings
	next  int64 // the index to go on at; -1 at the end
}

// readPart ends the aggregation first, where its deadline is over and no worker does.
func (s *Store) readPart(ctx context.Context, id string, first int64, whose int) (*readPart, error) {
	part, err := s.readPartAsItIs(ctx, id, first, whose)
	s.outage.note(err)
	if err == nil && s.endOverdue(ctx, part.Aggregation) {
		return s.readPartAsItIs(ctx, id, first, whose)
	}
	return part, err
}

func (s *Store) readPartAsItIs(ctx context.Context, id string, first int64, whose int) (*readPart, error) {
	reply, err := readScript.Run(ctx, s.rdb, []string{metaKey(id), resultsKey(id)}, first, chunkBytes, whose).Slice()
	if errors.Is(err, redis.Nil) {
		return nil, gather.ErrNotFound
	}
	if err != nil {
		return nil, unavailable(ctx, "read", id, err)
	}
	seconds, _ := strconv.ParseInt(text(reply[1]), 10, 64)
	us, _ := strconv.ParseInt(text(reply[2]), 10, 64)
	agg, err := decodeMeta(id, stateFields(reply[0]), time.UnixMicro(seconds*1e6+us))
	if err != nil {
		return nil, err
	}
	if !visible(ctx, agg) {
		return nil, gather.ErrNotFound
	}
	return &readPart{Aggregation: agg, next: integer(reply[3]), lines: reply[4:]}, nil
}

// stateFields is a hash that a script returned as a list.
func stateFields(list any) map[string]string {
	pairs, _ := list.([]any)
	fields := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		fields[text(pairs[i])] = text(pairs[i+1])
	}
	return fields
}

// reading is what the part begins. Several may make one of the same part: it never changes.
func (s *Store) reading(part *readPart) *gather.Reading {
	lines := func(ctx context.Context) iter.Seq2[gather.StoredLine, error] {
		return func(yield func(gather.StoredLine, error) bool) {
			for part := part; ; {
				for _, line := range part.lines {
					if !yield(gather.StoredLine(text(line)), nil) {
						return
					}
				}
				if part.next < 0 {
					return
				}
				var err error
				if part, err = s.readPart(ctx, part.ID, part.next, ofAll); err != nil {
					yield("", err)
					return
				}
			}
		}
	}
	return &gather.Reading{Aggregation: part.Aggregation, Lines: lines}
}

// Bounds of a list: how many ids are looked at in one round trip, and how many for
// one page. A page that finds little among many ends early, with a cursor to go on.
const (
	listChunk   = 200
	listAtMost  = 10_000
	largestPage = 200
)

// List returns the aggregations that the filter lets pass, the newest first, from
// after the cursor on ("" = from the newest). A page holds at most limit
// aggregations, and fewer where the filter lets few pass.
func (s *Store) List(ctx context.Context, f gather.Filter, cursor string, limit int) (gather.Page, error) {
	page := gather.Page{Items: []gather.Aggregation{}}
	if cursor != "" && !validID(cursor) {
		return page, gather.ErrBadCursor
	}
	limit = max(1, min(limit, largestPage))
	for looked := 0; looked < listAtMost; {
		ids, err := s.idsBefore(ctx, cursor, listChunk)
		if err != nil {
			return page, err
		}
		aggregations, err := s.getAll(ctx, ids)
		if err != nil {
			return page, err
		}
		for i, agg := range aggregations {
			cursor = ids[i]
			if agg == nil || !visible(ctx, agg) || !passes(f, agg) {
				continue
			}
			if page.Items = append(page.Items, *agg); len(page.Items) == limit {
				page.Next, err = s.cursorIfMore(ctx, cursor)
				return page, err
			}
		}
		if len(ids) < listChunk {
			return page, nil
		}
		looked += len(ids)
	}
	page.Next = cursor
	return page, nil
}

func (s *Store) cursorIfMore(ctx context.Context, cursor string) (string, error) {
	more, err := s.idsBefore(ctx, cursor, 1)
	if err != nil || len(more) == 0 {
		return "", err
	}
	return cursor, nil
}

func (s *Store) idsBefore(ctx context.Context, cursor string, count int64) ([]string, error) {
	newest := "+"
	if cursor != "" {
		newest = "(" + cursor
	}
	ids, err := s.rdb.ZRevRangeByLex(ctx, listKey(ctx), &redis.ZRangeBy{Max: newest, Min: "-", Count: count}).Result()
	return ids, unavailable(ctx, "list", "aggregations", err)
}

// getAll reads several aggregations at once; nil stands for one that is gone.
func (s *Store) getAll(ctx context.Context, ids []string) ([]*gather.Aggregation, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	metas := make([]*redis.MapStringStringCmd, len(ids))
	var now *redis.TimeCmd
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		now = p.Time(ctx)
		for i, id := range ids {
			metas[i] = p.HGetAll(ctx, metaKey(id))
		}
		return nil
	})
	if err != nil {
		return nil, unavailable(ctx, "list", "aggregations", err)
	}
	list := make([]*gather.Aggregation, len(ids))
	for i, meta := range metas {
		if len(meta.Val()) == 0 {
			continue
		}
		if list[i], err = decodeMeta(ids[i], meta.Val(), now.Val()); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func passes(f gather.Filter, agg *gather.Aggregation) bool {
	if f.Status != "" && agg.Status != f.Status {
		return false
	}
	for key, value := range f.Labels {
		if found, ok := agg.Labels[key]; !ok || found != value {
			return false
		}
	}
	return true
}
