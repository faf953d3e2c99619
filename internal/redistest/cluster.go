package redistest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// masters is the number of a cluster's masters; each has a replica.
const masters = 3

// Cluster is three masters, which share the slots, and a replica of each.
type Cluster struct{ Set }

// LaunchCluster starts a cluster, which takes a master for gone that has been silent for
// nodeTimeout, and then has its replica take over.
func LaunchCluster(tb testing.TB, nodeTimeout time.Duration, config ...string) *Cluster {
	tb.Helper()
	var c *Cluster
	onFreePorts(tb, func() error {
		c = newCluster(tb, nodeTimeout, config)
		return c.start()
	})
	eventually(tb, "the cluster is whole", c.Whole)
	return c
}

func newCluster(tb testing.TB, nodeTimeout time.Duration, config []string) *Cluster {
	tb.Helper()
	c := &Cluster{}
	ids, buses := make([]string, 2*masters), make([]string, 2*masters)
	for i := range ids {
		c.Servers = append(c.Servers, newServerOnPort(tb))
		ids[i], buses[i] = nodeID(), FreePort(tb)
	}
	for i, server := range c.Servers {
		server.configure(config, append(server.listening(), "cluster-enabled yes", "cluster-config-file nodes.conf",
			"cluster-port "+buses[i], fmt.Sprintf("cluster-node-timeout %d", nodeTimeout.Milliseconds()))...)
		if err := os.WriteFile(filepath.Join(server.dir, "nodes.conf"), []byte(c.nodes(i, ids, buses)), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	c.URL = "redis-cluster://" + strings.Join(c.Addrs(), ",")
	c.connect = func() redis.UniversalClient {
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: c.Addrs(), DialerRetries: 1, ClusterStateReloadInterval: time.Second,
		})
	}
	return c
}

// nodes is what a server of the cluster remembers of all, itself included. So they need not
// get to know each other first.
func (c *Cluster) nodes(myself int, ids, buses []string) string {
	var text strings.Builder
	for i, server := range c.Servers {
		flags, master, slots := "master", "-", ""
		if i < masters {
			first, last := i*16384/masters, (i+1)*16384/masters-1
			slots = fmt.Sprintf(" %d-%d", first, last)
		} else {
			flags, master = "slave", ids[i-masters]
		}
		if i == myself {
			flags = "myself," + flags
		}
		fmt.Fprintf(&text, "%s %s@%s %s %s 0 0 %d connected%s\n", ids[i], server.address, buses[i], flags, master, i%masters+1, slots)
	}
	fmt.Fprintf(&text, "vars currentEpoch %d lastVoteEpoch 0\n", masters)
	return text.String()
}

// Master is the server that serves the key's slot, as far as the others know; nil if none of
// them answers.
func (c *Cluster) Master(key string) *Server { return c.find(key, "master") }

// Replica is the server that is to take over the key's slot from its master.
func (c *Cluster) Replica(key string) *Server { return c.find(key, "replica") }

func (c *Cluster) find(key, role string) (found *Server) {
	for _, server := range c.Servers {
		if server.process == nil {
			continue
		}
		_ = server.ask(func(ctx context.Context, rdb *redis.Client) error {
			slot, err := rdb.ClusterKeySlot(ctx, key).Result()
			if err != nil {
				return err
			}
			shards, err := rdb.ClusterShards(ctx).Result()
			for _, shard := range shards {
				for _, node := range shard.Nodes {
					if node.Role == role && serves(shard, slot) {
						found = c.at(strconv.FormatInt(node.Port, 10))
					}
				}
			}
			return err
		})
		if found != nil {
			return found
		}
	}
	return nil
}

func serves(shard redis.ClusterShard, slot int64) bool {
	return slices.ContainsFunc(shard.Slots, func(r redis.SlotRange) bool { return r.Start <= slot && slot <= r.End })
}

// Whole reports whether all servers that run say that every slot is served, and every master
// among them has a replica that keeps up.
func (c *Cluster) Whole() bool {
	for _, server := range c.Servers {
		if server.process == nil {
			continue
		}
		var info string
		err := server.ask(func(ctx context.Context, rdb *redis.Client) (err error) {
			info, err = rdb.ClusterInfo(ctx).Result()
			return err
		})
		if err != nil || !strings.Contains(info, "cluster_state:ok") {
			return false
		}
		replication := server.replication()
		if !strings.Contains(replication, "state=online") && !strings.Contains(replication, "master_link_status:up") {
			return false
		}
	}
	return true
}
