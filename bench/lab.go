package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"
)

// lab is where one row is measured. What it starts lives as long as the row.
type lab struct {
	binaries string // directory of api and worker
	mode     redisMode
	runs     int // counted runs
	ends     []func() error
}

// close ends everything that was started here, the newest first.
func (l *lab) close() error {
	var errs []error
	for _, end := range slices.Backward(l.ends) {
		errs = append(errs, end())
	}
	l.ends = nil
	return errors.Join(errs...)
}

func (l *lab) atEnd(end func() error) { l.ends = append(l.ends, end) }

// startRedis starts a Redis. Each system has one of its own, so that what one
// leaves in it, and the memory it took, are not the other's.
func (l *lab) startRedis() (*redisServer, error) {
	r, err := startRedis(l.mode)
	if err != nil {
		return nil, err
	}
	l.atEnd(r.end)
	return r, nil
}

// startUpstream starts an upstream and returns its address. Each system has one of
// its own: the idle connections of all together would not fit into one process'
// files, nor into the ports of one address.
func (l *lab) startUpstream() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	p, address, err := start(command{
		name: "upstream", path: self, args: []string{upstreamCommand}, ready: regexp.MustCompile(`^listening on (\S+)`),
	})
	if err != nil {
		return "", err
	}
	l.atEnd(p.end)
	return address, nil
}

func (l *lab) startLimit(concurrency int) (*limit, error) {
	upstream, err := l.startUpstream()
	if err != nil {
		return nil, err
	}
	s := newLimit(upstream, concurrency)
	l.atEnd(func() error { s.client.CloseIdleConnections(); return nil })
	return s, nil
}

func (l *lab) startAsynq(concurrency int, interval time.Duration) (*rawAsynq, error) {
	r, err := l.startRedis()
	if err != nil {
		return nil, err
	}
	upstream, err := l.startUpstream()
	if err != nil {
		return nil, err
	}
	a, err := startAsynq(r, upstream, concurrency, interval)
	if err != nil {
		return nil, fmt.Errorf("raw asynq: %w", err)
	}
	l.atEnd(a.end)
	return a, nil
}

func (l *lab) startGather(concurrency int) (*gatherSystem, error) {
	r, err := l.startRedis()
	if err != nil {
		return nil, err
	}
	upstream, err := l.startUpstream()
	if err != nil {
		return nil, err
	}
	g, err := startGather(l.binaries, r, upstream, concurrency)
	if err != nil {
		return nil, err
	}
	l.atEnd(g.end)
	return g, nil
}
