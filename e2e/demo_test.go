package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// demoAnswer has the fields of the article's answers, in its order.
type demoAnswer struct {
	Message             string        `json:"message"`
	Responses           []demoMessage `json:"responses"`
	AggregatedResponses []demoMessage `json:"aggregated_responses"`
	DebugMessage        string        `json:"debug_message"`
	Elapsed             float64       `json:"elapsed"`
}

type demoMessage struct {
	Message string `json:"message"`
	TaskID  string `json:"task_id"`
}

func (d *demoAnswer) check(t *testing.T, message string, num int) {
	t.Helper()
	if d.Message != message {
		t.Errorf("message = %q", d.Message)
	}
	var told float64
	if found := debugMessage.FindStringSubmatch(d.DebugMessage); found != nil {
		told, _ = strconv.ParseFloat(found[1], 64)
	}
	if math.Abs(told-d.Elapsed) > 0.006 { // both are rounded
		t.Errorf("debug_message = %q, with %v elapsed", d.DebugMessage, d.Elapsed)
	}
	responses := append(d.Responses, d.AggregatedResponses...)
	if len(responses) != num {
		t.Fatalf("%d responses, want %d", len(responses), num)
	}
	for i, r := range responses {
		if r.Message != "Hello World" || r.TaskID != fmt.Sprint(i) {
			t.Errorf("response %d = %+v", i, r)
		}
	}
}

var debugMessage = regexp.MustCompile(`^fetch executed in (\d+\.\d\d) seconds\.$`)

func testDemo(t *testing.T, s *system) {
	t.Run("one answers after a second", func(t *testing.T) {
		began := time.Now()
		a := s.get(t, http.StatusOK, "/api/?task_id=7")
		if took := time.Since(began); took < time.Second {
			t.Errorf("answered after %v", took)
		}
		wantJSON(t, a.body, `{"message":"Hello World","task_id":"7"}`)
		wantJSON(t, s.get(t, http.StatusOK, "/api/?delay_ms=1").body, `{"message":"Hello World"}`)
	})
	for _, c := range []struct {
		name, path, message string
		num                 int
		least, most         float64 // seconds
		long                bool
	}{
		{"ten side by side take one second", "/api/aggregated/", "Hello Async World", 10, 1, 1.5, false},
		{"more of them take no longer", "/api/aggregated/?num=25", "Hello Async World", 25, 1, 5, false},
		{"three one after another take three", "/api/aggregated_sync/?num=3", "Hello Sync World!", 3, 3, 9, false},
		{"ten one after another take ten", "/api/aggregated_sync/", "Hello Sync World!", 10, 10, 30, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.long && testing.Short() {
				t.Skip("takes ten seconds")
			}
			t.Parallel()
			if raceEnabled {
				c.most = 5 * c.least
			}
			// A busy machine adds to it, so the best of a few counts.
			best := math.Inf(1)
			for range 5 {
				var demo demoAnswer
				mustDecodeStrictly(t, s.get(t, http.StatusOK, c.path).body, &demo)
				demo.check(t, c.message, c.num)
				if best = min(best, demo.Elapsed); demo.Elapsed < c.least {
					t.Errorf("elapsed = %v, want %v at least", demo.Elapsed, c.least)
				}
				if best < c.most {
					return
				}
			}
			t.Errorf("elapsed = %v at best, want about %v", best, c.least)
		})
	}
	t.Run("a number that is none is refused", func(t *testing.T) {
		for _, num := range []string{"0", "-1", "x", "1000000"} {
			s.get(t, http.StatusUnprocessableEntity, "/api/aggregated/?num="+num)
		}
	})
}

// wantJSON compares two documents by what they say.
func wantJSON(tb testing.TB, got []byte, want string) {
	tb.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		tb.Fatalf("%v in %s", err, got)
	}
	_ = json.Unmarshal([]byte(want), &w)
	if fmt.Sprint(g) != fmt.Sprint(w) {
		tb.Errorf("answered %s, want %s", got, want)
	}
}
