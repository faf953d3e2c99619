package hints

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"gather/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listener counts what it is told.
type listener struct {
	t   *testing.T
	rdb redis.UniversalClient

	mu            sync.Mutex
	subscriptions int
	messages      []string
}

func newListener(t *testing.T, rdb redis.UniversalClient) *listener {
	l := &listener{t: t, rdb: rdb}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Listen(ctx, rdb, "news", l.subscribed, l.message)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	l.eventually("it has subscribed", func() bool { return l.count() > 0 })
	return l
}

func (l *listener) subscribed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subscriptions++
}

func (l *listener) message(payload string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.messages = append(l.messages, payload)
}

func (l *listener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.subscriptions
}

func (l *listener) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.messages) == 0 {
		return ""
	}
	return l.messages[len(l.messages)-1]
}

// hears says something until the listener has heard it: what is said before a subscription is lost.
func (l *listener) hears(text string) {
	l.t.Helper()
	l.eventually("it hears "+text, func() bool {
		_ = l.rdb.Publish(context.Background(), "news", text).Err()
		return l.last() == text
	})
}

func (l *listener) eventually(what string, yes func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(time.Minute); !yes(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatalf("it never came that %s", what)
		}
	}
}

func options(t *testing.T, url string) *redis.Options {
	t.Helper()
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	o.ReadTimeout, o.DialTimeout, o.MaxRetries, o.DialerRetries = time.Second, time.Second, -1, 1
	return o
}

func TestListen(t *testing.T) {
	t.Run("tells what comes", func(t *testing.T) {
		t.Parallel()
		l := newListener(t, redis.NewClient(options(t, redistest.Start(t))))
		l.hears("one")
		l.hears("two")
		if n := l.count(); n != 1 {
			t.Errorf("%d subscriptions", n)
		}
	})
	t.Run("keeps its subscription while there is nothing to tell", func(t *testing.T) {
		t.Parallel()
		for name, rdb := range map[string]redis.UniversalClient{
			"redis":    redis.NewClient(options(t, redistest.Start(t))),
			"embedded": redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()}),
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				l := newListener(t, rdb)
				time.Sleep(3 * silence)
				if n := l.count(); n != 1 {
					t.Errorf("%d subscriptions", n)
				}
			})
		}
	})
	t.Run("subscribes again to a server that was gone", func(t *testing.T) {
		t.Parallel()
		server := redistest.Launch(t)
		l := newListener(t, redis.NewClient(options(t, server.URL)))
		server.Restart()
		l.hears("again")
		if n := l.count(); n < 2 {
			t.Errorf("%d subscriptions", n)
		}
	})
	t.Run("gives up a server that is silent", func(t *testing.T) {
		t.Parallel()
		server := redistest.Launch(t)
		l := newListener(t, redis.NewClient(options(t, server.URL)))
		server.Pause()
		time.Sleep(3 * silence)
		server.Resume()
		l.hears("again")
		if n := l.count(); n < 2 {
			t.Errorf("%d subscriptions", n)
		}
	})
	t.Run("ends at once with its context", func(t *testing.T) {
		t.Parallel()
		rdb := redis.NewClient(options(t, redistest.Start(t)))
		t.Cleanup(func() { _ = rdb.Close() })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			Listen(ctx, rdb, "news", cancel, func(string) {})
		}()
		select {
		case <-ended:
		case <-time.After(silence):
			t.Error("it goes on")
		}
		<-ended
	})
}

func TestListen_failover(t *testing.T) {
	for name, gone := range map[string]func(*redistest.Server){
		"ended": (*redistest.Server).Kill, "silent, as with its machine": (*redistest.Server).Pause,
	} {
		t.Run("Sentinel, whose master is "+name, func(t *testing.T) {
			t.Parallel()
			s := redistest.LaunchSentinel(t, time.Second)
			l := newListener(t, s.Connect(t))
			gone(s.Master())
			l.hears("again")
		})
		t.Run("cluster, one of whose masters is "+name, func(t *testing.T) {
			t.Parallel()
			c := redistest.LaunchCluster(t, time.Second)
			l := newListener(t, c.Connect(t))
			gone(c.Master("news")) // go-redis subscribes there
			l.hears("again")
			l.eventually("it has subscribed again", func() bool { return l.count() > 1 })
		})
	}
}
