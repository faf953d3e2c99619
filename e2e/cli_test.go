package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// commandLine is the command gather, run with its streams in pipes.
type commandLine struct {
	server string // "" is none: it runs a Gather of its own
	key    string
	stdin  string
}

func (c commandLine) env() []string {
	return append(withoutGather(os.Environ()), "GATHER_URL="+c.server, "GATHER_API_KEY="+c.key)
}

// start starts it for the length of the test.
func (c commandLine) start(tb testing.TB, args ...string) *process {
	tb.Helper()
	return startWith(tb, "gather", strings.NewReader(c.stdin), c.env(), args...)
}

// run runs it to its end, which has to have the exit code.
func (c commandLine) run(tb testing.TB, code int, args ...string) (stdout, stderr string) {
	tb.Helper()
	p := c.start(tb, args...)
	got, ended := p.exit(patience)
	stdout, stderr = p.stdout.String(), p.stderr.String()
	if !ended || got != code {
		tb.Fatalf("gather %v: ended %t with code %d, want %d\n%s\n%s", args, ended, got, code, stdout, stderr)
	}
	return stdout, stderr
}

func TestCLI_Run(t *testing.T) {
	t.Parallel()
	s := startEmbedded(t)
	u := newUpstream(t)
	u.on("/missing", fails(http.StatusNotFound))
	u.on("/page", answerWith(200, "text/html", []byte("<p>\n")))
	g := commandLine{server: s.base}

	t.Run("a table on pipes, with plain lines beside it", func(t *testing.T) {
		stdout, stderr := g.run(t, 0, "run", u.URL+"/n/{1..3}", u.URL+"/page")
		lines := strings.Split(strings.TrimSpace(stdout), "\n")
		if len(lines) != 5 || !strings.HasPrefix(lines[0], "#  STATUS") || !strings.Contains(lines[3], "succeeded  200") || !strings.Contains(lines[3], u.URL+"/n/3") {
			t.Errorf("%s", stdout)
		}
		if strings.Contains(stdout+stderr, "\x1b") || !regexp.MustCompile(`(?m)^gather: agg_\w+ succeeded: 4 of 4 done in `).MatchString(stderr) {
			t.Errorf("%q", stderr)
		}
	})
	t.Run("a document, in input order", func(t *testing.T) {
		stdout, stderr := g.run(t, 1, "run", "-q", "-O", "json", "--retries", "0", u.URL+"/missing", u.URL+"/page")
		agg := parseAggregation(t, []byte(stdout))
		if agg.Status != "partial" || agg.Results[0].code() != "http_status" || agg.Results[1].text(t) != "<p>\n" || stderr != "" {
			t.Errorf("%s\n%s", stdout, stderr)
		}
	})
	t.Run("lines, as they come, of those that failed", func(t *testing.T) {
		open := u.gate("/held")
		p := g.start(t, "run", "-O", "ndjson", "--timeout", "60s", u.URL+"/held", u.URL+"/page")
		eventually(t, "the second comes first", func() bool { return strings.Contains(p.stdout.String(), `"index":1`) })
		open()
		if code, _ := p.exit(patience); code != 0 || strings.Count(p.stdout.String(), "\n") != 2 {
			t.Errorf("code %d: %s", code, p.stdout.String())
		}
		stdout, _ := g.run(t, 1, "run", "-O", "ndjson", "--failed", u.URL+"/missing", u.URL+"/page")
		if parseResult(t, []byte(strings.TrimSpace(stdout))).code() != "http_status" {
			t.Errorf("%s", stdout)
		}
	})
	t.Run("requests from standard input, with what flags say of all", func(t *testing.T) {
		g := commandLine{server: s.base, stdin: "# two\n" + u.URL + "/in/a\n" + `{"url": "` + u.URL + `/in/b", "method": "PUT", "body_text": "own", "headers": {"X-A": "own"}}` + "\n"}
		g.run(t, 0, "run", "-f", "-", "-H", "X-A: flag", "-H", "X-B: flag", "--json", `{"a":1}`, "--name", "n", "--label", "team=cli")
		a, b := u.requests("/in/a")[0], u.requests("/in/b")[0]
		if a.method != "POST" || string(a.body) != `{"a":1}` || a.header.Get("X-A") != "flag" || b.method != "PUT" || string(b.body) != "own" || b.header.Get("X-A") != "own" || b.header.Get("X-B") != "flag" {
			t.Errorf("%+v\n%+v", a, b)
		}
		if list, _ := g.run(t, 0, "list", "--label", "team=cli"); strings.Count(list, "\n") != 2 || !strings.Contains(list, "team=cli") {
			t.Errorf("%s", list)
		}
	})
	t.Run("an empty body, and a text", func(t *testing.T) {
		g.run(t, 0, "run", "--data", "", u.URL+"/empty")
		g.run(t, 0, "run", "-d", "a", u.URL+"/text")
		g.run(t, 0, "run", "-d", "a", "-H", "content-type: text/csv", u.URL+"/typed")
		empty, text, typed := u.requests("/empty")[0], u.requests("/text")[0], u.requests("/typed")[0]
		if empty.method != "POST" || len(empty.body) != 0 || empty.header.Get("Content-Length") != "0" {
			t.Errorf("%+v", empty)
		}
		if text.method != "POST" || string(text.body) != "a" || text.header.Get("Content-Type") != "text/plain; charset=utf-8" || typed.header.Get("Content-Type") != "text/csv" {
			t.Errorf("%+v\n%+v", text, typed)
		}
	})
	t.Run("a file an item", func(t *testing.T) {
		u.on("/image", answerWith(200, "image/png", []byte("\x89PNG\x00\xff")))
		dir := filepath.Join(t.TempDir(), "out")
		stdout, _ := g.run(t, 1, "run", "-o", dir, "--retries", "0", u.URL+"/image", u.URL+"/page", u.URL+"/missing", u.URL+"/..%2f..%2fescape")
		for name, want := range map[string]string{"00000-image.png": "\x89PNG\x00\xff", "00001-page.html": "<p>\n", "00002-missing-failed.txt": "Not Found", "00003-escape.json": `{"path":"/../../escape"}`} {
			if body, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(body) != want || !strings.Contains(stdout, name) {
				t.Errorf("%s: %q, %v", name, body, err)
			}
		}
		if files, _ := os.ReadDir(dir); len(files) != 4 {
			t.Errorf("%v", files)
		}
	})
	t.Run("made once under a key", func(t *testing.T) {
		args := []string{"run", "-O", "json", "--idempotency-key", "once", u.URL + "/once"}
		first, _ := g.run(t, 0, args...)
		again, _ := g.run(t, 0, args...)
		if parseAggregation(t, []byte(first)).ID != parseAggregation(t, []byte(again)).ID || u.count("/once") != 1 {
			t.Errorf("%s\n%s", first, again)
		}
	})
}

