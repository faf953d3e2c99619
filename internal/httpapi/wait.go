package httpapi

import (
	"context"
	"strconv"
	"time"

	"gather"

	"github.com/danielgtaylor/huma/v2"
)

// await returns the aggregation once it has finished, or as it stands when the
// wait is over or the process is about to stop. created tells that this very request has
// created it.
func (a *API) await(ctx context.Context, id string, created bool, wait time.Duration) (*gather.Reading, error) {
	leave, err := a.waits.take(ctx, a.shared())
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, end := a.traceWait(ctx, id)
	start := time.Now()
	waitFor := a.store.Wait
	if created {
		waitFor = a.store.WaitCreated
	}
	reading, err := waitFor(ctx, id, wait, a.closing.Done())
	exchangeOf(ctx).waited += time.Since(start)
	end(reading)
	return reading, err
}

// untilClosed is ctx for as long as the process is not about to stop.
func (a *API) untilClosed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(a.closing, cancel)
	return ctx, func() { stop(); cancel() }
}

// clamped is the wait that a client gets of what it asks for.
func (a *API) clamped(wait time.Duration) time.Duration { return min(wait, a.opt.MaxWait) }

// applied is the value of Preference-Applied for a wait.
func applied(wait time.Duration) string {
	return "wait=" + strconv.FormatInt(int64(wait/time.Second), 10)
}

// waitParam is the query parameter wait: a Go duration, or whole seconds.
type waitParam string

// Schema documents the parameter.
func (waitParam) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type:        huma.TypeString,
		Description: `Hold the answer until the aggregation finishes, at most so long: "30s", or seconds as "30". Longer waits are cut to the server's limit.`,
		Examples:    []any{"30s"},
	}
}

// parse returns the wait, 0 where none is asked for.
func (p waitParam) parse() (time.Duration, bool) {
	if p == "" {
		return 0, true
	}
	if wait, ok := parseSeconds(string(p)); ok {
		return wait, true
	}
	wait, err := time.ParseDuration(string(p))
	return wait, err == nil && wait >= 0
}

var badWait = gather.Fault{Location: "query.wait", Message: `must be a duration such as "30s", or whole seconds`}
