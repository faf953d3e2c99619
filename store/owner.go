package store

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"gather"
)

// visible reports whether who asks may learn that the aggregation exists. An owner
// never changes, and an id is never used again: what was found visible stays it.
func visible(ctx context.Context, agg *gather.Aggregation) bool {
	asks := gather.OwnerOf(ctx)
	return asks == "" || asks == agg.Owner
}

// own returns ErrNotFound unless who asks may learn that the aggregation exists. It is
// for operations that do not read it first anyway.
func (s *Store) own(ctx context.Context, id string) error {
	if gather.OwnerOf(ctx) == "" {
		return nil
	}
	owner, err := s.rdb.HGet(ctx, metaKey(id), "owner").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return unavailable(ctx, "read the owner of", id, err)
	}
	if !visible(ctx, &gather.Aggregation{Owner: owner}) {
		return gather.ErrNotFound
	}
	return nil
}

// listKey is the list that who asks may see.
func listKey(ctx context.Context) string {
	if owner := gather.OwnerOf(ctx); owner != "" {
		return ownIndexKey(owner)
	}
	return indexKey
}

// ownLists are the keys that tell whose an aggregation is, beside the index of all;
// none where it is nobody's.
func ownLists(ctx context.Context) []string {
	if owner := gather.OwnerOf(ctx); owner != "" {
		return []string{ownIndexKey(owner), ownersKey}
	}
	return nil
}

// Forget takes an aggregation that is gone off all lists and the schedule, all of it or,
// with an error, nothing.
func (s *Store) Forget(ctx context.Context, id string) error {
	err := forgetScript.Run(ctx, s.rdb, []string{indexKey, scheduleKey, ownersKey, openKey("")}, id).Err()
	return unavailable(ctx, "forget", id, err)
}
