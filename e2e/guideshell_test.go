package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// makeStandIn is make for guides: what the targets build is there.
const makeStandIn = `#!/bin/sh
case $1 in
build) ;;
run) exec .bin/api ;;
*) echo "the guides' tests have no target $1" >&2; exit 2 ;;
esac
`

// guideShell is one shell that follows a guide, in a folder that looks like a clone.
type guideShell struct {
	testing.TB
	dir   string // what it works in
	logs  string // what its commands print, a file each
	stdin io.WriteCloser
	steps int
	last  string // what the last command printed
}

// openShell starts a shell for the length of the test.
func openShell(tb testing.TB, g *guide) *guideShell {
	tb.Helper()
	sh := &guideShell{TB: tb, dir: tb.TempDir(), logs: tb.TempDir()}
	sh.clone()
	cmd := exec.Command("bash", "--noprofile", "--norc")
	cmd.Dir = sh.dir
	cmd.Env = append(withoutGather(os.Environ()), "GATHER_LISTEN=127.0.0.1:"+g.numbers[defaultPort],
		"PATH="+filepath.Join(sh.logs, "bin")+":"+os.Getenv("PATH"), "LC_ALL=C.UTF-8", "PYTHONUNBUFFERED=1",
		"GOFLAGS=-trimpath", "no_proxy=127.0.0.1", "NO_PROXY=127.0.0.1")
	// A group of its own: whatever a guide leaves running ends with the test.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said output
	cmd.Stdout, cmd.Stderr = &said, &said
	var err error
	if sh.stdin, err = cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		sh.close(cmd)
		if tb.Failed() && said.String() != "" {
			tb.Logf("the shell said: %s", said.tail())
		}
	})
	// The end of its input ends the shell, also where the tests die.
	sh.send("trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\nlast=0\n")
	return sh
}

// clone fills the folder with what a clone has.
func (sh *guideShell) clone() {
	sh.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		sh.Fatal(err)
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		sh.Fatal(err)
	}
	link := func(target, name string) {
		if err := os.Symlink(target, filepath.Join(sh.dir, name)); err != nil {
			sh.Fatal(err)
		}
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			link(filepath.Join(root, entry.Name()), entry.Name())
		}
	}
	sh.write(".bin/.keep", "")
	for _, name := range []string{"api", "worker", "gather"} {
		link(binary(sh, name), filepath.Join(".bin", name))
	}
	standIn := filepath.Join(sh.logs, "bin", "make")
	if err := os.MkdirAll(filepath.Dir(standIn), 0o755); err != nil {
		sh.Fatal(err)
	}
	if err := os.WriteFile(standIn, []byte(makeStandIn), 0o755); err != nil {
		sh.Fatal(err)
	}
}

// write saves a file, whose folder is made.
func (sh *guideShell) write(name, text string) {
	sh.Helper()
	path := filepath.Join(sh.dir, name)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		sh.Fatal(err)
	}
}

// wantIgnored holds that what a page leaves in a clone, keys among it, gets neither into git
// nor into the build of an image.
func (sh *guideShell) wantIgnored() {
	sh.Helper()
	entries, err := os.ReadDir(sh.dir)
	if err != nil {
		sh.Fatal(err)
	}
	for _, list := range []string{".gitignore", ".dockerignore"} {
		patterns, err := os.ReadFile(filepath.Join("..", list))
		if err != nil {
			sh.Fatal(err)
		}
		for _, entry := range entries {
			made := entry.Type()&os.ModeSymlink == 0 && !strings.HasPrefix(entry.Name(), ".")
			if made && !matchesAny(strings.Split(string(patterns), "\n"), entry.Name()) {
				sh.Errorf("%s is left in the clone, and %s lets it through", entry.Name(), list)
			}
		}
	}
}

// matchesAny reports whether one of the patterns matches a name at the top.
func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		matched, _ := filepath.Match(strings.Trim(pattern, "/"), name)
		return matched
	})
}

func (sh *guideShell) send(script string) {
	sh.Helper()
	if _, err := io.WriteString(sh.stdin, script); err != nil {
		sh.Fatalf("the shell takes no commands any more: %v", err)
	}
}

