package redistest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// mustSet writes to the server, and sees to it that a replica has it.
func mustSet(t *testing.T, s *Server, key, value string) {
	t.Helper()
	eventually(t, "a write to "+s.URL, func() bool {
		return s.ask(func(ctx context.Context, rdb *redis.Client) error {
			conn := rdb.Conn()
			defer func() { _ = conn.Close() }()
			if err := conn.Set(ctx, key, value, 0).Err(); err != nil {
				return err
			}
			n, err := conn.Wait(ctx, 1, askTimeout).Result()
			if err == nil && n == 0 {
				err = errors.New("no replica has it")
			}
			return err
		}) == nil
	})
}

func holds(s *Server, key, value string) bool {
	found := ""
	_ = s.ask(func(ctx context.Context, rdb *redis.Client) (err error) {
		found, err = rdb.Get(ctx, key).Result()
		return err
	})
	return found == value
}

func TestSentinel(t *testing.T) {
	t.Parallel()
	began := time.Now()
	s := LaunchSentinel(t, time.Second)
	t.Logf("up after %v", time.Since(began))
	old := s.Master()
	mustSet(t, old, "color", "green")
	old.Kill()
	began = time.Now()
	eventually(t, "a replica is the master", func() bool { m := s.Master(); return m != nil && m != old })
	t.Logf("another master after %v", time.Since(began))
	mustSet(t, s.Master(), "color", "blue")
	old.Restart()
	eventually(t, "the old one follows", func() bool { return holds(old, "color", "blue") })
}

func TestCluster(t *testing.T) {
	t.Parallel()
	began := time.Now()
	c := LaunchCluster(t, time.Second, "appendonly yes", "appendfsync always")
	t.Logf("up after %v", time.Since(began))
	old := c.Master("color")
	mustSet(t, old, "color", "green")
	old.Kill()
	began = time.Now()
	eventually(t, "its replica has taken over", func() bool { m := c.Master("color"); return m != nil && m != old })
	t.Logf("another master after %v", time.Since(began))
	eventually(t, "the slot is served", func() bool { return holds(c.Master("color"), "color", "green") })
	old.Restart()
	eventually(t, "all is well", c.Whole)
	c.Kill()
	c.Restart()
	eventually(t, "all is well after a power failure", c.Whole)
	if m := c.Master("color"); !holds(m, "color", "green") {
		t.Errorf("%s has forgotten", m.URL)
	}
}
