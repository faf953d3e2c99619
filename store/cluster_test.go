package store_test

import (
	"errors"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
	"gather/internal/redistest"
	"gather/store"
)

// newCluster starts a cluster of one server, which refuses what it would of several.
func newCluster(t *testing.T) redis.UniversalClient {
	t.Helper()
	at, err := url.Parse(redistest.LaunchTCP(t, "cluster-enabled yes").URL)
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(at.Host)
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{net.JoinHostPort(host, port)}})
	t.Cleanup(func() { _ = rdb.Close() })
	node := newClient(t, &redis.Options{Addr: at.Host})
	if err := node.Do(t.Context(), "cluster", "addslotsrange", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	again(t, "the cluster is whole", func() error { return rdb.Set(t.Context(), "k", "v", time.Second).Err() })
	return rdb
}

func TestStore_cluster(t *testing.T) {
	t.Parallel()
	s := store.New(newCluster(t))
	t.Cleanup(s.Close)
	for range 2 { // the first finds out that it is one
		id := mustCreate(t, s, oneItem)
		page, err := s.List(t.Context(), gather.Filter{}, "", 10)
		if err != nil || len(page.Items) == 0 || page.Items[0].ID != id {
			t.Errorf("%+v, %v", page, err)
		}
		if round, err := s.Tick(t.Context(), gather.Worker{Name: "worker", Concurrency: 1}); err != nil || round.Sleep > time.Second {
			t.Errorf("%+v, %v", round, err)
		}
		if _, err := s.Cancel(t.Context(), id); err != nil {
			t.Error(err)
		}
		if r, err := s.Wait(t.Context(), id, time.Hour, nil); err != nil || r.Status != gather.StatusCanceled {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

func TestStore_cluster_owner(t *testing.T) {
	t.Parallel()
	s := store.New(newCluster(t))
	t.Cleanup(s.Close)
	s.LimitOpen(2)
	ctx := gather.WithOwner(t.Context(), "a")
	mustCreate(t, s, oneItem) // finds out that it is one, and is nobody's
	for range 3 {
		agg, _, err := s.Create(ctx, &gather.Creation{Spec: oneItem})
		if err != nil {
			t.Fatal(err)
		}
		if page, err := s.List(ctx, gather.Filter{}, "", 10); err != nil || len(page.Items) != 1 || page.Items[0].Owner != "a" {
			t.Errorf("%+v, %v", page, err)
		}
		if err := s.Delete(gather.WithOwner(ctx, "b"), agg.ID); !errors.Is(err, gather.ErrNotFound) {
			t.Errorf("deleted by another: %v", err)
		}
		if allowance, err := s.Take(ctx, gather.Rate{PerSecond: 1, Burst: 10}); err != nil || !allowance.Granted {
			t.Errorf("%+v, %v", allowance, err)
		}
		if err := s.Delete(ctx, agg.ID); err != nil {
			t.Error(err)
		}
	}
}
