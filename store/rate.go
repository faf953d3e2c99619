package store

import (
	"context"
	"time"

	"gather"
)

// Take asks for one request of who acts in ctx. All processes share the rate's state,
// which is one key an owner, gone when the burst is whole again.
func (s *Store) Take(ctx context.Context, rate gather.Rate) (gather.Allowance, error) {
	owner, interval := gather.OwnerOf(ctx), rate.Interval()
	reply, err := takeScript.Run(ctx, s.rdb, []string{rateKey(owner)}, interval.Microseconds(), rate.Burst).Slice()
	if err != nil {
		return gather.Allowance{}, unavailable(ctx, "count a request of", owner, err)
	}
	free := rate.Window() - time.Duration(integer(reply[1]))*time.Microsecond
	return gather.Allowance{
		Granted:   integer(reply[0]) == 1,
		Remaining: int(free / interval),
		MoreAfter: interval - free%interval,
	}, nil
}
