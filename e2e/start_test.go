package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"gather/internal/redistest"
)

func TestCommand_CannotStart(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	// A Redis that is not there has to be given up soon; building and a busy machine
	// are not counted in.
	const bound = 10 * time.Second
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	taken := listener.Addr().String() // it takes connections, and never answers
	locked := redistest.LaunchTCP(t, "requirepass right").URL
	node := redistest.LaunchTCP(t, "cluster-enabled yes").URL
	sentinels := redistest.LaunchSentinel(t, steady)
	sentinel := strings.Replace(sentinels.URL[:strings.Index(sentinels.URL, ",")], "redis-sentinel", "redis", 1)
	unknown := strings.Replace(sentinels.URL, "master=", "master=another", 1)
	binary(t, "api")
	for name, c := range map[string]struct {
		command string
		args    []string
		says    []string
	}{
		"the API without its Redis":             {"api", []string{"--redis-url", "redis://user:" + secret + "@127.0.0.1:1", "--listen", "127.0.0.1:0"}, []string{"127.0.0.1:1", "--redis-url"}},
		"a worker without its Redis":            {"worker", []string{"--redis-url", "redis://user:" + secret + "@127.0.0.1:1"}, []string{"127.0.0.1:1", "--redis-url"}},
		"a worker without its socket":           {"worker", []string{"--redis-url", "unix:///nowhere/redis.sock"}, []string{"/nowhere/redis.sock"}},
		"a worker with a Redis that hangs":      {"worker", []string{"--redis-url", "redis://" + taken}, []string{taken}},
		"an API with a Redis that hangs":        {"api", []string{"--redis-url", "redis://" + taken, "--listen", "127.0.0.1:0"}, []string{taken}},
		"a worker with a wrong password":        {"worker", []string{"--redis-url", strings.Replace(locked, "://", "://:"+secret+"@", 1)}, []string{strings.TrimPrefix(locked, "redis://")}},
		"a worker with one server of a cluster": {"worker", []string{"--redis-url", node}, []string{"redis-cluster://"}},
		"an API with a Sentinel as its Redis":   {"api", []string{"--redis-url", sentinel, "--listen", "127.0.0.1:0"}, []string{"redis-sentinel://"}},
		"a worker with no cluster":              {"worker", []string{"--redis-url", strings.Replace(locked, "://", "-cluster://:right@", 1)}, []string{"cluster", "--redis-url"}},
		"a worker with an unknown master":       {"worker", []string{"--redis-url", unknown}, []string{"redis-sentinel://127.0.0.1", "master=", "--redis-url"}},
		"a worker without its Sentinels":        {"worker", []string{"--redis-url", "redis-sentinel://:" + secret + "@127.0.0.1:1,127.0.0.1:2?master=m"}, []string{"127.0.0.1:1,127.0.0.1:2", "--redis-url"}},
		"a worker without its cluster":          {"worker", []string{"--redis-url", "redis-cluster://:" + secret + "@127.0.0.1:1,127.0.0.1:2"}, []string{"127.0.0.1:1,127.0.0.1:2", "--redis-url"}},
		"an API whose port is taken":            {"api", []string{"--listen", taken}, []string{"--listen", taken}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, stderr, code := launch(t, bound, c.command, nil, c.args...)
			if code != 1 {
				t.Errorf("code %d, want 1", code)
			}
			wantOneLine(t, withoutLog(stderr), c.says...)
			if strings.Contains(stderr, secret) {
				t.Errorf("it repeats the password: %s", stderr)
			}
		})
	}
}

// withoutLog is what a command says beside its log.
func withoutLog(stderr string) (rest string) {
	for line := range strings.Lines(stderr) {
		if !strings.HasPrefix(line, "time=") {
			rest += line
		}
	}
	return rest
}

