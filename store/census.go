package store

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Census is how many there are of what all processes share.
type Census struct {
	// Workers counts those seen in the last seconds, Slots the fetches that they can have in
	// flight at once.
	Workers, Slots int
	// Aggregations counts those that are stored, finished or not.
	Aggregations int
}

// Census counts, in one round trip of cheap commands.
func (s *Store) Census(ctx context.Context) (Census, error) {
	var now *redis.TimeCmd
	var workers *redis.ZSliceCmd
	var aggregations *redis.IntCmd
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		now, workers, aggregations = p.Time(ctx), p.ZRangeWithScores(ctx, workersKey, 0, -1), p.ZCard(ctx, indexKey)
		return nil
	})
	if err != nil {
		return Census{}, unavailable(ctx, "count", "workers", err)
	}
	census := Census{Aggregations: int(aggregations.Val())}
	oldest := float64(now.Val().Add(-workerSeen).UnixMilli())
	for _, worker := range workers.Val() {
		if worker.Score < oldest {
			continue
		}
		census.Workers++
		census.Slots += workerOf(text(worker.Member)).Concurrency
	}
	return census, nil
}
