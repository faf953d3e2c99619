package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// dialTimeout and commandTimeout keep an answer of 503 within two seconds.
	dialTimeout    = time.Second
	commandTimeout = 1500 * time.Millisecond
	// embeddedTimeout is for a Redis in this process, which is late only when all of it is.
	embeddedTimeout = 10 * time.Second
	// reloadInterval is how often clients ask a cluster which of its servers are masters,
	// where nothing tells them sooner.
	reloadInterval = 2 * time.Second
)

const redisURLForms = "must be a URL such as redis://127.0.0.1:6379/0, rediss://redis.example:6380, unix:///run/redis.sock, " +
	"redis-sentinel://host:26379,host:26379?master=NAME or redis-cluster://host:6379,host:6379"

// connector makes a client of the Redis that a URL names.
type connector func() redis.UniversalClient

// with makes the same clients, each with a hook beneath those that it has.
func (c connector) with(hook redis.Hook) connector {
	return func() redis.UniversalClient {
		rdb := c()
		rdb.AddHook(hook)
		return rdb
	}
}

func validRedisURL(raw string) error {
	if raw == "" {
		return nil
	}
	_, err := newConnector(raw)
	return err
}

// newConnector reads a Redis URL. Errors don't repeat it: it may hold a password.
func newConnector(raw string) (connector, error) {
	connect, err := connectorOf(raw)
	switch {
	case errors.Is(err, errMalformed):
		return nil, errors.New("--redis-url " + redisURLForms)
	case err != nil:
		return nil, fmt.Errorf("--redis-url %s: %w", redisURLForms, err)
	}
	return connect, nil
}

// parseRedisURL reads a URL that may have several hosts, with a comma between; net/url takes
// the first of them.
func parseRedisURL(raw string) (u *url.URL, hosts []string, err error) {
	scheme, rest, found := strings.Cut(raw, "://")
	if !found {
		return nil, nil, errMalformed
	}
	end := strings.IndexAny(rest+"/", "/?#")
	authority, tail := rest[:end], rest[end:]
	user := authority[:strings.LastIndex(authority, "@")+1]
	hosts = strings.Split(authority[len(user):], ",")
	u, err = url.Parse(scheme + "://" + user + hosts[0] + tail)
	return u, hosts, err
}

// errMalformed is why a URL makes no sense, where more can't be said without repeating it.
var errMalformed = errors.New("malformed")

func connectorOf(raw string) (connector, error) {
	u, hosts, err := parseRedisURL(raw)
	if err != nil || !harmless(u) {
		return nil, errMalformed
	}
	switch u.Scheme {
	case "redis", "rediss", "unix", "redis-socket":
		return singleConnector(u, hosts)
	case "redis-sentinel", "rediss-sentinel":
		return sentinelConnector(u, hosts)
	case "redis-cluster", "rediss-cluster":
		return clusterConnector(u, hosts)
	}
	return nil, fmt.Errorf("its scheme is %q", u.Scheme)
}

var (
	database   = regexp.MustCompile(`^/?[0-9]*$`)
	optionName = regexp.MustCompile(`^[A-Za-z_]+$`)
)

// harmless reports whether what an error may quote of the URL is what it should be, and not
// a password with a ? or a / that was not escaped.
func harmless(u *url.URL) bool {
	for name := range u.Query() {
		if !optionName.MatchString(name) {
			return false
		}
	}
	return u.Host == "" || database.MatchString(u.Path)
}

