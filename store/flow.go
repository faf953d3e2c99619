package store

import "gather"

// How items flow to the workers: one by one or in batches, and how many of an
// aggregation at once.
const (
	// windowPerFetch is how many items of one aggregation without a cap are handed out
	// for each fetch that the workers can have in flight: enough that none of them
	// waits for the next ones, and not so many that the aggregation fills its queue.
	windowPerFetch = 2
	// leastWindow is the window where the workers are few, or not known yet.
	leastWindow = 2048

	// largestBatch bounds what one worker takes at once, and what is lost with it.
	largestBatch = 64
	// batchesAtLeast is how many batches a large aggregation makes, so that they
	// spread over the workers.
	batchesAtLeast = 64
	// batchesInCap is how many batches fit into a cap, so that a batch that waits for
	// its room leaves little of the cap unused.
	batchesInCap = 16
)

// uncapped is how many items of an aggregation without a cap of its own may be
// handed out at once.
func (s *Store) uncapped() int {
	return max(leastWindow, windowPerFetch*int(s.capacity.Load()))
}

// batchSize is how many items of an aggregation make one subtask. Only large ones
// have batches: they divide what a task costs, and a small aggregation has no need
// of that.
func batchSize(items, concurrency int) int {
	if !gather.LaneOf(gather.PriorityDefault, items).Bulk() {
		return 1
	}
	size := min(largestBatch, items/batchesAtLeast)
	if concurrency > 0 {
		size = min(size, concurrency/batchesInCap)
	}
	return max(1, size)
}
