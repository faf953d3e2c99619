package tasks

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"gather"
)

// waitHere is the longest wait for the next attempt that a worker sits out; the
// queue keeps whole seconds only. A claim's slack covers it.
const waitHere = time.Second

// How long, and how often, a worker tries to tell Redis what it does while Redis is away.
const (
	recordTimeout = 15 * time.Second
	claimTimeout  = 5 * time.Second
	persistPause  = 500 * time.Millisecond
)

// mostBytes bounds the bodies that are recorded in one command: Redis is given them
// within the time of one, and does nothing else meanwhile.
const mostBytes = 4 << 20

// Fetcher sends a request once.
type Fetcher interface {
	// Fetch returns what came of one attempt, bounded by the request's timeout; never nil.
	Fetch(ctx context.Context, r *gather.Request) *gather.Response
}

// retryLater sends a task back to the queue, to be delivered after the delay.
type retryLater struct {
	delay time.Duration
	why   *gather.ItemError
}

func (r *retryLater) Error() string {
	return fmt.Sprintf("%s, next attempt in %v", r.why.Code, r.delay)
}

// errHandedBack sends a task back to the queue because the worker stops.
var errHandedBack = errors.New("handed back: the worker stops")

// fetch runs one item to its result, or sends it back to the queue for another
// attempt later; or a batch of them side by side. It owns a slot from the start.
func (s *Server) fetch(ctx context.Context, queue string, task *asynq.Task) error {
	ready := func() {}
	if isBulk(queue) {
		ready = sync.OnceFunc(s.intake.bulkReady) // lets its next batch in
		defer ready()
	}
	var payload fetchPayload
	if err := json.Unmarshal(task.Payload(), &payload); err != nil {
		s.slots.release(1)
		return fmt.Errorf("payload of %s: %w: %w", task.Type(), err, asynq.RevokeTask)
	}
	id := payload.Aggregation
	ctx, leave := s.inflight.enter(ctx, id)
	defer leave()
	if payload.Item.Batch > 0 {
		if !isBulk(queue) {
			s.intake.holdSmall()
			ready = sync.OnceFunc(s.intake.smallReady)
			defer ready()
		}
		return s.fetchBatch(ctx, id, payload.Item, ready)
	}
	ready()
	defer s.slots.release(1)
	claim, err := s.claim(ctx, id, &gather.Claim{Subtask: payload.Item, Holder: rand.Text()})
	if err != nil || claim == nil {
		return err // or it has a result, is another's, or is not wanted any more
	}
	if claim.Waited >= 0 {
		s.observer.Claimed(queue, claim.Waited)
	}
	return s.fetchItem(ctx, id, claim)
}

// fetchItem runs a claimed item to its result, and keeps that. It returns retryLater or
// errHandedBack where the item waits for a worker again.
func (s *Server) fetchItem(ctx context.Context, id string, claim *gather.Claim) error {
	ctx, end := s.traceItem(ctx, id, claim.Index)
	result, err := s.attempts(ctx, id, claim)
	if result != nil {
		err = s.record(ctx, id, result)
	}
	end(result)
	return err
}

// attempts sends the request until it has a result, which is expected to be recorded. It returns
// none, and maybe why, where the item is not this worker's any more.
func (s *Server) attempts(ctx context.Context, id string, claim *gather.Claim) (*gather.Result, error) {
	var last *gather.Response // that came at all
	for {
		response, elapsed := s.send(ctx, id, claim)
		if response.Error != nil && ctx.Err() != nil {
			s.results.dismiss(id)
			return nil, s.aborted(ctx, id, claim)
		}
		last = latest(last, response)
		result, later := judge(claim, response, elapsed)
		if result != nil {
			if response.HTTPStatus == 0 && last != nil {
				last.FillResult(result)
			}
			return result, nil
		}
		s.results.dismiss(id)
		if later.delay < claim.DeadlineIn {
			s.observer.Retried(later.why.Code)
		}
		if later.delay > waitHere {
			return nil, s.postpone(ctx, id, claim, later)
		}
		select {
		case <-time.After(later.delay):
		case <-ctx.Done():
			return nil, s.aborted(ctx, id, claim)
		}
		var err error
		if claim, err = s.claim(ctx, id, claim); err != nil || claim == nil {
			return nil, err
		}
	}
}

