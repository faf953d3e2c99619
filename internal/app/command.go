package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/alecthomas/kong"

	"gather/store"
)

// Exit codes of the commands.
const (
	exitOK     = 0
	exitFailed = 1 // it could not start or go on
	exitUsage  = 2 // a flag or a variable is wrong
)

// Every flag has its variable: --redis-url is GATHER_REDIS_URL.
const envPrefix = "GATHER"

// RunAPI is cmd/api: it serves until SIGTERM or SIGINT. It returns the exit code.
func RunAPI(args []string, stdout, stderr io.Writer) int {
	var o APIOptions
	parser := apiCommand(&o, stdout, stderr)
	return run(parser, args, stderr, func(ctx context.Context) error {
		if o.Healthcheck {
			return checkAPI(ctx, &o)
		}
		log := newLogger(&o.Common, stderr)
		profiles, err := serveProfiles(ctx, &o.Common, log)
		if err != nil {
			return err
		}
		defer profiles.Close()
		api, err := NewAPI(ctx, o, log)
		if err != nil {
			return err
		}
		defer api.Stop()
		if o.APIKeysFile != "" {
			stop := onHangup(func() { reloadKeys(api, log) })
			defer stop()
		}
		announce(stdout, &o, api.Addr())
		return serve(ctx, api.Serve, api.Stop)
	})
}

// RunWorker is cmd/worker: it works until SIGTERM or SIGINT. It returns the exit code.
func RunWorker(args []string, stdout, stderr io.Writer) int {
	var o WorkerOptions
	parser := workerCommand(&o, stdout, stderr)
	return run(parser, args, stderr, func(ctx context.Context) error {
		log := newLogger(&o.Common, stderr)
		if o.Healthcheck {
			return checkWorker(ctx, &o)
		}
		profiles, err := serveProfiles(ctx, &o.Common, log)
		if err != nil {
			return err
		}
		defer profiles.Close()
		worker, err := NewWorker(ctx, &o, log)
		if err != nil {
			return err
		}
		defer worker.Stop()
		if err := worker.Start(); err != nil {
			return err
		}
		log.Info("worker started", "redis", redacted(o.RedisURL), "concurrency", o.Concurrency, "metrics", worker.MetricsURL())
		<-ctx.Done()
		log.Info("worker stops")
		return nil
	})
}

// Models are what the commands take: their flags, variables and defaults.
func Models() []*kong.Application {
	return []*kong.Application{
		apiCommand(new(APIOptions), io.Discard, io.Discard).Model,
		workerCommand(new(WorkerOptions), io.Discard, io.Discard).Model,
	}
}

func apiCommand(o *APIOptions, stdout, stderr io.Writer) *kong.Kong {
	return command("api", "Gather's HTTP API. Without --redis-url it runs everything in this one process, in memory.",
		"Unset: everything runs inside this process, and nothing survives it.", o, stdout, stderr)
}

func workerCommand(o *WorkerOptions, stdout, stderr io.Writer) *kong.Kong {
	return command("worker", "A worker of Gather: it takes tasks from Redis and sends the requests.", "Required.", o, stdout, stderr)
}

func command(name, description, redisURLUnset string, options any, stdout, stderr io.Writer) *kong.Kong {
	parser, err := kong.New(options, kong.Name(name), kong.Description(description),
		kong.DefaultEnvars(envPrefix), kong.Writers(stdout, stderr),
		kong.Vars{"redis_url_unset": redisURLUnset, "version": name + " " + Version()})
	if err != nil {
		panic(err) // the options are part of the binary
	}
	return parser
}

// run reads and validates the arguments, then runs work until it ends or a signal comes.
func run(parser *kong.Kong, args []string, stderr io.Writer, work func(context.Context) error) int {
	if _, err := parser.Parse(args); err != nil {
		complain(stderr, parser.Model.Name, err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer loadBallast()()
	if err := work(ctx); err != nil {
		complain(stderr, parser.Model.Name, err)
		if errors.Is(err, store.ErrKeyMissing) {
			return exitUsage
		}
		return exitFailed
	}
	return exitOK
}

// serve runs serve until ctx ends, then stops it.
func serve(ctx context.Context, serve func() error, stop func()) error {
	failed := make(chan error, 1)
	go func() { failed <- serve() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		stop()
		return <-failed
	}
}

// onHangup has do called at every SIGHUP until stop, which waits for its end.
func onHangup(do func()) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	var calls sync.WaitGroup
	calls.Go(func() {
		for range hangups {
			do()
		}
	})
	return func() {
		signal.Stop(hangups)
		close(hangups)
		calls.Wait()
	}
}

func reloadKeys(api *API, log *slog.Logger) {
	warning, err := api.ReloadKeys()
	if err != nil {
		log.Error("the API keys stay as they were", "error", err)
		return
	}
	log.Info("read the API keys again")
	if warning != nil {
		log.Warn("the monitor is closed to some", "error", warning)
	}
}

// complain says all that is wrong on one line.
func complain(stderr io.Writer, name string, err error) {
	message := strings.ReplaceAll(err.Error(), "\n", "; ")
	_, _ = fmt.Fprintf(stderr, "%s: %s\n", name, message)
}

func newLogger(c *Common, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewTextHandler(w, options)
	if c.LogFormat == "json" {
		handler = slog.NewJSONHandler(w, options)
	}
	log := slog.New(handler)
	divertLogs(log)
	return log
}

// redisLogger passes on what go-redis says of its own accord. What a caller has to
// know it returns as an error, so this is for looking closer.
type redisLogger struct{ log *slog.Logger }

func (l *redisLogger) Printf(ctx context.Context, format string, args ...any) {
	l.log.DebugContext(ctx, store.WithoutReplies(fmt.Sprintf(format, args...)), "from", "go-redis")
}

// announce tells a person at a terminal where to go on.
func announce(w io.Writer, o *APIOptions, addr string) {
	_, _ = fmt.Fprintf(w, "Gather listens on http://%s\n", addr)
	if !o.Embedded() {
		return
	}
	key := ""
	if o.APIKeys.Len() > 0 || o.APIKeysFile != "" {
		key = ` -H 'Authorization: Bearer KEY'`
	}
	_, _ = fmt.Fprintf(w, `
Everything runs in this one process, in memory: nothing survives a restart.
To keep what is accepted, give --redis-url and start cmd/worker beside it.

Try it:

    curl -s%s http://%s/api/aggregated/

`, key, addr)
}
