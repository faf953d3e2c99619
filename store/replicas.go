package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

const (
	// replicasTimeout is how long a creation waits for replicas; less than a command may take.
	replicasTimeout = time.Second
	// replicatedTTL is how long the mark stays that replicas are asked to have seen.
	replicatedTTL = time.Second
)

// WaitReplicas has Create return only once so many replicas have the aggregation, so that it
// survives the failure of its master. It is called before the store is used.
func (s *Store) WaitReplicas(n int) { s.replicas = n }

// replicated sees to it that enough replicas have the aggregation. Where they don't in time,
// the aggregation may last all the same.
func (s *Store) replicated(ctx context.Context, id string) error {
	if s.replicas == 0 {
		return nil
	}
	master, err := s.masterOf(ctx, metaKey(id))
	if err != nil {
		return notReplicated(id, err)
	}
	var there *redis.IntCmd
	var seen *redis.Cmd
	_, err = master.Pipelined(ctx, func(p redis.Pipeliner) error {
		// WAIT asks for what its own connection has written. Replicas that have the mark have all
		// that the master has written before; and it is no other master, that never had the aggregation.
		there = p.Exists(ctx, metaKey(id))
		p.Set(ctx, metaKey(id)+":replicated", 1, replicatedTTL)
		seen = p.Do(ctx, "WAIT", s.replicas, replicasTimeout.Milliseconds())
		return nil
	})
	n, _ := seen.Int()
	switch {
	case err != nil:
		return notReplicated(id, err)
	case there.Val() == 0:
		return notReplicated(id, errors.New("its master is gone"))
	case n < s.replicas:
		return notReplicated(id, fmt.Errorf("%d of %d replicas have it", n, s.replicas))
	}
	return nil
}

func notReplicated(id string, why error) error {
	return fmt.Errorf("replicate %s: %w: %w: %w", id, gather.ErrOutcomeUnknown, gather.ErrUnavailable, why)
}

// masterOf is a client of the one server that has the key.
func (s *Store) masterOf(ctx context.Context, key string) (*redis.Client, error) {
	switch rdb := s.rdb.(type) {
	case *redis.ClusterClient:
		return rdb.MasterForKey(ctx, key)
	case *redis.Client:
		return rdb, nil
	}
	return nil, fmt.Errorf("%T has no one master", s.rdb)
}
