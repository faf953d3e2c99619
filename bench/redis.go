package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// redisMode is whether Redis keeps what it has on disk.
type redisMode bool

const (
	noAppendOnly redisMode = false
	everySecond  redisMode = true
)

var (
	bothModes  = []redisMode{noAppendOnly, everySecond}
	memoryOnly = []redisMode{noAppendOnly}
)

func (m redisMode) String() string {
	if m == everySecond {
		return "appendonly yes, everysec"
	}
	return "appendonly no"
}

func (m redisMode) config() string {
	if m == everySecond {
		return "appendonly yes\nappendfsync everysec\n"
	}
	return "appendonly no\n"
}

// redisServer is a redis-server of the benchmark's own.
type redisServer struct {
	*process
	address string
	dir     string
	client  *redis.Client
}

var redisReady = regexp.MustCompile(`Ready to accept connections`)

func startRedis(mode redisMode) (*redisServer, error) {
	dir, err := os.MkdirTemp("", "gather-bench-redis")
	if err != nil {
		return nil, err
	}
	// Someone else may take the port between its choice and the start.
	for attempt := 1; ; attempt++ {
		address, err := freeAddress()
		if err == nil {
			_, port, _ := net.SplitHostPort(address)
			config := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %s\nsave \"\"\ndaemonize no\n", port, dir)
			var p *process
			p, _, err = start(command{name: "redis-server", path: "redis-server", args: []string{"-"}, stdin: config + mode.config(), ready: redisReady})
			if err == nil {
				client := redis.NewClient(&redis.Options{Addr: address})
				return &redisServer{process: p, address: address, dir: dir, client: client}, nil
			}
		}
		if attempt == 5 {
			_ = os.RemoveAll(dir)
			return nil, err
		}
	}
}

func (r *redisServer) url() string { return "redis://" + r.address }

func (r *redisServer) end() error {
	_ = r.client.Close()
	err := r.process.end()
	_ = os.RemoveAll(r.dir)
	return err
}

// info returns the fields of INFO's sections.
func (r *redisServer) info(ctx context.Context, sections ...string) (map[string]string, error) {
	text, err := r.client.Info(ctx, sections...).Result()
	if err != nil {
		return nil, fmt.Errorf("INFO of Redis: %w", err)
	}
	fields := make(map[string]string)
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if name, value, found := strings.Cut(lines.Text(), ":"); found {
			fields[name] = value
		}
	}
	return fields, nil
}

// number returns one field of INFO that is a whole number.
func (r *redisServer) number(ctx context.Context, section, field string) (int64, error) {
	fields, err := r.info(ctx, section)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(fields[field], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s in INFO %s of Redis: %w", field, section, err)
	}
	return n, nil
}

func freeAddress() (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String(), nil
}