// TestCLI_Change goes through all that can be done with one aggregation.
func TestCLI_Change(t *testing.T) {
	t.Parallel()
	s := startEmbedded(t)
	u := newUpstream(t)
	open := u.gate("/held")
	g := commandLine{server: s.base}
	stdout, _ := g.run(t, 0, "run", "--no-wait", "--timeout", "60s", "--name", "held", u.URL+"/held", u.URL+"/free")
	id := strings.TrimSpace(stdout)
	u.sees(t, "/free", 1)

	events := g.start(t, "events", id, "-O", "ndjson")
	eventually(t, "an event comes", func() bool { return strings.Contains(events.stdout.String(), `"event":"result","position":1`) })
	if stdout, stderr := g.run(t, 0, "get", id); strings.Count(stdout, "\n") != 2 || !strings.Contains(stderr, id+" running: 1 of 2 done") {
		t.Errorf("get: %s%s", stdout, stderr)
	}
	if stdout, _ := g.run(t, 0, "list", "--status", "running", "-O", "ndjson"); parseAggregation(t, []byte(stdout)).ID != id {
		t.Errorf("list: %s", stdout)
	}
	if stdout, stderr := g.run(t, 0, "get", id, "--failed"); stdout != "" || !strings.Contains(stderr, id+" running: 1 of 2 done") {
		t.Errorf("get of what has no rows: %s%s", stdout, stderr)
	}
	g.run(t, 3, "retry", id) // still runs
	if stdout, _ := g.run(t, 0, "cancel", id); !strings.Contains(stdout, id+" canceled: 2 of 2 done, 1 canceled") {
		t.Errorf("cancel: %s", stdout)
	}
	if code, _ := events.exit(patience); code != 1 || !strings.Contains(events.stdout.String(), `"event":"done"`) {
		t.Errorf("events: code %d: %s", code, events.stdout.String())
	}
	if _, stderr := g.run(t, 3, "cancel", id); !strings.Contains(stderr, "finished already") {
		t.Errorf("cancel again: %s", stderr)
	}
	g.run(t, 1, "get", id)
	open()
	if stdout, _ := g.run(t, 0, "retry", id, "-O", "json"); parseAggregation(t, []byte(stdout)).Status != "succeeded" {
		t.Errorf("retry: %s", stdout)
	}
	if stdout, _ := g.run(t, 0, "wait", id); strings.Count(stdout, "succeeded  200") != 2 {
		t.Errorf("wait: %s", stdout)
	}
	if stdout, _ := g.run(t, 0, "events", id, "--after", "1"); !strings.Contains(stdout, "result    #0 succeeded") || strings.Contains(stdout, "#1") || !strings.Contains(stdout, "done      "+id) {
		t.Errorf("events: %s", stdout)
	}
	g.run(t, 0, "delete", id)
	for _, command := range []string{"get", "wait", "events", "cancel", "retry", "delete"} {
		if _, stderr := g.run(t, 3, command, id); !strings.Contains(stderr, "no aggregation with this id") {
			t.Errorf("%s of one that is deleted: %s", command, stderr)
		}
	}
}

