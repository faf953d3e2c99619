package store

import (
	"context"
	"errors"
	"iter"

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
	var meta *redis.MapStringStringCmd
	var now *redis.TimeCmd
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		meta, now = p.HGetAll(ctx, metaKey(id)), p.Time(ctx)
		return nil
	})
	if err != nil {
		return nil, unavailable(ctx, "read", id, err)
	}
	if len(meta.Val()) == 0 {
		return nil, gather.ErrNotFound
	}
	return decodeMeta(id, meta.Val(), now.Val())
}

// Results yields the result lines of the items finished so far, in input order.
func (s *Store) Results(ctx context.Context, id string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if !validID(id) {
			yield(nil, gather.ErrNotFound)
			return
		}
		for next := int64(0); next >= 0; {
			reply, err := s.run(ctx, resultsScript, id, next, chunkBytes).Slice()
			if errors.Is(err, redis.Nil) {
				yield(nil, gather.ErrNotFound)
				return
			}
			if err != nil {
				yield(nil, unavailable(ctx, "read results of", id, err))
				return
			}
			next = integer(reply[0])
			for _, line := range reply[1:] {
				if !yield([]byte(text(line)), nil) {
					return
				}
			}
		}
	}
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
			if agg == nil || !passes(f, agg) {
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
	ids, err := s.rdb.ZRevRangeByLex(ctx, indexKey, &redis.ZRangeBy{Max: newest, Min: "-", Count: count}).Result()
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
