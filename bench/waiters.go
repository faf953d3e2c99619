package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// waiters measures what clients cost that wait for one aggregation, all of them at
// one API process, and how soon they have its answer.
type waiters struct {
	clients    int
	mostKiB    float64       // memory that each may cost the API
	answeredIn time.Duration // how soon after the finish all have their answers
}

const (
	// waitersSettle is how long all of them wait before the memory is read.
	waitersSettle = 5 * time.Second
	warmWaiters   = 100
)

func (w waiters) measure(ctx context.Context, l *lab) ([]outcome, error) {
	g, err := l.startGather(0)
	if err != nil {
		return nil, err
	}
	others, err := w.subscriptionsOfOthers(ctx, l, g)
	if err != nil {
		return nil, err
	}
	// A first round with few, so that what the process takes once is not counted.
	if _, err := w.round(ctx, g, warmWaiters); err != nil {
		return nil, err
	}
	seen, err := w.round(ctx, g, w.clients)
	if err != nil {
		return nil, err
	}
	kib := float64(seen.memory) / float64(w.clients) / (1 << 10)
	subscriptions := seen.subscriptions - others
	work := fmt.Sprintf("%s clients waiting on one API process", count(w.clients))
	return []outcome{
		{work: work + ": memory of each", gather: figure{text: number(kib) + " KiB"},
			target: fmt.Sprintf("≤ %g KiB", w.mostKiB), verdict: judge(kib <= w.mostKiB),
			notes: []string{fmt.Sprintf("while %s clients wait, Redis executes %s commands a second", count(w.clients), number(seen.commands))}},
		{work: work + ": its subscription connections", gather: figure{text: count(subscriptions)},
			target: "1", verdict: judge(subscriptions == 1)},
		{work: work + ": finish to last answer", gather: figure{text: number(float64(seen.answered.Milliseconds())) + " ms"},
			target: "≤ " + count(int(w.answeredIn.Milliseconds())) + " ms", verdict: judge(seen.answered <= w.answeredIn)},
	}, nil
}

// subscriptionsOfOthers counts the subscription connections that are not the API's:
// those that a second worker adds are those that the first one has.
func (w waiters) subscriptionsOfOthers(ctx context.Context, l *lab, g *gatherSystem) (int, error) {
	if _, err := timed(ctx, g, 1, 0); err != nil { // by now the first one has all of its own
		return 0, err
	}
	before, err := subscriptions(ctx, g.redis)
	if err != nil {
		return 0, err
	}
	second := &gatherSystem{binaries: l.binaries, redis: g.redis, upstream: g.upstream, client: g.client}
	if err := second.addWorker(0); err != nil {
		return 0, err
	}
	err = sleep(ctx, time.Second)
	after, counting := subscriptions(ctx, g.redis)
	return after - before, errors.Join(err, counting, second.end())
}

// subscriptions counts the connections of Redis that subscribe to something.
func subscriptions(ctx context.Context, r *redisServer) (int, error) {
	list, err := r.client.Do(ctx, "CLIENT", "LIST", "TYPE", "PUBSUB").Text()
	if err != nil {
		return 0, fmt.Errorf("CLIENT LIST of Redis: %w", err)
	}
	return len(strings.FieldsFunc(list, func(c rune) bool { return c == '\n' })), nil
}

// seen is what one round of waiting showed.
type seen struct {
	memory        int64         // what the API took for all clients
	subscriptions int           // connections, those of workers included
	commands      float64       // of Redis, a second
	answered      time.Duration // from the finish to the last answer
}

func (w waiters) round(ctx context.Context, g *gatherSystem, clients int) (s seen, err error) {
	held := spec{Requests: []request{{URL: itemURL(g.upstream, 0, 0) + "&hold=1", Timeout: "3m"}}}
	agg, err := g.post(ctx, held, "respond-async")
	if err != nil {
		return s, err
	}
	before, err := g.api.resident()
	if err != nil {
		return s, err
	}
	crowd, err := gatherCrowd(ctx, g.base, "/v1/aggregations/"+agg.ID+"?wait=60s", clients)
	if err != nil {
		return s, err
	}
	defer crowd.disperse()
	if s.commands, _, err = watch(ctx, g.redis, waitersSettle); err != nil {
		return s, err
	}
	if n := crowd.answered(); n > 0 {
		return s, fmt.Errorf("%d of %d clients were answered before the finish", n, clients)
	}
	after, err := g.api.resident()
	if err != nil {
		return s, err
	}
	s.memory = after - before
	if s.subscriptions, err = subscriptions(ctx, g.redis); err != nil {
		return s, err
	}
	if _, err := fetch(ctx, http.DefaultClient, "http://"+g.upstream+"/release"); err != nil {
		return s, err
	}
	if s.answered, err = crowd.await(ctx); err != nil {
		return s, err
	}
	return s, g.remove(ctx, agg.ID)
}
