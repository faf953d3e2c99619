package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long anything may take that happens at all: the machine may be
// busy. What has to be faster says so.
const patience = 60 * time.Second

// atOnce is how many tests run side by side. Most of them wait for something.
const atOnce = "6"

var binDir string

func TestMain(m *testing.M) {
	flag.Parse()
	parallelIsDefault := true
	flag.Visit(func(f *flag.Flag) { parallelIsDefault = parallelIsDefault && f.Name != "test.parallel" })
	if parallelIsDefault {
		_ = flag.Set("test.parallel", atOnce)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gather-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binDir = dir
	code := m.Run()
	chromium.close()
	if err := printReport(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// toxiproxy may leave a link that it was told to change in the middle of a write.
	leftByToxiproxy := goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*NoopToxic).Pipe")
	if err := goleak.Find(leftByToxiproxy); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// build builds the binaries once, with the race detector if the tests have it. The figures of
// make chaos are those of what is shipped.
var build = sync.OnceValue(func() error {
	args := []string{"build", "-o", binDir + string(filepath.Separator)}
	if raceEnabled && !inChaos {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "gather/cmd/api", "gather/cmd/worker", "gather/cmd/gather")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
})

// binary is the path of a command of the product.
func binary(tb testing.TB, name string) string {
	tb.Helper()
	if err := build(); err != nil {
		tb.Fatal(err)
	}
	return filepath.Join(binDir, name)
}

// eventually waits until the condition holds, and fails the test after patience.
func eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	within(tb, patience, what, condition)
}

// within is eventually with a bound that is part of what is tested.
func within(tb testing.TB, bound time.Duration, what string, condition func() bool) {
	tb.Helper()
	deadline := time.Now().Add(bound)
	for pause := time.Millisecond; !condition(); pause = min(2*pause, 50*time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("not within %v: %s", bound, what)
		}
		time.Sleep(pause)
	}
}
