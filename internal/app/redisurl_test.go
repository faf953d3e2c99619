package app

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const secret = "s3cret"

func mustConnect(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	connect, err := newConnector(url)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	rdb := connect()
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func TestConnector_single(t *testing.T) {
	for url, want := range map[string]redis.Options{
		"redis://10.0.0.1":                       {Network: "tcp", Addr: "10.0.0.1:6379"},
		"redis://u:p%40ss@host:7000/3":           {Network: "tcp", Addr: "host:7000", Username: "u", Password: "p@ss", DB: 3},
		"rediss://:pw@host?db=2":                 {Network: "tcp", Addr: "host:6379", Password: "pw", DB: 2},
		"unix:///run/redis.sock?db=1":            {Network: "unix", Addr: "/run/redis.sock", DB: 1},
		"redis-socket://u:p@/run/r.sock":         {Network: "unix", Addr: "/run/r.sock", Username: "u", Password: "p"},
		"redis://127.0.0.1:1?read_timeout=200ms": {Network: "tcp", Addr: "127.0.0.1:1", ReadTimeout: 200 * time.Millisecond},
	} {
		o := mustConnect(t, url).(*redis.Client).Options()
		if o.Network != want.Network || o.Addr != want.Addr || o.Username != want.Username || o.Password != want.Password || o.DB != want.DB {
			t.Errorf("%s: %s %s, %q %q, database %d", url, o.Network, o.Addr, o.Username, o.Password, o.DB)
		}
		if want.ReadTimeout == 0 {
			want.ReadTimeout = commandTimeout
		}
		if o.MaxRetries != 0 || o.DialTimeout != dialTimeout || o.ReadTimeout != want.ReadTimeout || !o.ContextTimeoutEnabled {
			t.Errorf("%s: %d retries, %v, %v", url, o.MaxRetries, o.DialTimeout, o.ReadTimeout)
		}
		if tls := strings.HasPrefix(url, "rediss"); (o.TLSConfig != nil) != tls {
			t.Errorf("%s: TLS %+v", url, o.TLSConfig)
		}
	}
}

func TestConnector_cluster(t *testing.T) {
	for url, want := range map[string]redis.ClusterOptions{
		"redis-cluster://a":                      {Addrs: []string{"a:6379"}},
		"redis-cluster://a:1,b,10.0.0.3:3/0":     {Addrs: []string{"a:1", "b:6379", "10.0.0.3:3"}},
		"redis-cluster://[::1]:1,[::2]:2":        {Addrs: []string{"[::1]:1", "[::2]:2"}},
		"rediss-cluster://u:p%2Cw@a:1,b:2?":      {Addrs: []string{"a:1", "b:2"}, Username: "u", Password: "p,w"},
		"redis-cluster://:pw@a,b?pool_size=7":    {Addrs: []string{"a:6379", "b:6379"}, Password: "pw", PoolSize: 7},
		"redis-cluster://:pw@a,b/?max_redirects": {Addrs: []string{"a:6379", "b:6379"}, Password: "pw"},
	} {
		o := mustConnect(t, url).(*redis.ClusterClient).Options()
		if !slices.Equal(o.Addrs, want.Addrs) || o.Username != want.Username || o.Password != want.Password || want.PoolSize > 0 && o.PoolSize != want.PoolSize {
			t.Errorf("%s: %q, %q %q, %d", url, o.Addrs, o.Username, o.Password, o.PoolSize)
		}
		if o.MaxRedirects != 3 || o.DialTimeout != dialTimeout || o.ReadTimeout != commandTimeout || o.ReadOnly || o.ClusterStateReloadInterval != reloadInterval {
			t.Errorf("%s: %+v", url, o)
		}
		if tls := strings.HasPrefix(url, "rediss"); (o.TLSConfig != nil) != tls || tls && o.TLSConfig.ServerName != "" {
			t.Errorf("%s: TLS %+v", url, o.TLSConfig)
		}
	}
}

func TestConnector_sentinel(t *testing.T) {
	for url, want := range map[string]redis.Options{
		"redis-sentinel://a,b:2,c:3?master=mymaster":                    {},
		"redis-sentinel://:sentinels@a:1/4?master=m&password=p%26w":     {DB: 4, Password: "p&w"},
		"rediss-sentinel://a:1,b:2?master=m&username=u&password=p&db=2": {DB: 2, Username: "u", Password: "p"},
	} {
		o := mustConnect(t, url).(*redis.Client).Options()
		if o.DB != want.DB || o.Username != want.Username || o.Password != want.Password || o.MaxRetries != 0 || o.ReadTimeout != commandTimeout {
			t.Errorf("%s: %+v", url, o)
		}
		if tls := strings.HasPrefix(url, "rediss"); (o.TLSConfig != nil) != tls || tls && o.TLSConfig.ServerName != "" {
			t.Errorf("%s: TLS %+v", url, o.TLSConfig)
		}
	}
}

func TestConnector_refuses(t *testing.T) {
	for url, says := range map[string]string{
		"http://127.0.0.1":                                     "http",
		"redis://:s3cret@a,b":                                  "several",
		"redis":                                                "redis://",
		"redis://:s3cret@host:port":                            "redis://",
		"redis://host:12?s3cret@host":                          "redis://",
		"redis://host:12/s3cret@host":                          "redis://",
		"redis://:s3cret@host?retries=3":                       "retries",
		"redis://:s3cret@host?read_timeout=soon":               "read_timeout",
		"redis-sentinel://:s3cret@a,b":                         "?master=NAME",
		"redis-sentinel://:s3cret@?master=m":                   "redis-sentinel://",
		"redis-sentinel://a,,b?master=m&password=s3cret":       "redis-sentinel://",
		"redis-sentinel://a,b?master=m&pasword=s3cret":         "pasword",
		"redis-sentinel://a,b:x?master=m&password=s3cret":      "redis-sentinel://",
		"redis-sentinel://:s3cret@a?master=m&replica_only=1":   "replicas",
		"redis-sentinel://:s3cret@a?master=m&route_randomly=1": "replicas",
		"redis-sentinel://:s3cret@a?master=m&addr=b:1":         "comma",
		"redis-cluster://:s3cret@a:1,b:2/3":                    "database",
		"redis-cluster://:s3cret@a:1,b:2?read_only=true":       "replicas",
		"redis-cluster://:s3cret@a:1,b:2?master=m":             "master",
		"redis-cluster://:s3cret@":                             "redis-cluster://",
		"redis-cluster://a:12?s3cret@b":                        "redis-cluster://",
	} {
		_, err := newConnector(url)
		if err == nil {
			t.Errorf("%s is taken", url)
			continue
		}
		if text := err.Error(); !strings.Contains(text, "--redis-url") || !strings.Contains(text, says) || strings.Contains(text, secret) {
			t.Errorf("%s: %v; want it to say %q, and no password", url, err, says)
		}
	}
}

func TestRedacted(t *testing.T) {
	for _, url := range []string{
		"redis://u:s3cret@a:1/0", "redis-cluster://:s3cret@a:1,b:2", "redis-sentinel://:s3cret@a:1,b:2?master=m&password=s3cret",
		"redis-cluster://:s3cret@[::1]:1,a:1",
	} {
		if text := redacted(url); strings.Contains(text, secret) || !strings.Contains(text, "a:1") {
			t.Errorf("%s", text)
		}
	}
}
