package main

import (
	"context"
	_ "embed" // the Django application
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

// articleApp is the article's Django application.
//
//go:embed article/app.py
var articleApp []byte

// articleItems is N of the article's views.
const articleItems = 10

var uvicornReady = regexp.MustCompile(`Uvicorn running on (http://\S+)`)

// article is the article's application under uvicorn.
type article struct {
	base   string
	client *http.Client
}

// view is one of its views.
type view struct {
	*article
	path string
}

// startArticle starts the application. It needs uvicorn on the path, and a Python
// behind it that knows Django and httpx.
func (l *lab) startArticle() (*article, error) {
	uvicorn, err := exec.LookPath("uvicorn")
	if err != nil {
		return nil, err
	}
	upstream, err := l.startUpstream()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "gather-bench-article")
	if err != nil {
		return nil, err
	}
	l.atEnd(func() error { return os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "app.py"), articleApp, 0o600); err != nil {
		return nil, err
	}
	p, base, err := start(command{
		name: "uvicorn", path: uvicorn, ready: uvicornReady,
		args: []string{"--app-dir", dir, "--host", "127.0.0.1", "--port", "0", "--no-access-log", "--no-use-colors", "app:application"},
		env:  []string{"UPSTREAM=" + upstream, "PYTHONDONTWRITEBYTECODE=1"},
	})
	if err != nil {
		return nil, err
	}
	l.atEnd(p.end)
	return &article{base: base, client: newHTTPClient(1)}, nil
}

// run implements [system], for the article's own N and delay only.
func (v *view) run(ctx context.Context, n int, _ time.Duration) (cleanUp, error) {
	body, err := fetch(ctx, v.client, v.base+v.path)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Async []reply `json:"responses"`
		Sync  []reply `json:"aggregated_responses"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	replies := append(answer.Async, answer.Sync...)
	if len(replies) != n {
		return nil, fmt.Errorf("the article's view answers %d items", len(replies))
	}
	return nothingToClean, checkAll(replies)
}

// measureArticle measures the article's views beside gather, where they can run.
func measureArticle(ctx context.Context, l *lab) ([]outcome, error) {
	const work = "N=10 of 1,000 ms, the article's "
	app, err := l.startArticle()
	if err != nil {
		log.Print("    ", err)
		return []outcome{{
			work:  work + "Django views",
			notes: []string{"the article's views were not measured: they need uvicorn, Django and httpx (Debian: apt-get install python3-django uvicorn python3-httpx)"},
		}}, nil
	}
	g, err := l.startGather(0)
	if err != nil {
		return nil, err
	}
	gather, err := repeat(ctx, g, l.runs, articleItems, time.Second)
	if err != nil {
		return nil, err
	}
	outcomes := make([]outcome, 0, 2)
	for _, v := range []struct{ name, path string }{
		{"async view", "/api/aggregated/"}, {"sync view", "/api/aggregated_sync/"},
	} {
		samples, err := repeat(ctx, &view{app, v.path}, l.runs, articleItems, time.Second)
		if err != nil {
			return nil, err
		}
		outcomes = append(outcomes, outcome{
			work: work + v.name + ": " + times(samples).text, gather: times(gather),
			notes: []string{fmt.Sprintf("the article's %s takes %.2f times what gather takes", v.name, times(samples).cost/times(gather).cost)},
		})
	}
	return outcomes, nil
}