// latest is the last response that came, which a failed item keeps.
func latest(before, response *gather.Response) *gather.Response {
	if response.HTTPStatus == 0 {
		return before
	}
	return response
}

// claim claims the item for the next attempt, together with others of the
// aggregation that want it at the same time. It returns nil if there is none to make.
func (s *Server) claim(ctx context.Context, id string, held *gather.Claim) (*gather.Claim, error) {
	claim, err := s.claims.call(id, *held)
	if err != nil && errors.Is(context.Cause(ctx), errClosed) {
		return nil, nil
	}
	return claim, err
}

// claimAll claims items of an aggregation. It returns nil in place of those for
// which there is no attempt to make; of each other a result is expected.
func (s *Server) claimAll(id string, wanted []gather.Claim) ([]*gather.Claim, error) {
	var granted []gather.Claim
	err := persist(s.handlers, claimTimeout, func(ctx context.Context) (err error) {
		granted, err = s.store.Claim(ctx, id, wanted)
		return err
	})
	if err != nil {
		return nil, err
	}
	claims := make([]*gather.Claim, len(wanted))
	for i := range wanted {
		if len(granted) > 0 && granted[0].Index == wanted[i].Index && granted[0].Holder == wanted[i].Holder {
			claims[i], granted = &granted[0], granted[1:]
			s.results.expect(id)
		}
	}
	return claims, nil
}

// postpone sends the task back to the queue. Where the next attempt would come
// after the deadline, nothing is left to do but to wait for it, which needs no task.
func (s *Server) postpone(ctx context.Context, id string, c *gather.Claim, later *retryLater) error {
	if err := s.release(ctx, id, c, later.delay); err != nil {
		return err
	}
	if later.delay >= c.DeadlineIn {
		return nil
	}
	return later
}

// send makes one attempt, and returns what came of it and the time since the
// item's first attempt.
func (s *Server) send(ctx context.Context, id string, c *gather.Claim) (*gather.Response, time.Duration) {
	if c.Unreadable != nil {
		s.reportOnce(ctx, id, c)
		return &gather.Response{Error: c.Unreadable, NotSent: true, Permanent: true}, c.SinceFirst
	}
	request := c.Request
	markUnsafe(&request, id, c.Index)
	s.sending.Add(1)
	defer s.sending.Add(-1)
	ctx, end := s.traceAttempt(ctx, c)
	sent := time.Now()
	var response *gather.Response
	if err := guarded(func() error { response = s.fetcher.Fetch(ctx, &request); return nil }); err != nil {
		s.log.ErrorContext(ctx, "a fetch panicked", "aggregation", id, "item", c.Index, "error", err)
		response = &gather.Response{Error: &gather.ItemError{
			Code: gather.CodeProxyInternalError, Message: "the worker failed while it sent the request; its log has more",
		}}
	}
	end(response)
	return response, c.SinceFirst + time.Since(sent)
}

// reportOnce logs why a request can't be read, the first time that this is the reason:
// where a key is missing, it is missing for all.
func (s *Server) reportOnce(ctx context.Context, id string, c *gather.Claim) {
	if _, reported := s.reported.LoadOrStore(c.Unreadable.Message, true); !reported {
		s.log.ErrorContext(ctx, "a request can't be read; its item fails, and so will others", "aggregation", id, "item", c.Index, "error", c.Unreadable.Message)
	}
}

// judge returns the item's result, or when to make the next attempt.
func judge(c *gather.Claim, response *gather.Response, elapsed time.Duration) (*gather.Result, *retryLater) {
	request := &c.Request
	status, why := gather.ItemSucceeded, (*gather.ItemError)(nil)
	if !request.Succeeded(response) {
		status, why = gather.ItemFailed, failure(response)
		if c.Attempts < request.MaxAttempts() && request.Retryable(response) {
			return nil, &retryLater{delay: request.Backoff(c.Attempts, response.RetryAfter), why: why}
		}
	}
	result := &gather.Result{
		Index: c.Index, Run: c.Run, Key: request.Key, URL: request.URL, Status: status, Error: why,
		Attempts: c.Attempts, StartedMS: &c.StartedMS, ElapsedMS: gather.Milliseconds(elapsed),
	}
	if c.Attempts > 1 {
		result.LastAttemptMS = gather.Milliseconds(elapsed - c.SinceFirst)
	}
	response.FillResult(result)
	return result, nil
}