func singleConnector(u *url.URL, hosts []string) (connector, error) {
	if len(hosts) > 1 {
		return nil, errors.New("several hosts are redis-sentinel:// or redis-cluster://")
	}
	single := *u
	if u.Scheme == "redis-socket" {
		single.Scheme = "unix"
	}
	o, err := redis.ParseURL(single.String())
	if err != nil {
		return nil, err
	}
	setTimeouts(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
	o.ContextTimeoutEnabled = true
	// A failed command is not sent again behind our back: most are scripts that change
	// something, and whoever called knows best what to do.
	o.MaxRetries = -1
	o.DialerRetries = 1
	// RESP3 would have each command look for push notifications first, which nothing here asks for.
	o.Protocol = cmp.Or(o.Protocol, 2)
	return func() redis.UniversalClient { return redis.NewClient(o) }, nil
}

// sentinelConnector reads the URL as asynq does: host,host?master=NAME. User and password in
// front of the hosts are the Sentinels'; those of Redis are options.
func sentinelConnector(u *url.URL, hosts []string) (connector, error) {
	query := u.Query()
	if query.Get("master") == "" {
		return nil, errors.New("it needs ?master=NAME, the name that the Sentinels know the master by")
	}
	query.Set("master_name", query.Get("master"))
	query.Del("master")
	several, err := ofSeveral(u, hosts, query, "26379")
	if err != nil {
		return nil, err
	}
	o, err := redis.ParseFailoverURL(several)
	if err != nil {
		return nil, err
	}
	if o.ReplicaOnly || o.RouteByLatency || o.RouteRandomly || o.UseDisconnectedReplicas {
		return nil, errReplicas
	}
	setTimeouts(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
	o.ContextTimeoutEnabled = true
	o.MaxRetries = -1 // as with one server
	o.DialerRetries = 1
	o.Protocol = cmp.Or(o.Protocol, 2)
	byEachName(o.TLSConfig)
	return func() redis.UniversalClient {
		rdb := redis.NewFailoverClient(o)
		rdb.AddHook(newFailover(o.ReadTimeout, func(context.Context) {}))
		return rdb
	}, nil
}

func clusterConnector(u *url.URL, hosts []string) (connector, error) {
	if strings.Trim(u.Path, "/0") != "" {
		return nil, errors.New("a cluster has no other database than 0")
	}
	several, err := ofSeveral(u, hosts, u.Query(), "6379")
	if err != nil {
		return nil, err
	}
	o, err := redis.ParseClusterURL(several)
	if err != nil {
		return nil, err
	}
	if o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
		return nil, errReplicas
	}
	setTimeouts(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
	o.ContextTimeoutEnabled = true
	o.MaxRetries = -1 // as with one server; redirects are counted apart
	o.DialerRetries = 1
	o.Protocol = cmp.Or(o.Protocol, 2)
	o.ClusterStateReloadInterval = reloadInterval
	byEachName(o.TLSConfig)
	return func() redis.UniversalClient {
		rdb := redis.NewClusterClient(o)
		rdb.AddHook(newFailover(o.ReadTimeout, rdb.ReloadState))
		return rdb
	}, nil
}

var errReplicas = errors.New("replicas lag behind: Gather asks masters only")

// ofSeveral writes a URL with several hosts the way that go-redis wants it: all but the first
// are options.
func ofSeveral(u *url.URL, hosts []string, query url.Values, port string) (string, error) {
	if len(query["addr"]) > 0 {
		return "", errors.New("hosts stand in front, one after the other with a comma between, and not in addr")
	}
	var addresses []string
	for _, host := range hosts {
		one, err := url.Parse("redis://" + host)
		if err != nil || one.Hostname() == "" {
			return "", errMalformed
		}
		addresses = append(addresses, net.JoinHostPort(one.Hostname(), cmp.Or(one.Port(), port)))
	}
	query["addr"] = addresses[1:]
	scheme, _, _ := strings.Cut(u.Scheme, "-")
	several := url.URL{Scheme: scheme, User: u.User, Host: addresses[0], Path: u.Path, RawQuery: query.Encode()}
	return several.String(), nil
}

func setTimeouts(dial, read, write *time.Duration) {
	*dial = dialTimeout
	*read = cmp.Or(*read, commandTimeout)
	*write = cmp.Or(*write, commandTimeout)
}

// byEachName has each server's certificate checked against its own name, and not against that
// of the first host in the URL.
func byEachName(config *tls.Config) {
	if config != nil {
		config.ServerName = ""
		config.MinVersion = tls.VersionTLS12
	}
}
