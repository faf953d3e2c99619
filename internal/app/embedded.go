package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// startEmbeddedRedis runs an in-memory Redis inside this process, on a loopback
// port that only who knows the password can use. It returns its URL.
func startEmbeddedRedis() (*miniredis.Miniredis, string, error) {
	server := miniredis.NewMiniRedis()
	server.ClockTTL(true) // let keys expire as time goes by
	if err := server.Start(); err != nil {
		return nil, "", fmt.Errorf("start the embedded Redis: %w", err)
	}
	password := rand.Text()
	server.RequireAuth(password)
	url := "redis://:" + password + "@" + server.Addr() + "?read_timeout=" + embeddedTimeout.String()
	return server, url, nil
}

// Embedded is a whole Gather inside another program: API, worker and Redis, on a free
// port of 127.0.0.1, which other users of the machine reach, too, but not without its key.
// It takes nothing from the environment.
type Embedded struct {
	api   *API
	key   string
	ended chan struct{} // closed when it no longer serves
	err   error         // why that is, where nobody stopped it
}

// EmbeddedFlags are the options of a Gather inside another program, those of its worker;
// "" and nil are their defaults.
type EmbeddedFlags struct {
	AllowNet []string
	MaxBody  string
}

// StartEmbedded starts a Gather. What it would log is dropped, for the whole process.
func StartEmbedded(ctx context.Context, f EmbeddedFlags) (*Embedded, error) {
	key := rand.Text()
	o, err := f.options(key)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.DiscardHandler)
	divertLogs(log)
	api, err := newAPI(ctx, o, log, tracedBy(nil, log))
	if err != nil {
		return nil, err
	}
	e := &Embedded{api: api, key: key, ended: make(chan struct{})}
	go e.serve()
	return e, nil
}

// options are those of an API that is told them as flags.
func (f *EmbeddedFlags) options(key string) (o APIOptions, err error) {
	args := []string{"--listen=127.0.0.1:0", "--api-keys=" + key, "--stop-timeout=0s", fmt.Sprintf("--max-requests=%d", mostRequests), fmt.Sprintf("--max-request-body=%d", mostRequestBody)}
	if len(f.AllowNet) > 0 {
		args = append(args, "--allow-net="+strings.Join(f.AllowNet, ","))
	}
	if f.MaxBody != "" {
		args = append(args, "--max-body="+f.MaxBody)
	}
	parser, err := kong.New(&o, kong.Vars{"redis_url_unset": ""})
	if err != nil {
		panic(err) // the options are part of the binary
	}
	_, err = parser.Parse(args)
	return o, err
}

// serve serves until Stop. Where it can't, it sees to it that nobody is left waiting.
func (e *Embedded) serve() {
	defer close(e.ended)
	if e.err = e.api.Serve(); e.err != nil {
		e.api.Stop()
	}
}

// URL is where the API is.
func (e *Embedded) URL() string { return "http://" + e.api.Addr() }

// Key is the API key that it wants, another one each time.
func (e *Embedded) Key() string { return e.key }

// Stop ends it, with all that it holds. It may be called twice. Its error is why it ended
// before, if it did.
func (e *Embedded) Stop() error {
	e.api.Stop()
	<-e.ended
	return e.err
}

// divertLogs has libraries write to log what they would write elsewhere.
func divertLogs(log *slog.Logger) {
	redis.SetLogger(&redisLogger{log})
	stdlog.SetOutput(io.Discard) // net/http quotes there what upstreams send unasked
}
