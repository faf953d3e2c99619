package e2e

import (
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
	both := "redis-url log-format log-level"
	for name, flags := range map[string]string{
		"api":    both + " listen demo max-requests max-wait api-keys api-keys-file insecure-no-auth rate-limit rate-burst max-open max-waits max-streams monitor-write",
		"worker": both + " concurrency allow-net max-body",
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
				if found[1] != "help" && !strings.Contains(text, variable) {
					t.Errorf("--%s is explained without %s", found[1], variable)
				}
			}
		})
	}
}

func TestCommand_BadFlags(t *testing.T) {
	t.Parallel()
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
		"limits":             {"api", nil, []string{"--rate-limit=-1", "--max-open=1001", "--max-waits=0", "--max-streams=0"}, []string{"--rate-limit -1", "--max-open 1001", "--max-waits 0", "--max-streams 0"}},
		"a burst of nothing": {"api", nil, []string{"--rate-burst", "3"}, []string{"--rate-burst", "--rate-limit"}},
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
