package tasks

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"
)

// MonitorOptions are what a monitor is made of.
type MonitorOptions struct {
	// Path is where it is served, without a slash at the end.
	Path string
	// NewClient makes a Redis client, which the monitor closes. It is called twice.
	NewClient func() redis.UniversalClient
	// Write lets who sees the queues change them, too.
	Write bool
	// HideFetches reports whether to leave out what a task fetches.
	HideFetches func() bool
}

// Monitor shows the queues: asynq's own web page. It lets everybody in, and trusts in
// whoever serves it to have asked who they are.
type Monitor struct {
	page   *asynqmon.HTTPHandler
	policy string
}

// NewMonitor returns a monitor. It connects when it is asked for something.
func NewMonitor(o MonitorOptions) *Monitor {
	format := func(taskType string, payload []byte) string {
		if o.HideFetches() {
			return withoutFetch(taskType, payload)
		}
		return asynqmon.DefaultPayloadFormatter(taskType, payload)
	}
	m := &Monitor{page: asynqmon.New(asynqmon.Options{
		RootPath: o.Path, RedisConnOpt: connection(o.NewClient), ReadOnly: !o.Write, PayloadFormatter: asynqmon.PayloadFormatterFunc(format),
	})}
	m.policy = contentPolicy(m.index(o.Path))
	return m
}

// ServeHTTP serves the page, its files, and the API that it asks.
func (m *Monitor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", m.policy)
	m.page.ServeHTTP(&monitorWriter{ResponseWriter: w}, r)
}

// monitorWriter answers in other words where the page failed: its own tell where Redis is.
type monitorWriter struct {
	http.ResponseWriter
	failed, told bool
}

// Unwrap is for [http.ResponseController].
func (w *monitorWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *monitorWriter) WriteHeader(status int) {
	if w.failed = status >= http.StatusInternalServerError; !w.failed {
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *monitorWriter) Write(b []byte) (int, error) {
	if !w.failed {
		return w.ResponseWriter.Write(b)
	}
	if !w.told {
		w.told = true
		if bytes.Contains(b, []byte("NOT_FOUND")) {
			http.Error(w.ResponseWriter, "There is no such queue or task.", http.StatusNotFound)
		} else {
			http.Error(w.ResponseWriter, "Redis is out of reach, or refuses.", http.StatusServiceUnavailable)
		}
	}
	return len(b), nil
}

// Close closes the monitor's connections.
func (m *Monitor) Close() error { return m.page.Close() }

// connection is what asynq makes clients with.
type connection func() redis.UniversalClient

// MakeRedisClient makes one.
func (c connection) MakeRedisClient() any { return c() }

// withoutFetch is a payload without what is fetched.
func withoutFetch(taskType string, payload []byte) string {
	switch taskType {
	case TypeRun:
		return rewritten(payload, func(p *runPayload) { p.Fetch = nil })
	case TypeFetch:
		return rewritten(payload, func(p *fetchPayload) { p.Item.Fetch = "" })
	}
	return asynqmon.DefaultPayloadFormatter(taskType, payload)
}

// rewritten is a payload that was changed; nothing of one that can't be read.
func rewritten[P any](payload []byte, change func(*P)) string {
	var p P
	if json.Unmarshal(payload, &p) != nil {
		return ""
	}
	change(&p)
	shown, err := json.Marshal(p)
	if err != nil {
		return ""
	}
	return string(shown)
}

// index is the page that everything begins with. Nothing in it changes.
func (m *Monitor) index(path string) []byte {
	r, err := http.NewRequest(http.MethodGet, path+"/", http.NoBody) //nolint:noctx // goes nowhere
	if err != nil {
		panic(err) // the path is part of the binary
	}
	page := pageBuffer{header: make(http.Header)}
	m.page.ServeHTTP(&page, r)
	return page.Bytes()
}

type pageBuffer struct {
	bytes.Buffer
	header http.Header
}

func (p *pageBuffer) Header() http.Header { return p.header }
func (p *pageBuffer) WriteHeader(int)     {}

var inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)

// contentPolicy is a Content-Security-Policy that lets the page run its own scripts, be
// they files or within it, and nothing else. Its styles it makes under way. The fonts
// that it would get from elsewhere it does without: who looks at queues is nobody else's
// business.
func contentPolicy(page []byte) string {
	scripts := "'self'"
	for _, script := range inlineScript.FindAllSubmatch(page, -1) {
		sum := sha256.Sum256(script[1])
		scripts += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'self'; script-src " + scripts + "; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
}
