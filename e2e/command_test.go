package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// launch runs a command that is expected to end by itself, and returns what it
// says and its exit code.
func launch(t *testing.T, bound time.Duration, name string, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	p := start(t, name, env, args...)
	code, ended := p.exit(bound)
	if !ended {
		t.Fatalf("%s %v still runs after %v", name, args, bound)
	}
	return p.stdout.String(), p.stderr.String(), code
}

func TestCommand_Help(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	both := "redis-url log-format log-level pprof-listen"
	for name, flags := range map[string]string{
		"api":    both + " listen demo max-requests max-wait api-keys api-keys-file insecure-no-auth guard-metrics rate-limit rate-burst max-open max-waits max-streams monitor-write",
		"worker": both + " concurrency allow-net max-body metrics-listen",
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := launch(t, patience, name, nil, "--help")
			if code != 0 || stderr != "" {
				t.Errorf("code %d, stderr %q", code, stderr)
			}
			for _, flag := range strings.Fields(flags) {
				if !strings.Contains(stdout, "--"+flag) {
					t.Errorf("--%s is not explained", flag)
				}
			}
			text := strings.Join(strings.Fields(stdout), " ")
			explained := regexp.MustCompile(`(?m)^\s+(?:-\w, )?--([a-z-]+)`).FindAllStringSubmatch(stdout, -1)
			for _, found := range explained {
				variable := "$GATHER_" + strings.ToUpper(strings.ReplaceAll(found[1], "-", "_"))
				if found[1] != "help" && found[1] != "version" && !strings.Contains(text, variable) {
					t.Errorf("--%s is explained without %s", found[1], variable)
				}
			}
		})
	}
}

// TestCommand_Names calls the one binary of the image by its other names.
func TestCommand_Names(t *testing.T) {
	t.Parallel()
	for name, flag := range map[string]string{"api": "--listen", "worker": "--concurrency", "gather": "completion"} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.Symlink(binary(t, "gather"), path); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), path, "--help").Output()
		if err != nil || !strings.Contains(string(out), "Usage: "+name) || !strings.Contains(string(out), flag) {
			t.Errorf("%s --help: %v\n%s", name, err, out)
		}
	}
}

// TestCommand_Version holds that every command tells its version, as metrics and the document
// do, and that the image's build can give it one.
func TestCommand_Version(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	// A variable for everything, as of Compose, is none of its business.
	stdout, stderr, code := launch(t, patience, "worker", []string{"GATHER_VERSION=1.2.3"}, "--version")
	version, found := strings.CutPrefix(stdout, "worker ")
	if code != 0 || stderr != "" || !found || strings.TrimSpace(version) == "" {
		t.Errorf("worker --version: code %d, %q, %q", code, stdout, stderr)
	}
	for _, name := range []string{"api", "gather"} {
		if stdout, _, code := launch(t, patience, name, nil, "--version"); code != 0 || stdout != name+" "+version {
			t.Errorf("%s --version: code %d, %q", name, code, stdout)
		}
	}
	s := startEmbedded(t)
	version = strings.TrimSpace(version)
	if metrics := string(s.get(t, http.StatusOK, "/metrics").body); !strings.Contains(metrics, `version="`+version+`"`) {
		t.Errorf("metrics do not tell the version %s", version)
	}

	dockerfile, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	flags := regexp.MustCompile(`-ldflags="(.+?)"`).FindSubmatch(dockerfile)
	if flags == nil || !strings.Contains(string(flags[1]), "$VERSION") {
		t.Fatal("the Dockerfile does not pass a version on")
	}
	path := filepath.Join(t.TempDir(), "api") // a name that the image has it under, too
	for given, want := range map[string]string{"1.2.3": "api 1.2.3", "": "api " + version} {
		ldflags := strings.ReplaceAll(string(flags[1]), "$VERSION", given)
		if _, err := execute(os.Environ(), "go", "build", "-ldflags", ldflags, "-o", path, "gather/cmd/gather"); err != nil {
			t.Fatal(err)
		}
		if got, err := execute(os.Environ(), path, "--version"); err != nil || got != want {
			t.Errorf("built with VERSION=%s: %q, %v, want %q", given, got, err, want)
		}
	}
}

