package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

// pendingFields is how many values pending.lua returns of each item.
const pendingFields = 4

// Pending returns which items workers have begun and not finished, or ErrNotFound. Once the
// aggregation has finished there are none.
func (s *Store) Pending(ctx context.Context, id string) (*gather.Pending, error) {
	if !validID(id) {
		return nil, gather.ErrNotFound
	}
	reply, err := s.run(ctx, pendingScript, id).Slice()
	if errors.Is(err, redis.Nil) {
		return nil, gather.ErrNotFound
	}
	if err != nil {
		return nil, unavailable(ctx, "look at", id, err)
	}
	now := integer(reply[1])
	agg, err := decodeMeta(id, stateFields(reply[0]), time.UnixMilli(now))
	if err != nil {
		return nil, err
	}
	if !visible(ctx, agg) {
		return nil, gather.ErrNotFound
	}
	created := agg.CreatedAt.UnixMilli()
	pending := &gather.Pending{AtMS: now - created, Items: []gather.PendingItem{}}
	for fields := reply[2:]; len(fields) >= pendingFields; fields = fields[pendingFields:] {
		pending.Items = append(pending.Items, pendingItem(fields, created))
	}
	slices.SortFunc(pending.Items, func(a, b gather.PendingItem) int { return cmp.Compare(a.Index, b.Index) })
	return pending, nil
}

func pendingItem(fields []any, created int64) gather.PendingItem {
	item := gather.PendingItem{
		Index: int(integer(fields[0])), Status: gather.ItemRetrying,
		Attempts: int(integer(fields[1])), StartedMS: integer(fields[2]) - created,
	}
	if held := integer(fields[3]) == 1; held && item.Attempts == 1 {
		item.Status = gather.ItemFetching
	}
	return item
}
