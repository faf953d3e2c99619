package main

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// limit does the work in the benchmark's own process, as fast as net/http can: what
// everything else is held against.
type limit struct {
	client      *http.Client
	upstream    string
	concurrency int
}

func newLimit(upstream string, concurrency int) *limit {
	return &limit{client: newHTTPClient(concurrency), upstream: upstream, concurrency: concurrency}
}

// run implements [system].
func (l *limit) run(ctx context.Context, n int, delay time.Duration) (cleanUp, error) {
	replies := make([]reply, n)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range min(n, l.concurrency) {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				var err error
				if replies[i], err = fetchReply(ctx, l.client, itemURL(l.upstream, i, delay)); err != nil {
					return err
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return nothingToClean, checkAll(replies)
}
