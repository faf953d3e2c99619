package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
	"gather/internal/redistest"
	"gather/store"
)

// TestStore_WaitReplicas has replicas fall behind.
func TestStore_WaitReplicas(t *testing.T) {
	t.Run("Sentinel", func(t *testing.T) {
		t.Parallel()
		s := redistest.LaunchSentinel(t, time.Minute)
		testWaitReplicas(t, s.Connect(t), 2, func(string) (*redistest.Server, []*redistest.Server) { return s.Master(), s.Replicas() })
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		c := redistest.LaunchCluster(t, time.Minute)
		testWaitReplicas(t, c.Connect(t), 1, func(id string) (*redistest.Server, []*redistest.Server) {
			key := "gather:{" + id + "}"
			return c.Master(key), []*redistest.Server{c.Replica(key)}
		})
	})
}

func testWaitReplicas(t *testing.T, rdb redis.UniversalClient, n int, of func(id string) (*redistest.Server, []*redistest.Server)) {
	s := store.New(rdb)
	t.Cleanup(s.Close)
	s.WaitReplicas(n)
	for range 20 {
		id := mustCreate(t, s, oneItem)
		_, replicas := of(id)
		for _, replica := range replicas {
			if !replica.Knows("gather:{" + id + "}") {
				t.Fatalf("%s was accepted, and %s does not have it", id, replica.URL)
			}
		}
	}
	t.Run("one more than there are", func(t *testing.T) {
		more := store.New(rdb)
		t.Cleanup(more.Close)
		more.WaitReplicas(n + 1)
		creation := &gather.Creation{Spec: oneItem, IdempotencyKey: "k"}
		began := time.Now()
		_, _, err := more.Create(t.Context(), creation)
		if !errors.Is(err, gather.ErrOutcomeUnknown) || !errors.Is(err, gather.ErrUnavailable) {
			t.Errorf("err = %v", err)
		}
		if took := time.Since(began); took < time.Second || took > 20*time.Second {
			t.Errorf("after %v", took)
		}
		agg, _, err := s.Create(t.Context(), creation)
		if err != nil || agg.Counts.Total != 1 {
			t.Errorf("asked again: %+v, %v", agg, err)
		}
	})
}
