package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"gather/store"
)

// checkTimeout bounds a --healthcheck. What asks for it waits longer, and so hears why it failed.
const checkTimeout = 2 * time.Second

// checkAPI asks the API that listens under the same options whether it is up.
func checkAPI(ctx context.Context, o *APIOptions) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	url := "http://" + fromHere(o.Listen) + "/healthz"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("--healthcheck of --listen %s: %w", o.Listen, err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // past any proxy of the environment
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the API is not up: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the API is not up: %s answers %s", url, resp.Status)
	}
	return nil
}

// checkWorker asks Redis whether a worker of this host was heard of in the last seconds.
// A container is a host of its own.
func checkWorker(ctx context.Context, o *WorkerOptions) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	connect, err := newConnector(o.RedisURL)
	if err != nil {
		return err
	}
	rdb := connect()
	defer func() { _ = rdb.Close() }()
	s := store.New(rdb)
	defer s.Close()
	workers, err := s.Workers(ctx)
	if err != nil {
		return fmt.Errorf("redis at %s: %w", redacted(o.RedisURL), err)
	}
	here := workersHere()
	for _, worker := range workers {
		if strings.HasPrefix(worker.Name, here) {
			return nil
		}
	}
	return fmt.Errorf("redis at %s has not heard of a worker on %s for seconds; the worker's log may tell why",
		redacted(o.RedisURL), strings.TrimSuffix(here, ":"))
}
