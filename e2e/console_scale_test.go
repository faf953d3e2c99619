package e2e

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// longestTask is what the page may do at a stretch without answering to its reader.
const longestTask = 200 // ms

// TestConsole_TenThousand watches and reads 10,000 items. The browser measures by the clock on
// the wall, and other packages' tests may take its processor away: the best of three counts.
func TestConsole_TenThousand(t *testing.T) {
	if testing.Short() {
		t.Skip("fetches 10,000 items")
	}
	s, u := startEmbedded(t), newUpstream(t)
	u.on("/items/77", fails(404))
	best := math.Inf(1)
	for range 3 {
		if best = min(best, watchTenThousand(t, s, u)); best <= longestTask {
			return
		}
	}
	t.Errorf("a task took %.0f ms, want at most %d", best, longestTask)
}

// watchTenThousand returns how long the page's longest task took, in milliseconds.
func watchTenThousand(t *testing.T, s *system, u *upstream) float64 {
	t.Helper()
	p := openTab(t, s.base, "/")
	p.until(`document.querySelector("form") && document.querySelector("#system").innerText`)
	eval[bool](p, `(globalThis.tasks = []) && Boolean(new PerformanceObserver((list) => tasks.push(...list.getEntries().map((e) => e.duration))).observe({ type: "longtask" })) || true`)
	p.compose(u.URL + "/items/{0..9999}")
	p.ends("partial")
	if got := p.countShown("succeeded"); got != "9,999" {
		t.Errorf("%s items succeeded", got)
	}
	const rows = `document.querySelectorAll(".spacer .row:not([hidden])").length`
	if n := eval[int](p, rows); n == 0 || n > 100 {
		t.Errorf("%d rows are there at a time", n)
	}
	p.press("name=Time")
	p.press("name=Time")
	p.press("name=#")
	p.press(`[data-filter="failed"]`)
	p.until(rows + " === 1")
	p.press(`[data-filter="all"]`)
	p.press(`.spacer .row[aria-rowindex="2"]`)
	p.shows("dialog.drawer", "/items/0")
	p.keys(kb.Escape)
	p.until(`document.querySelector("dialog") === null && document.activeElement.getAttribute("aria-rowindex") === "2"`)
	p.keys(kb.End)
	p.until(`document.activeElement.getAttribute("aria-rowindex") === "10001" && document.activeElement.innerText.includes("9999")`)
	for i := range 20 {
		eval[bool](p, fmt.Sprintf(`(document.querySelector(".rows").scrollTop = %d) >= 0`, i*15_000))
	}
	longest := eval[float64](p, `Math.max(0, ...tasks)`)
	t.Logf("the longest of %d tasks over 50 ms took %.0f ms", eval[int](p, "tasks.length"), longest)
	return longest
}

// TestConsole_MoreThanFits opens an item whose body the page had no room for: it reads that
// result alone, and none before it.
func TestConsole_MoreThanFits(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	const last = 35 // of items of 1 MB; the page keeps 32 MiB
	for i := range last + 1 {
		u.on(fmt.Sprintf("/items/%d", i), answerWith(http.StatusOK, "text/plain", append(fmt.Appendf(nil, "this is %d ", i), bytes.Repeat([]byte("x"), 1_000_000)...)))
	}
	p := openTab(t, s.base, "/")
	p.fill("Concurrency", "1") // so that they end in order
	p.compose(fmt.Sprintf("%s/items/{0..%d}", u.URL, last))
	p.ends("succeeded")
	before := len(p.sent("/events"))
	p.press("name=#") // the last one first
	p.until(rowsShown + fmt.Sprintf(`[0].startsWith("%d")`, last))
	p.press(`.spacer .row[aria-rowindex="2"]`)
	p.shows("dialog.drawer pre", fmt.Sprintf("this is %d ", last))
	streams := p.sent("/events")
	if from := fmt.Sprint(streams[len(streams)-1].Headers["Last-Event-ID"]); len(streams) != before+1 || from != fmt.Sprint(last) || len(p.sent("/results")) > 0 {
		t.Errorf("read with %d more streams, the last one after %s, want one after %d", len(streams)-before, from, last)
	}
}
