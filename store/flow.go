package store

// How items flow to the workers: how many together, and how many of an aggregation at once.
const (
	// windowPerSlot is how many items of one aggregation without a cap are handed out
	// for each fetch that the workers can have in flight: enough that none of them
	// waits for the next ones, and not so many that the aggregation fills its queue.
	windowPerSlot = 2
	// leastWindow is the window where the workers are few, or not known yet.
	leastWindow = 2048

	// mostInBatch bounds what one worker takes at once, and what is lost with it.
	mostInBatch = 64
	// batchesPerWorker is how many batches an aggregation makes for each worker at least, so
	// that they spread over the workers, and all end at about the same time.
	batchesPerWorker = 8
	// batchesInSlots is how many batches a worker can fetch at once: with fewer, one that
	// got the last batch would be long at it while others have nothing to do.
	batchesInSlots = 2
	// batchesInCap is how many batches fit into a cap, so that a batch that waits for
	// its room leaves little of the cap unused.
	batchesInCap = 16
)

// workforce is the workers that there are, and how many fetches they can have in flight at
// once, all together; 0 where that is not known yet.
type workforce struct{ workers, slots int }

// window is how many items of an aggregation without a cap of its own may be handed out at once.
func (w *workforce) window() int { return max(leastWindow, windowPerSlot*w.slots) }

// leastBatches is how many batches an aggregation makes at least; with fewer than twice as many
// items, each is a subtask of its own.
func (w *workforce) leastBatches() int { return batchesPerWorker * max(1, w.workers) }

// largestBatch is how many items a batch has at most.
func (w *workforce) largestBatch() int {
	if w.workers == 0 {
		return mostInBatch
	}
	return max(1, min(mostInBatch, w.slots/w.workers/batchesInSlots))
}
