package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// quietFor is how long a worker without work is watched.
	quietFor = 15 * time.Second
	// beforeQuiet lets what belongs to the start be over.
	beforeQuiet = 3 * time.Second
)

// idleCommands counts the Redis commands of one worker that has nothing to do: all
// that Redis executes, those within scripts included.
type idleCommands struct{ most float64 }

func (c idleCommands) measure(ctx context.Context, l *lab) ([]outcome, error) {
	g, err := l.startGather(0)
	if err != nil {
		return nil, err
	}
	// A run, so that it is a worker that has worked; then the worker alone.
	if _, err := timed(ctx, g, 10, 0); err != nil {
		return nil, err
	}
	if err := g.api.end(); err != nil {
		return nil, err
	}
	g.api = nil
	perSecond, mostly, err := watchIdle(ctx, g.redis)
	if err != nil {
		return nil, err
	}
	o := outcome{
		work: "Redis commands while idle, one worker", gather: perSecondFigure(perSecond),
		target: fmt.Sprintf("≤ %g /s", c.most), verdict: judge(perSecond <= c.most),
		notes: []string{"gather's commands a second while idle: " + mostly},
	}
	for interval, cell := range map[time.Duration]*figure{pollingInterval: &o.polling, standardInterval: &o.asynq} {
		a, err := l.startAsynq(defaultConcurrency, interval)
		if err != nil {
			return nil, err
		}
		if _, err := timed(ctx, a, 10, 0); err != nil {
			return nil, err
		}
		perSecond, _, err := watchIdle(ctx, a.redis)
		if err != nil {
			return nil, err
		}
		*cell = perSecondFigure(perSecond)
	}
	return []outcome{o}, nil
}

func perSecondFigure(perSecond float64) figure { return figure{text: number(perSecond) + " /s"} }

func watchIdle(ctx context.Context, r *redisServer) (perSecond float64, mostly string, err error) {
	if err := sleep(ctx, beforeQuiet); err != nil {
		return 0, "", err
	}
	return watch(ctx, r, quietFor)
}

// watch counts the commands that Redis executes a second, and tells which they mostly are.
func watch(ctx context.Context, r *redisServer, d time.Duration) (perSecond float64, mostly string, err error) {
	before, err := r.info(ctx, "stats", "commandstats")
	if err != nil {
		return 0, "", err
	}
	started := time.Now()
	if err := sleep(ctx, d); err != nil {
		return 0, "", err
	}
	after, err := r.info(ctx, "stats", "commandstats")
	if err != nil {
		return 0, "", err
	}
	elapsed := time.Since(started).Seconds()
	const total = "total_commands_processed"
	const ours = 1 // the first INFO, which is counted once it has answered
	perSecond = float64(atoi(after[total])-atoi(before[total])-ours) / elapsed
	return perSecond, busiest(before, after, elapsed), nil
}

var callCount = regexp.MustCompile(`^calls=(\d+),`)

// busiest lists the commands by how often they were called.
func busiest(before, after map[string]string, elapsed float64) string {
	type calls struct {
		name      string
		perSecond float64
	}
	var list []calls
	for field, stats := range after {
		name, isCommand := strings.CutPrefix(field, "cmdstat_")
		if !isCommand || name == "info" {
			continue
		}
		if n := callsIn(stats) - callsIn(before[field]); n > 0 {
			list = append(list, calls{name, float64(n) / elapsed})
		}
	}
	slices.SortFunc(list, func(a, b calls) int {
		if a.perSecond != b.perSecond {
			return int(1000 * (b.perSecond - a.perSecond))
		}
		return strings.Compare(a.name, b.name)
	})
	parts := make([]string, len(list))
	for i, c := range list {
		parts[i] = c.name + " " + number(c.perSecond)
	}
	return strings.Join(parts, ", ")
}

func callsIn(stats string) int {
	groups := callCount.FindStringSubmatch(stats)
	if groups == nil {
		return 0
	}
	return atoi(groups[1])
}

// atoi reads a field of INFO; one that is missing counts as 0.
func atoi(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
