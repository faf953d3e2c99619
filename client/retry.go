package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// effort is one operation with all its attempts.
type effort struct {
	client  *Client
	what    string
	bound   time.Duration // how long it may fail without a success in between
	bounded bool

	failures int // since the last success
	since    time.Time
}

// brief is the effort of one call.
func (c *Client) brief(what string) *effort {
	return &effort{client: c, what: what, bound: c.retryFor, bounded: true}
}

// lasting is the effort of what goes on until it is done.
func (c *Client) lasting(what string) *effort {
	return &effort{client: c, what: what, bound: c.maxOutage, bounded: c.maxOutage > 0}
}

// run makes attempts until one succeeds, or no other may help. again tells that the last
// was not the first.
func (e *effort) run(ctx context.Context, attempt func() error) (again bool, err error) {
	for {
		if err := attempt(); err == nil {
			return again, nil
		} else if err := e.failed(ctx, err); err != nil {
			return again, err
		}
		again = true
	}
}

// succeeded forgets what has failed so far.
func (e *effort) succeeded() { e.failures = 0 }

// failed waits until the time for another attempt, and returns nil; or it returns the
// error with which the operation ends.
func (e *effort) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return e.ended(ctx, err)
	}
	if !transient(err) {
		return fmt.Errorf("%s: %w", e.what, err)
	}
	if e.failures == 0 {
		e.since = time.Now()
	}
	e.failures++
	pause := pace.Backoff(e.failures, retryAfter(err))
	if e.bounded && time.Since(e.since)+pause > e.bound {
		return fmt.Errorf("%s, %s: %w", e.what, attempts(e.failures), err)
	}
	e.client.notify(err, pause)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return e.ended(ctx, err)
	}
}

// ended tells that ctx has ended the operation, and what went wrong before, if that is news.
func (e *effort) ended(ctx context.Context, err error) error {
	if errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)) {
		return fmt.Errorf("%s: %w", e.what, ctx.Err())
	}
	return fmt.Errorf("%s: %w; before: %w", e.what, ctx.Err(), err)
}

func attempts(n int) string {
	if n == 1 {
		return "in one attempt"
	}
	return fmt.Sprintf("in %d attempts", n)
}

// transient reports whether another attempt may help.
func transient(err error) bool {
	if p := (*Problem)(nil); errors.As(err, &p) {
		return transientStatus(p.Status)
	}
	var other *foreignError
	var untrusted *tls.CertificateVerificationError
	return !errors.As(err, &other) && !errors.As(err, &untrusted) && !errors.Is(err, errRedirect)
}

func transientStatus(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// retryAfter is what the server asks for; 0 is nothing.
func retryAfter(err error) time.Duration {
	if p := (*Problem)(nil); errors.As(err, &p) {
		return p.RetryAfter
	}
	return 0
}
