package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// machine is what the rows were measured on, as lines of "name: value".
type machine []string

// inspectMachine says what is known; what can't be found out is said to be unknown.
func inspectMachine(ctx context.Context) machine {
	return machine{
		"measured: " + time.Now().UTC().Format("2006-01-02 15:04 MST"),
		fmt.Sprintf("machine: %s, %d cores, %s, %s/%s", orUnknown(cpuModel()), runtime.NumCPU(), memorySize(), runtime.GOOS, runtime.GOARCH),
		"load before the run: " + orUnknown(loadAverage()),
		"Go: " + strings.TrimPrefix(runtime.Version(), "go"),
		"Redis: " + orUnknown(said(ctx, regexp.MustCompile(`v=(\S+)`), "redis-server", "--version")),
		"asynq: " + moduleVersion("github.com/hibiken/asynq"),
		"go-redis: " + moduleVersion("github.com/redis/go-redis/v9"),
		"uvicorn: " + orUnknown(said(ctx, regexp.MustCompile(`uvicorn (.*)`), "uvicorn", "--version")),
		"commit: " + commit(ctx),
	}
}

func orUnknown(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}

// said runs a program and returns the first group of what it says.
func said(ctx context.Context, pattern *regexp.Regexp, name string, args ...string) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).Output() //nolint:gosec // names and arguments are this file's own
	if err != nil {
		return ""
	}
	return firstGroup(pattern, string(out))
}

func firstGroup(pattern *regexp.Regexp, text string) string {
	groups := pattern.FindStringSubmatch(text)
	if groups == nil {
		return ""
	}
	return strings.TrimSpace(groups[1])
}

func commit(ctx context.Context) string {
	hash := said(ctx, regexp.MustCompile(`(?s)^(\S+)`), "git", "rev-parse", "--short", "HEAD")
	if hash == "" {
		return "none"
	}
	if said(ctx, regexp.MustCompile(`(?s)(\S)`), "git", "status", "--porcelain") != "" {
		hash += ", with changes"
	}
	return hash
}

func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, dependency := range info.Deps {
		if dependency.Path == path {
			return strings.TrimPrefix(dependency.Version, "v")
		}
	}
	return "unknown"
}

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	return firstGroup(regexp.MustCompile(`(?m)^model name\s*: (.*)$`), string(text))
}

func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	return firstGroup(regexp.MustCompile(`^(\S+ \S+ \S+)`), string(text))
}

func memorySize() string {
	text, _ := os.ReadFile("/proc/meminfo")
	for lines := bufio.NewScanner(strings.NewReader(string(text))); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "MemTotal:" {
			kib, _ := strconv.Atoi(fields[1])
			return fmt.Sprintf("%.1f GiB", float64(kib)/(1<<20))
		}
	}
	return "memory unknown"
}
