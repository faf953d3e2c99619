package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// TestChaos_ScriptsForgotten has Redis forget its scripts all the time.
func TestChaos_ScriptsForgotten(t *testing.T) {
	chaos(t)
	set := launchDurable(t)
	s := launchChaos(t, set, set.URL)
	l := newLoad(t, s, newCounter(t, 50*time.Millisecond), chaosItems)
	rdb := s.connect(t)
	l.run(20, 200)
	flushes := 0
	within(t, chaosPatience, "all have ended", func() bool {
		onEachMaster(t, rdb, func(ctx context.Context, master *redis.Client) error { return master.ScriptFlush(ctx).Err() })
		flushes++
		return l.ended() == 200
	})
	sum := l.sum(s)
	sum.hold(t)
	if sum.sent != sum.items {
		t.Errorf("%d requests were sent for %d items", sum.sent, sum.items)
	}
	sum.also("%d times", flushes)
	sum.print(t, "5a. `SCRIPT FLUSH` all the time")
}

// TestChaos_DeliveredTwice has every task delivered twice, to different workers as may be: while
// the queues are paused, each task gets a twin.
func TestChaos_DeliveredTwice(t *testing.T) {
	chaos(t)
	set := launchDurable(t)
	s := launchChaos(t, set, set.URL)
	rdb := s.connect(t)
	q := twins{inspector: asynq.NewInspectorFromRedisClient(rdb), client: asynq.NewClientFromRedisClient(rdb)}
	queues := []string{"aggregations", "fetch-default", "fetch-default-bulk"}
	for _, queue := range queues {
		// asynq knows a queue once it had a task; pausing is this key.
		if err := rdb.Set(t.Context(), "asynq:{"+queue+"}:paused", 1, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	const small, large, n = 50, 600, 24
	l := newLoad(t, s, newCounter(t, 20*time.Millisecond), small, small, small, small, small, large)
	l.run(n, n)
	eventually(t, "all run tasks wait", func() bool { return rdb.LLen(t.Context(), "asynq:{aggregations}:pending").Val() == n })
	q.make(t, "aggregations")
	if err := q.inspector.UnpauseQueue("aggregations"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all run tasks have run", func() bool {
		return rdb.Exists(t.Context(), "asynq:{aggregations}:pending", "asynq:{aggregations}:active").Val() == 0
	})
	q.make(t, "fetch-default")
	q.make(t, "fetch-default-bulk")
	for _, queue := range queues[1:] {
		if err := q.inspector.UnpauseQueue(queue); err != nil {
			t.Fatal(err)
		}
	}
	sum := l.sum(s)
	sum.hold(t)
	if sum.sent != sum.items {
		t.Errorf("%d requests were sent for %d items", sum.sent, sum.items)
	}
	eventually(t, "nothing is left in the queues", func() bool {
		left := int64(0)
		for _, queue := range queues {
			for _, kind := range []string{"pending", "active", "retry", "scheduled", "archived"} {
				left += rdb.Exists(t.Context(), "asynq:{"+queue+"}:"+kind).Val()
			}
		}
		return left == 0
	})
	sum.also("%d tasks, of single items and of batches", q.made)
	sum.print(t, "5b. every task delivered twice")
}

// twins makes copies of tasks.
type twins struct {
	inspector *asynq.Inspector
	client    *asynq.Client
	made      int
}

// make gives each task that waits in the queue a twin under another id.
func (q *twins) make(t *testing.T, queue string) {
	t.Helper()
	var waiting []*asynq.TaskInfo
	for page := 1; ; page++ {
		part, err := q.inspector.ListPendingTasks(queue, asynq.Page(page), asynq.PageSize(500))
		if err != nil {
			t.Fatal(err)
		}
		if len(part) == 0 {
			break
		}
		waiting = append(waiting, part...)
	}
	if len(waiting) == 0 {
		t.Fatalf("no task waits in %s", queue)
	}
	for _, task := range waiting {
		_, err := q.client.Enqueue(asynq.NewTask(task.Type, task.Payload), asynq.Queue(queue),
			asynq.TaskID(task.ID+":twin"), asynq.MaxRetry(task.MaxRetry), asynq.Timeout(task.Timeout))
		if err != nil {
			t.Fatal(err)
		}
		q.made++
	}
}

// TestChaos_Clock has one worker's clock 30 s ahead, another's 30 s behind, and an API's
// wrong, too. Each item is answered 503 with a Retry-After at first, which nobody may undercut.
func TestChaos_Clock(t *testing.T) {
	chaos(t)
	if err := buildOffClock(); err != nil {
		t.Fatal(err)
	}
	set := launchDurable(t)
	s := &system{redis: set}
	s.chaosAPI(t, set.URL, "127.0.0.1:0")
	s.apis = append(s.apis, start(t, "api-off", []string{"CLOCK_OFF=30"}, "--listen", "127.0.0.1:0", "--redis-url", set.URL))
	s.chaosWorker(t, set.URL)
	for _, off := range []string{"30", "-30"} {
		p := start(t, "worker-off", []string{"CLOCK_OFF=" + off}, "--redis-url", set.URL, "--allow-net", loopback)
		s.workers = append(s.workers, p)
		p.works(t)
	}
	s.ready(t, 3)
	const wait = 3 * time.Second
	l := newLoad(t, s, newCounter(t, 20*time.Millisecond), chaosItems, chaosItems, chaosItems, 300)
	l.up.refuse = func(w http.ResponseWriter, r *http.Request) {
		value := fmt.Sprint(int(wait / time.Second))
		if strings.HasSuffix(r.URL.Path, "1") { // as a date, cut to seconds like Date
			value = time.Now().UTC().Add(wait).Format(http.TimeFormat)
		}
		w.Header().Set("Retry-After", value)
		fails(http.StatusServiceUnavailable)(w, r)
	}
	l.run(4, 20) // asynq takes up 100 tasks a second whose time has come
	sum := l.sum(s)
	sum.hold(t)
	shortest, longest := time.Hour, time.Duration(0)
	for _, o := range l.orders {
		for _, p := range numberedPaths(o.prefix, o.items) {
			visits := l.up.visits(p)
			if len(visits) != 2 {
				t.Fatalf("%s was sent %d times, want twice", p, len(visits))
			}
			waited := visits[1].arrived.Sub(visits[0].ended)
			shortest, longest = min(shortest, waited), max(longest, waited)
		}
	}
	if shortest < wait-50*time.Millisecond || longest > wait+5*time.Second {
		t.Errorf("with Retry-After: 3 items were sent again after %v to %v", shortest, longest)
	}
	sum.also("`Retry-After: 3` became %.1f to %.1f s", shortest.Seconds(), longest.Seconds())
	sum.recovery = 0
	sum.print(t, "5c. clocks of two workers and an API 30 s off")
}

// buildOffClock builds api-off and worker-off with a standard library whose time.Now is as many
// seconds off as CLOCK_OFF says: what shifts the clock of other programs, such as libfaketime,
// does nothing to those of Go, which ask the kernel themselves.
var buildOffClock = sync.OnceValue(func() error {
	if err := build(); err != nil {
		return err
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	source := filepath.Join(strings.TrimSpace(string(goroot)), "src", "time")
	text, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		return err
	}
	const reading = "sec, nsec, mono := runtimeNow()\n"
	before, after, found := strings.Cut(string(text), reading)
	if !found {
		return fmt.Errorf("time.Now of this Go does not begin with %q", reading)
	}
	replace := make(map[string]string)
	for name, text := range map[string]string{
		"time.go":      before + reading + "sec += clockOff\n" + after,
		"clock_off.go": offClock,
	} {
		file := filepath.Join(binDir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
		replace[filepath.Join(source, name)] = file
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	file := filepath.Join(binDir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return err
	}
	for _, name := range []string{"api", "worker"} {
		cmd := exec.Command("go", "build", "-overlay", file, "-o", filepath.Join(binDir, name+"-off"), "gather/cmd/"+name)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	return nil
})

const offClock = `package time

import "syscall"

var clockOff = func() int64 {
	text, _ := syscall.Getenv("CLOCK_OFF")
	off, _ := atoi(text)
	return int64(off)
}()
`