// failure says why a response is not what the client wants.
func failure(response *gather.Response) *gather.ItemError {
	if response.Error != nil {
		return response.Error
	}
	return &gather.ItemError{
		Code:    gather.CodeHTTPStatus,
		Message: fmt.Sprintf("the server answered %d", response.HTTPStatus),
	}
}

// markUnsafe gives an unsafe request an idempotency key, since a lost worker can
// make it be sent twice; the client's own stays.
func markUnsafe(r *gather.Request, id string, index int) {
	if !r.Unsafe() || r.HasHeader("Idempotency-Key") {
		return
	}
	headers := map[string]string{"Idempotency-Key": fmt.Sprintf("%s/%d", id, index)}
	for name, value := range r.Headers {
		headers[name] = value
	}
	r.Headers = headers
}

// outcome is a result on its way to the store, with the headers of what it has enqueued.
type outcome struct {
	*gather.Result
	headers map[string]string
}

// record keeps the result, together with others of the aggregation that come at the
// same time.
func (s *Server) record(ctx context.Context, id string, result *gather.Result) error {
	end := s.traceRecord(ctx)
	_, err := s.results.callExpected(id, outcome{result, headersOf(ctx)})
	end(err)
	return err
}

// recordAll keeps results and hands the next items to the queue. A worker that is
// told to stop still does this, and one that can't reach Redis tries for a while:
// the requests have been sent, and should not have to be sent again.
func (s *Server) recordAll(id string, outcomes []outcome) ([]struct{}, error) {
	results := make([]gather.Result, len(outcomes))
	for i := range outcomes {
		results[i] = *outcomes[i].Result
	}
	ctx := withHeaders(context.Background(), outcomes[0].headers)
	var failed error
	for part := range byCommand(results) {
		failed = errors.Join(failed, s.recordPart(ctx, id, part))
	}
	return make([]struct{}, len(results)), failed
}

// byCommand yields the results in parts that one command can carry, so that each is tried again
// alone: of one run, at least one of them, and no more than some mostBytes of bodies.
func byCommand(results []gather.Result) iter.Seq[[]gather.Result] {
	return func(yield func([]gather.Result) bool) {
		first, bytes := 0, 0
		for i := range results {
			size := len(results[i].Body) + len(results[i].BodyBase64)
			if i > first && (bytes+size > mostBytes || results[i].Run != results[first].Run) {
				if !yield(results[first:i]) {
					return
				}
				first, bytes = i, 0
			}
			bytes += size
		}
		if first < len(results) {
			yield(results[first:])
		}
	}
}

func (s *Server) recordPart(ctx context.Context, id string, results []gather.Result) error {
	var recorded *gather.Recorded
	return persist(ctx, recordTimeout, func(ctx context.Context) (err error) {
		if recorded == nil {
			if recorded, err = s.store.Record(ctx, id, results); err != nil {
				return err
			}
			s.finished.Add(int64(recorded.First))
		}
		return s.queue.fetch(ctx, id, recorded.Lane, recorded.Next)
	})
}

// aborted ends a task whose request was cut off: for good if the aggregation is
// closed, else it goes back to the queue, for another worker.
func (s *Server) aborted(ctx context.Context, id string, c *gather.Claim) error {
	// Even if it was closed: a retry by the client may have opened it again.
	if err := s.release(ctx, id, c, 0); err != nil {
		return err
	}
	if errors.Is(context.Cause(ctx), errClosed) {
		return nil
	}
	return errHandedBack
}

// release ends the claim; a worker that is told to stop does this, too.
func (s *Server) release(ctx context.Context, id string, c *gather.Claim, delay time.Duration) error {
	return persist(context.WithoutCancel(ctx), claimTimeout, func(ctx context.Context) error {
		return s.store.Release(ctx, id, c, delay)
	})
}

// persist does what may be done twice, again and again while Redis is away, for a while.
func persist(ctx context.Context, atMost time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	for {
		err := do(ctx)
		if !errors.Is(err, gather.ErrUnavailable) {
			return err
		}
		select {
		case <-time.After(persistPause):
		case <-ctx.Done():
			return err
		}
	}
}