// TestCLI_Embedded does what a person does who has nothing but the command.
func TestCLI_Embedded(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	u := newUpstream(t)
	address := strings.TrimPrefix(u.URL, "http://")
	g := commandLine{}

	stdout, stderr := g.run(t, 1, "run", u.URL+"/a")
	if !strings.Contains(stdout, "destination_ip_prohibited") || !strings.Contains(stderr, "run it again with --allow-net "+address) || u.count("") != 0 {
		t.Errorf("%s\n%s", stdout, stderr)
	}
	stdout, stderr = g.run(t, 0, "run", "-O", "ndjson", "--allow-net", address, "--max-body", "2KiB", "-c", "1", "--deadline", "30s", u.URL+"/{1..300}")
	if strings.Count(stdout, "\n") != 300 || u.count("") != 300 {
		t.Errorf("%d lines, %d requests\n%s", strings.Count(stdout, "\n"), u.count(""), stderr)
	}
	u.on("/long", answerWith(200, "text/plain", make([]byte, 3000)))
	if _, stderr = g.run(t, 0, "run", "--allow-net", address, "--max-body", "2KiB", u.URL+"/long"); !strings.Contains(stderr, "--max-body") {
		t.Errorf("nothing is said of a body that is cut: %s", stderr)
	}
	dir := t.TempDir()
	stdout, stderr = g.run(t, 0, "run", "-q", "-o", dir, "--allow-net", address, "--max-body", "2KiB", u.URL+"/long")
	if body, err := os.ReadFile(filepath.Join(dir, "00000-long-cut.txt")); err != nil || len(body) != 2<<10 || !strings.Contains(stdout, "KiB-cut") || !strings.Contains(stderr, "--max-body") {
		t.Errorf("%d bytes, %v\n%s%s", len(body), err, stdout, stderr)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, []byte(strings.Repeat("x", 9<<20)), 0o600); err != nil { // over what an API takes by default
		t.Fatal(err)
	}
	g.run(t, 0, "run", "--allow-net", address, "--timeout", "60s", "-d", "@"+large, u.URL+"/large")
	if sent := u.requests("/large")[0]; len(sent.body) != 9<<20 {
		t.Errorf("%d bytes arrived", len(sent.body))
	}
	if _, stderr = g.run(t, 2, "run", "--no-wait", u.URL); !strings.Contains(stderr, "--server") {
		t.Errorf("%s", stderr)
	}
	if _, stderr = g.run(t, 2, "list"); !strings.Contains(stderr, "GATHER_URL") {
		t.Errorf("%s", stderr)
	}
}