func TestCommand_BadFlags(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	const redis = "--redis-url=redis://127.0.0.1:1"
	for name, c := range map[string]struct {
		command string
		env     []string
		args    []string
		says    []string // flag, value and bound
	}{
		"unknown":            {"api", nil, []string{"--listne", "x"}, []string{"--listne"}},
		"no address":         {"api", nil, []string{"--listen", "nonsense"}, []string{"--listen", "nonsense", "host:port"}},
		"no requests":        {"api", nil, []string{"--max-requests", "0"}, []string{"--max-requests", "0", "1 to"}},
		"from a variable":    {"api", []string{"GATHER_MAX_REQUESTS=-7"}, nil, []string{"--max-requests", "-7", "1 to"}},
		"no wait":            {"api", nil, []string{"--max-wait", "0s"}, []string{"--max-wait", "0s"}},
		"no replicas":        {"api", nil, []string{redis, "--wait-replicas", "99"}, []string{"--wait-replicas", "99", "0 to"}},
		"nor any in memory":  {"api", nil, []string{"--wait-replicas", "1"}, []string{"--wait-replicas", "--redis-url"}},
		"no Sentinel master": {"api", nil, []string{"--redis-url", "redis-sentinel://127.0.0.1:1"}, []string{"--redis-url", "?master=NAME"}},
		"several for one":    {"worker", nil, []string{"--redis-url", "redis://127.0.0.1:1,127.0.0.1:2"}, []string{"--redis-url", "redis-cluster://"}},
		"no duration":        {"api", nil, []string{"--max-wait", "soon"}, []string{"--max-wait", "soon"}},
		"no format":          {"api", nil, []string{"--log-format", "xml"}, []string{"--log-format", "xml", "json"}},
		"no level":           {"worker", nil, []string{redis, "--log-level", "loud"}, []string{"--log-level", "loud", "debug"}},
		"no Redis URL":       {"api", nil, []string{"--redis-url", "http://127.0.0.1/"}, []string{"--redis-url", "http", "redis://"}},
		"a worker without":   {"worker", nil, nil, []string{"--redis-url"}},
		"no concurrency":     {"worker", nil, []string{redis, "--concurrency", "0"}, []string{"--concurrency", "0", "1 to"}},
		"no number":          {"worker", []string{"GATHER_CONCURRENCY=many"}, []string{redis}, []string{"--concurrency", "many"}},
		"no size":            {"worker", nil, []string{redis, "--max-body", "12x"}, []string{"--max-body", "12x"}},
		"a size too small":   {"worker", nil, []string{redis, "--max-body", "1"}, []string{"--max-body", "1B", "to"}},
		"no network":         {"worker", nil, []string{redis, "--allow-net", "10.0.0.0/33"}, []string{"--allow-net", "10.0.0.0/33", "CIDR"}},
		"no network, nested": {"api", nil, []string{"--listen", "127.0.0.1:0", "--allow-net", "x"}, []string{"--allow-net", "x", "CIDR"}},
		"listens to all":     {"api", nil, []string{"--listen", ":0"}, []string{"--listen :0", "--api-keys", "--insecure-no-auth"}},
		"listens to IPv4":    {"api", []string{"GATHER_LISTEN=0.0.0.0:0"}, []string{"--api-keys", ""}, []string{"--listen 0.0.0.0:0", "--api-keys"}},
		"listens to IPv6":    {"api", nil, []string{"--listen", "[::]:0"}, []string{"--listen [::]:0", "--api-keys"}},
		"listens to a name":  {"api", nil, []string{"--listen", "gather.example:0"}, []string{"--listen gather.example:0", "--api-keys"}},
		"a weak key":         {"api", nil, []string{"--api-keys", strongKey + ",fifteen-letters"}, []string{"--api-keys", "key 2", "15 characters", "at least 16"}},
		"a key of no token":  {"api", []string{"GATHER_API_KEYS=with spaces in between"}, nil, []string{"--api-keys", "key 1", "bearer token"}},
		"a key of two":       {"api", nil, []string{"--api-keys", "a:" + strongKey + ",b:" + strongKey}, []string{"--api-keys", "key 2", "two owners"}},
		"no file of keys":    {"api", nil, []string{"--api-keys-file", "/nowhere/keys"}, []string{"--api-keys-file", "/nowhere/keys"}},
		"write for all":      {"api", nil, []string{"--monitor-write", "--api-keys", "a:" + strongKey + ",b:" + strongKey + "b"}, []string{"--monitor-write", "--monitor-owners"}},
		"a stranger sees":    {"api", nil, []string{"--monitor-owners", "ops,ads", "--api-keys", "ads:" + strongKey}, []string{"--monitor-owners", `"ops"`, "ops:KEY"}},
		"nobody sees":        {"api", nil, []string{"--monitor-owners", "ops"}, []string{"--monitor-owners", "--api-keys"}},
		"a worker's flag":    {"api", []string{"GATHER_MAX_BODY=2MiB"}, []string{redis, "--allow-net", "10.0.0.0/8"}, []string{"--allow-net is a flag of the worker", "cmd/worker"}},
		"worker's flags":     {"api", []string{"GATHER_REDIS_URL=redis://127.0.0.1:1"}, []string{"--concurrency=7", "--max-body=2MiB"}, []string{"--concurrency is", "--max-body is"}},
		"limits":             {"api", nil, []string{"--rate-limit=-1", "--max-open=1001", "--max-waits=0", "--max-streams=0"}, []string{"--rate-limit -1", "--max-open 1001", "--max-waits 0", "--max-streams 0"}},
		"a burst of nothing": {"api", nil, []string{"--rate-burst", "3"}, []string{"--rate-burst", "--rate-limit"}},
		"profiles for all":   {"worker", nil, []string{redis, "--pprof-listen", ":6060"}, []string{"--pprof-listen :6060", "other machines"}},
		"profiles nowhere":   {"api", nil, []string{"--pprof-listen", "6060"}, []string{"--pprof-listen", "6060", "host:port"}},
		"metrics nowhere":    {"worker", nil, []string{redis, "--metrics-listen", "x"}, []string{"--metrics-listen", "x", "host:port"}},
		"several":            {"worker", nil, []string{"--concurrency", "0", "--max-body", "1"}, []string{"--redis-url", "--concurrency", "--max-body"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := launch(t, patience, c.command, c.env, c.args...)
			if code != 2 || stdout != "" {
				t.Errorf("code %d, want 2; stdout %q", code, stdout)
			}
			wantOneLine(t, stderr, c.says...)
			for _, key := range []string{strongKey, "fifteen-letters", "with spaces"} {
				if strings.Contains(stderr, key) {
					t.Errorf("it repeats a key: %s", stderr)
				}
			}
		})
	}
}

func wantOneLine(t *testing.T, text string, parts ...string) {
	t.Helper()
	if strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
		t.Errorf("want one line, got %q", text)
	}
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in %q", part, text)
		}
	}
}