// TestCommand_SaysThatItTries holds that who starts a process before its Redis learns at
// once what it waits for.
func TestCommand_SaysThatItTries(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	p := start(t, "worker", nil, "--redis-url", "redis://user:"+secret+"@127.0.0.1:1")
	eventually(t, "the worker says that it tries", func() bool {
		return strings.Contains(p.stderr.String(), `level=INFO msg="Redis does not answer yet, tries again" redis=redis://user:xxxxx@127.0.0.1:1 `)
	})
	if code, ended := p.exit(patience); !ended || code != 1 {
		t.Errorf("it ended: %t, with code %d", ended, code)
	}
}

// TestCommand_Variables runs a system by variables alone, on a Redis with a password.
func TestCommand_Variables(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	url := strings.Replace(redistest.LaunchTCP(t, "requirepass "+secret).URL, "://", "://:"+secret+"@", 1)
	env := []string{"GATHER_REDIS_URL=" + url, "GATHER_LOG_FORMAT=json", "GATHER_LOG_LEVEL=debug"}
	env = append(env, "GATHER_ALLOW_NET=10.0.0.0/8,"+loopback) // the worker's, and no business of the API
	api := start(t, "api", append(env, "GATHER_LISTEN=127.0.0.1:0", "GATHER_MAX_REQUESTS=2", "GATHER_MAX_WAIT=1s"))
	worker := start(t, "worker", env)
	c := newClient(t, api.address(t))
	c.ready(t, 1)
	u := newUpstream(t)
	wantPaths(t, c.run(t, object{"urls": u.urls("/a", "/b")}), "/a", "/b")
	c.do(t, http.StatusUnprocessableEntity, http.MethodPost, aggregations, object{"urls": u.urls("/a", "/b", "/c")})
	open := u.gate("/held")
	began := time.Now()
	held := c.create(t, object{"urls": u.urls("/held")}, "Prefer: wait=50") // is cut to the longest wait
	if took := time.Since(began); took < time.Second || took > 20*time.Second {
		t.Errorf("waited for %v, with a longest wait of 1s", took)
	}
	open()
	c.finished(t, held.ID)
	c.get(t, http.StatusNotFound, "/api/aggregated/") // the demo has to be asked for
	for _, p := range []*process{api, worker} {
		p.stop(t)
		log := p.stderr.String()
		if strings.Contains(log+p.stdout.String(), secret) {
			t.Errorf("%s tells the password: %s", p.name, log)
		}
		for line := range strings.Lines(log) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%s logs %q, want JSON", p.name, line)
			}
		}
	}
}

func TestCommand_RedisSocket(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	s := &system{redis: redistest.Alone(redistest.Launch(t))}
	url := strings.Replace(s.redis.URL, "unix://", "redis-socket://", 1)
	s.addAPI(t, "--redis-url", url)
	start(t, "worker", nil, "--redis-url", url, "--allow-net", loopback)
	s.ready(t, 1)
	u := newUpstream(t)
	wantPaths(t, s.run(t, object{"urls": u.urls("/a")}), "/a")
}

// TestCommand_Embedded does what a person does who starts it for the first time.
func TestCommand_Embedded(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	s := &system{}
	s.addAPI(t)
	s.ready(t, 1)
	text := s.apis[0].stdout.String()
	eventually(t, "it greets", func() bool {
		text = s.apis[0].stdout.String()
		return strings.Contains(text, "curl")
	})
	if !strings.Contains(text, "nothing survives a restart") {
		t.Errorf("it does not say that nothing survives a restart: %s", text)
	}
	curl := regexp.MustCompile(`curl \S* ?`+regexp.QuoteMeta(s.base)+`(/\S*)`).FindAllStringSubmatch(text, -1)
	if len(curl) != 1 {
		t.Fatalf("%d curl commands, want one: %s", len(curl), text)
	}
	eventually(t, "what it says to try works", func() bool {
		a, err := s.try(http.MethodGet, curl[0][1], nil)
		return err == nil && a.status == http.StatusOK
	})
	agg := s.run(t, object{"urls": []string{newUpstream(t).URL, s.base + "/api/?delay_ms=1"}})
	if agg.Results[0].code() != "destination_ip_prohibited" || agg.Results[1].Status != "succeeded" {
		t.Errorf("its own demo alone may be fetched without --allow-net, and not %+v", agg.Results)
	}
}
