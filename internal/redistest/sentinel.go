package redistest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// MasterName is what Sentinels know the master by.
const MasterName = "mymaster"

// Sentinel is a master with two replicas, and three Sentinels that make a replica the master
// when the master is gone.
type Sentinel struct {
	Set
	nodes, sentinels []*Server
}

// LaunchSentinel starts master, replicas and Sentinels, which take a master for gone that
// has been silent for downAfter. The lines of configuration are those of master and replicas.
func LaunchSentinel(tb testing.TB, downAfter time.Duration, config ...string) *Sentinel {
	tb.Helper()
	var s *Sentinel
	onFreePorts(tb, func() error {
		s = newSentinel(tb, downAfter, config)
		return s.start()
	})
	eventually(tb, "the Sentinels agree on a master with two replicas", s.whole)
	return s
}

func newSentinel(tb testing.TB, downAfter time.Duration, config []string) *Sentinel {
	tb.Helper()
	s := &Sentinel{}
	for range 3 {
		s.nodes = append(s.nodes, newServerOnPort(tb))
		s.sentinels = append(s.sentinels, newServerOnPort(tb))
	}
	for i, node := range s.nodes {
		lines := node.listening()
		if i > 0 {
			lines = append(lines, "replicaof 127.0.0.1 "+s.nodes[0].port())
		}
		node.configure(config, lines...)
		node.keepConfiguration() // a Sentinel has it remember whose replica it is
	}
	ids := make([]string, len(s.sentinels))
	for i := range ids {
		ids[i] = nodeID()
	}
	for i, sentinel := range s.sentinels {
		sentinel.configureSentinel(s.nodes, ids[i], downAfter)
		for other, id := range ids {
			if other != i {
				sentinel.stdin += fmt.Sprintf("sentinel known-sentinel %s 127.0.0.1 %s %s\n", MasterName, s.sentinels[other].port(), id)
			}
		}
		sentinel.keepConfiguration("--sentinel")
	}
	s.Servers = append(append([]*Server{}, s.nodes...), s.sentinels...)
	s.URL = "redis-sentinel://" + strings.Join(addresses(s.sentinels), ",") + "?master=" + MasterName
	s.connect = func() redis.UniversalClient {
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: MasterName, SentinelAddrs: addresses(s.sentinels), ReadTimeout: time.Second, DialerRetries: 1,
		})
	}
	return s
}

// configureSentinel has the server know everything from the start, so that nobody has to wait
// until it has found out.
func (s *Server) configureSentinel(nodes []*Server, id string, downAfter time.Duration) {
	lines := append(s.listening(), "dir "+s.dir, "daemonize no", "loglevel notice",
		"sentinel myid "+id,
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %s 2", MasterName, nodes[0].port()),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", MasterName, downAfter.Milliseconds()),
		fmt.Sprintf("sentinel failover-timeout %s %d", MasterName, 4*downAfter.Milliseconds()),
		fmt.Sprintf("sentinel parallel-syncs %s 2", MasterName),
	)
	for _, replica := range nodes[1:] {
		lines = append(lines, fmt.Sprintf("sentinel known-replica %s 127.0.0.1 %s", MasterName, replica.port()))
	}
	s.stdin = strings.Join(lines, "\n") + "\n"
}

func newServerOnPort(tb testing.TB) *Server {
	tb.Helper()
	s := newServer(tb)
	s.listen(FreePort(tb))
	return s
}

// nodeID is what Redis tells its servers apart by.
func nodeID() string {
	id := make([]byte, 20)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// Master is the server that the Sentinels take for the master; nil if none of them answers.
func (s *Sentinel) Master() *Server {
	for _, sentinel := range s.sentinels {
		var address []string
		if sentinel.askSentinel(func(ctx context.Context, c *redis.SentinelClient) (err error) {
			address, err = c.GetMasterAddrByName(ctx, MasterName).Result()
			return err
		}) == nil {
			return s.at(address[1])
		}
	}
	return nil
}

// Replicas are the servers that follow the master now.
func (s *Sentinel) Replicas() []*Server {
	master := s.Master()
	return slices.DeleteFunc(slices.Clone(s.nodes), func(node *Server) bool { return node == master })
}

// whole reports whether nothing is amiss: all Sentinels see each other and two replicas, which
// keep up with the master.
func (s *Sentinel) whole() bool {
	for _, sentinel := range s.sentinels {
		var quorum string
		var master map[string]string
		err := sentinel.askSentinel(func(ctx context.Context, c *redis.SentinelClient) (err error) {
			if quorum, err = c.CkQuorum(ctx, MasterName).Result(); err == nil {
				master, err = c.Master(ctx, MasterName).Result()
			}
			return err
		})
		if err != nil || !strings.HasPrefix(quorum, "OK 3 ") || master["num-slaves"] != "2" {
			return false
		}
	}
	master := s.Master()
	return master != nil && master.replicasOnline() == 2
}

func (s *Server) askSentinel(question func(context.Context, *redis.SentinelClient) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	c := redis.NewSentinelClient(s.options())
	defer func() { _ = c.Close() }()
	return question(ctx, c)
}