func TestCLI_Faults(t *testing.T) {
	t.Parallel()
	s := startEmbedded(t, "--max-requests", "2")
	g := commandLine{server: s.base}
	file := filepath.Join(t.TempDir(), "urls.txt")
	if err := os.WriteFile(file, []byte("http://a.example/\n\nnonsense\nhttp://b.example/{1..2}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr := g.run(t, 2, "run", "-f", file, "--method", "A B"); !strings.Contains(stderr, "gather: 2 faults; nothing was sent\n") ||
		!strings.Contains(stderr, "  "+file+":3: the URL must be absolute") || !strings.Contains(stderr, "  --method is not a request method\n") {
		t.Errorf("%s", stderr)
	}
	// What the server alone knows.
	if _, stderr := g.run(t, 2, "run", "http://a.example/{1..3}"); !strings.Contains(stderr, "gather: requests 3 items are over the limit of 2") {
		t.Errorf("%s", stderr)
	}
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, []byte(strings.Repeat("x", 9<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr := g.run(t, 2, "run", "-d", "@"+large, "http://a.example/"); !strings.Contains(stderr, "raise --max-request-body") {
		t.Errorf("%s", stderr)
	}
	if _, stderr := g.run(t, 2, "list", "--label", "=x"); !strings.Contains(stderr, "--label must be key:value") {
		t.Errorf("%s", stderr)
	}
	if _, stderr := g.run(t, 3, "get", "agg_nonsense"); !strings.Contains(stderr, "404") {
		t.Errorf("%s", stderr)
	}
	nowhere := commandLine{server: "http://user:" + secret + "@127.0.0.1:1"}
	began := time.Now()
	if _, stderr := nowhere.run(t, 3, "run", "http://a.example/"); !strings.Contains(stderr, "127.0.0.1:1") || !strings.Contains(stderr, "connection refused") || strings.Contains(stderr, secret) {
		t.Errorf("%s", stderr)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("a server that is not there was given up after %v", took)
	}
	if _, stderr := (commandLine{server: newUpstream(t).URL}).run(t, 3, "list"); !strings.Contains(stderr, "is the URL right") && !strings.Contains(stderr, "none of Gather's") {
		t.Errorf("something else at the address: %s", stderr)
	}
}

func TestCLI_Key(t *testing.T) {
	t.Parallel()
	s := startEmbeddedWithKey(t)
	u := newUpstream(t)
	if _, stderr := (commandLine{server: s.base}).run(t, 3, "list"); !strings.Contains(stderr, "GATHER_API_KEY") {
		t.Errorf("%s", stderr)
	}
	stdout, stderr := commandLine{server: s.base, key: strongKey}.run(t, 0, "run", u.URL)
	if strings.Contains(stdout+stderr, strongKey) {
		t.Errorf("it tells the key: %s%s", stdout, stderr)
	}
}

// startEmbeddedWithKey is startEmbedded with strongKey.
func startEmbeddedWithKey(t *testing.T) *system {
	t.Helper()
	ownRedis(t)
	s := &system{}
	s.addAPI(t, "--allow-net", "127.0.0.0/8", "--api-keys", strongKey)
	s.ready(t, 1)
	return s
}

// TestCLI_Outage takes the API away while the command follows, and gives it back.
func TestCLI_Outage(t *testing.T) {
	t.Parallel()
	s := &system{redis: launchRedis(t)}
	first := s.addAPI(t, "--redis-url", s.redis.URL)
	s.addWorker(t)
	s.ready(t, 1)
	u := newUpstream(t)
	open := u.gate("/held")
	urls := []string{u.URL + "/held"}
	for i := range 50 {
		urls = append(urls, u.URL+"/"+strconv.Itoa(i))
	}
	p := commandLine{server: s.base}.start(t, append([]string{"run", "-O", "ndjson", "--timeout", "60s"}, urls...)...)
	eventually(t, "most are there", func() bool { return strings.Count(p.stdout.String(), "\n") == 50 })
	first.kill()
	eventually(t, "the outage is told", func() bool { return strings.Contains(p.stderr.String(), "trying again") })
	start(t, "api", nil, "--listen", strings.TrimPrefix(s.base, "http://"), "--redis-url", s.redis.URL).address(t)
	open()
	if code, _ := p.exit(patience); code != 0 {
		t.Fatalf("code %d: %s", code, p.stderr.String())
	}
	var indexes []int
	for line := range strings.Lines(p.stdout.String()) {
		indexes = append(indexes, parseResult(t, []byte(line)).Index)
	}
	slices.Sort(indexes)
	if len(indexes) != 51 || len(slices.Compact(indexes)) != 51 {
		t.Errorf("%d results, %d of them different", len(indexes), len(slices.Compact(indexes)))
	}
}

// TestCLI_Help holds that every command and flag is explained.
func TestCLI_Help(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	stdout, _ := commandLine{}.run(t, 0, "--help")
	for _, want := range []string{"run", "get", "wait", "events", "list", "retry", "cancel", "delete", "completion", "GATHER_URL", "GATHER_API_KEY", "Exit codes: 0"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("--help does not explain %s", want)
		}
	}
	if same, _ := (commandLine{}).run(t, 0, "help"); same != stdout {
		t.Errorf("help says\n%s", same)
	}
	if nothing, stderr := (commandLine{}).run(t, 2); nothing != "" || stderr != stdout {
		t.Errorf("without a command it says\n%s%s", nothing, stderr)
	}
	stdout, _ = commandLine{}.run(t, 0, "run", "--help")
	if same, _ := (commandLine{}).run(t, 0, "help", "run"); same != stdout {
		t.Errorf("help run says\n%s", same)
	}
	for flag := range strings.FieldsSeq("file method header data json timeout retries expect-status concurrency deadline retention priority name label [no-]wait idempotency-key allow-net max-body output dir failed quiet server key") {
		if !strings.Contains(stdout, "--"+flag) {
			t.Errorf("run --help does not explain --%s", flag)
		}
	}
}