// run runs a command as if it were typed. It returns its exit code once it has ended, or
// been left in the background.
func (sh *guideShell) run(command string) (code string) {
	sh.Helper()
	sh.steps++
	out := sh.log()
	ended := out + ".code"
	sh.send(fmt.Sprintf("{\n(exit $last)\n%s\n} >%s 2>&1 </dev/null\nlast=$?\necho $last >%s\n", command, out, ended))
	within(sh, 3*patience, "it ends: "+command+"\n", func() bool { // some compile, beside other pages that do
		text, _ := os.ReadFile(ended)
		code = strings.TrimSpace(string(text))
		return strings.HasSuffix(string(text), "\n")
	})
	sh.last = sh.printed(out)
	return code
}

// log is the file that the last command prints to.
func (sh *guideShell) log() string { return filepath.Join(sh.logs, fmt.Sprint(sh.steps)) }

func (sh *guideShell) printed(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		sh.Fatal(err)
	}
	return string(text)
}

// close ends the shell and all that it has started.
func (sh *guideShell) close(cmd *exec.Cmd) {
	_ = sh.stdin.Close()
	kill := time.AfterFunc(stopBound, func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		sh.Errorf("what the guide has started still runs %v after it", stopBound)
	})
	_ = cmd.Wait()
	kill.Stop()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // those that were not the shell's own
	logs, _ := filepath.Glob(filepath.Join(sh.logs, "*"))
	more, _ := filepath.Glob(filepath.Join(sh.dir, "*.log"))
	for _, log := range append(logs, more...) {
		if text, err := os.ReadFile(log); err == nil && strings.Contains(string(text), "DATA RACE") {
			sh.Errorf("a process has a data race:\n%s", text)
		}
	}
}

// follow does what a block says.
func (sh *guideShell) follow(b *block) (commands int) {
	sh.Helper()
	if b.stop != "" {
		sh.run(fmt.Sprintf("kill %q; wait", "%"+b.stop))
	}
	switch {
	case b.file != "":
		sh.write(b.file, b.text+"\n")
	case b.lang == "json":
		sh.wantJSON(b)
	case b.lang == "console":
		steps := b.steps(sh)
		for i := range steps {
			next := ""
			if i+1 < len(steps) {
				next = steps[i+1].command
			}
			sh.step(b, &steps[i], next)
		}
		return len(steps)
	}
	return 0
}

// step runs a command, which has to print what is shown and, unless the next one shows
// with which code it has ended, to end well.
func (sh *guideShell) step(b *block, s *step, next string) {
	sh.Helper()
	command := s.command
	if b.running {
		command += " &"
	}
	code := sh.run(command)
	if strings.HasSuffix(command, " &") {
		out := sh.log()
		within(sh, patience, fmt.Sprintf("line %d: %s\nprints\n%s\n", b.line, command, s.shown), func() bool {
			return s.shown == "" || prints(sh.printed(out), s.shown)
		})
		return
	}
	if code != "0" && next != "echo $?" {
		sh.Fatalf("line %d: %s\nends with %s:\n%s", b.line, command, code, sh.last)
	}
	if inJSON := b.answered && next == ""; !inJSON && !prints(sh.last, s.shown) {
		sh.Fatalf("line %d: %s\nprints\n%s\nand not\n%s", b.line, command, sh.last, s.shown)
	}
}

// wantJSON holds what the last command has printed against a document.
func (sh *guideShell) wantJSON(b *block) {
	sh.Helper()
	var shown, printed any
	if err := json.Unmarshal([]byte(b.text), &shown); err != nil {
		sh.Fatalf("line %d: %v", b.line, err)
	}
	if err := json.Unmarshal([]byte(sh.last), &printed); err != nil {
		sh.Fatalf("line %d: %v in\n%s", b.line, err, sh.last)
	}
	if shown, printed = steadied(shown), steadied(printed); !reflect.DeepEqual(shown, printed) {
		sh.Fatalf("line %d: printed is\n%v\nand not\n%v", b.line, printed, shown)
	}
}

// varying are the fields whose values no two runs share.
var varying = map[string]bool{
	"id": true, "created_at": true, "started_at": true, "finished_at": true, "expires_at": true, "elapsed_ms": true,
}

// steadied is a document without the values that vary.
func steadied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if v[name] = steadied(value); varying[name] {
				v[name] = "…"
			}
		}
	case []any:
		for i := range v {
			v[i] = steadied(v[i])
		}
	}
	return v
}
