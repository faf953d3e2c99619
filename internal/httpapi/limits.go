package httpapi

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"gather"
)

// Limiter counts requests, for all processes together.
type Limiter interface {
	// Take asks for one request of the owner that ctx names.
	Take(ctx context.Context, rate gather.Rate) (gather.Allowance, error)
}

// The names of the quotas in RateLimit-Policy and RateLimit.
const (
	quotaRequests = `"requests"`
	quotaOpen     = `"open"`
)

// limitPolicy is the value of RateLimit-Policy: all that limits an owner, "" if nothing
// does (draft-ietf-httpapi-ratelimit-headers-11, section 3). Of a bucket that leaks, the
// window is the time in which it empties.
func (o *Options) limitPolicy() string {
	var policy string
	if o.Limiter != nil {
		policy = fmt.Sprintf("%s;q=%d;w=%d", quotaRequests, o.Rate.Burst, ceilSeconds(o.Rate.Window()))
	}
	if o.MaxOpen > 0 {
		if policy != "" {
			policy += ", "
		}
		policy += fmt.Sprintf(`%s;q=%d;qu="concurrent-requests"`, quotaOpen, o.MaxOpen)
	}
	return policy
}

// take counts the request against its owner's rate, says in the header what that
// leaves, and refuses what is over it.
func (a *API) take(ctx context.Context, h http.Header) error {
	if a.limitPolicy != "" {
		h.Set("RateLimit-Policy", a.limitPolicy)
	}
	if a.opt.Limiter == nil {
		return nil
	}
	left, err := a.opt.Limiter.Take(ctx, a.opt.Rate)
	if err != nil {
		return err
	}
	h.Set("RateLimit", fmt.Sprintf("%s;r=%d;t=%d", quotaRequests, left.Remaining, ceilSeconds(left.MoreAfter)))
	if left.Granted {
		return nil
	}
	return overRate(ownerLabel(ctx), a.opt.Rate, max(1, ceilSeconds(left.MoreAfter)))
}

// overRate is the answer to an owner who has sent too many requests, and may come back
// after so many seconds.
func overRate(owner string, rate gather.Rate, seconds int64) *problem {
	return &problem{
		Type: namespace + "rate-limited", Title: "Too many requests", Status: http.StatusTooManyRequests,
		Detail: fmt.Sprintf("the limit for %s is %g requests a second and %d at once; Retry-After says when to come back", owner, rate.PerSecond, rate.Burst),
		header: http.Header{"Retry-After": {strconv.FormatInt(seconds, 10)}},
	}
}

// noneOpen is what RateLimit says where the owner has as many open aggregations as it may.
const noneOpen = quotaOpen + ";r=0"

// ceilSeconds is the duration in whole seconds, as headers have it: never too short.
func ceilSeconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }
