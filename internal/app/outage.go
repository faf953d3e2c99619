package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
	"gather/store"
)

const (
	// probePause is the pause between two looks whether Redis is back.
	probePause = 500 * time.Millisecond
	// repeatOutage is how often the log tells that Redis is still away.
	repeatOutage = 30 * time.Second
	// afterglow is how long after an outage what failed in it may still be told of.
	afterglow = 2 * time.Second
)

// outage tells the log when Redis is lost, now and then that it still is, and when it is
// back. What everybody else says about Redis meanwhile is the same over and over, and is
// for looking closer only.
//
// It hooks into clients: the first command that gets no answer has it ask Redis by itself,
// until Redis answers. As long as all is well it costs nothing.
type outage struct {
	log     *slog.Logger // the process' own
	connect connector    // makes the client that asks

	lost     atomic.Bool
	ctx      context.Context
	stop     context.CancelFunc
	mu       sync.Mutex // between the last probe and stop
	probes   sync.WaitGroup
	lastTold atomic.Int64 // of commands that failed alone, in Unix nanoseconds
	calmTill atomic.Int64 // until when the others' lines are kept back though Redis is there
}

// watchRedis has failures of the connector's clients noticed, and returns the connector that
// makes them.
func watchRedis(connect connector, log *slog.Logger) (connector, *outage) {
	o := &outage{log: log, connect: connect}
	o.ctx, o.stop = context.WithCancel(context.Background())
	return func() redis.UniversalClient {
		rdb := connect()
		rdb.AddHook(o)
		return rdb
	}, o
}

// close ends the looking. It may be called twice; nil is one that never began.
func (o *outage) close() {
	if o == nil {
		return
	}
	o.mu.Lock()
	o.stop()
	o.mu.Unlock()
	o.probes.Wait()
}

// DialHook notices that no connection comes about.
func (o *outage) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		o.note(err)
		return conn, err
	}
}

// ProcessHook notices that a command gets no answer.
func (o *outage) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		o.note(err)
		return err
	}
}

// ProcessPipelineHook notices that several get none.
func (o *outage) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		o.note(err)
		return err
	}
}

// note looks after Redis from the first failure on.
func (o *outage) note(err error) {
	if !unanswered(err) || o.lost.Load() {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ctx.Err() == nil && o.lost.CompareAndSwap(false, true) {
		o.probes.Go(func() { o.probe(err) })
	}
}

// unanswered reports whether the error is that Redis does not answer. What it answers, be it
// an error, it is there for; and a caller who has gone says nothing of Redis.
func unanswered(err error) bool {
	var answer redis.Error
	switch {
	case err == nil, errors.Is(err, redis.ErrClosed), errors.Is(err, context.Canceled):
		return false
	case errors.As(err, &answer):
		return turnedAway(err)
	}
	return true
}

// probe asks Redis until it answers, and tells the log.
func (o *outage) probe(why error) {
	rdb := o.connect()
	defer func() { _ = rdb.Close() }()
	began, told := time.Now(), time.Time{}
	for {
		err := ask(o.ctx, rdb)
		switch {
		case o.ctx.Err() != nil: // the process stops, and what it still says of Redis is no news
			return
		case !unanswered(err) && told.IsZero():
			o.tellAlone(why)
			o.lost.Store(false)
			return
		case !unanswered(err):
			o.calmTill.Store(time.Now().Add(afterglow).UnixNano())
			o.lost.Store(false)
			o.log.Info("Redis is back", "after", time.Since(began).Round(time.Millisecond))
			return
		case told.IsZero():
			told = time.Now()
			o.log.Warn("Redis is lost; what needs it waits, or is answered with 503", "error", quoteless(err))
		case time.Since(told) >= repeatOutage:
			told = time.Now()
			o.log.Warn("Redis is still lost", "for", time.Since(began).Round(time.Second), "error", quoteless(err))
		}
		select {
		case <-time.After(probePause):
		case <-o.ctx.Done():
			return
		}
	}
}

func ask(ctx context.Context, rdb redis.UniversalClient) error {
	ctx, cancel := context.WithTimeout(ctx, 2*commandTimeout)
	defer cancel()
	return rdb.Ping(ctx).Err()
}

// tellAlone tells of a command that failed while Redis answers others.
func (o *outage) tellAlone(why error) {
	now := time.Now().UnixNano()
	if now-o.lastTold.Load() < int64(repeatOutage) || now < o.calmTill.Load() {
		return
	}
	o.lastTold.Store(now)
	o.log.Warn("Redis left a command without an answer, and answers now", "error", quoteless(why))
}

// quoteless is the error's text without what it may quote of replies.
func quoteless(err error) string { return store.WithoutReplies(err.Error()) }

// calmed is a log in which all that others say about Redis while it is lost stands at debug level.
func (o *outage) calmed(log *slog.Logger) *slog.Logger {
	return slog.New(&calmedHandler{Handler: log.Handler(), outage: o})
}

// over reports whether there is nothing to keep back.
func (o *outage) over() bool { return !o.lost.Load() && time.Now().UnixNano() >= o.calmTill.Load() }

type calmedHandler struct {
	slog.Handler
	outage *outage
}

// Handle passes the record on, at debug level where it is about a Redis that is lost.
func (h *calmedHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level > slog.LevelDebug && !h.outage.over() && aboutRedis(r) {
		r.Level = slog.LevelDebug
		if !h.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs is for slog.Handler, as is WithGroup.
func (h *calmedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &calmedHandler{h.Handler.WithAttrs(attrs), h.outage}
}

// WithGroup keeps the records of a group calm, too.
func (h *calmedHandler) WithGroup(name string) slog.Handler {
	return &calmedHandler{h.Handler.WithGroup(name), h.outage}
}

// aboutRedis reports whether the record tells of an error that a lost Redis is the reason
// of. asynq has words for its errors only.
func aboutRedis(r slog.Record) (about bool) {
	r.Attrs(func(a slog.Attr) bool {
		err, isError := a.Value.Any().(error)
		about = isError && errors.Is(err, gather.ErrUnavailable) || a.Key == "from" && a.Value.String() == "asynq"
		return !about
	})
	return about
}
