package e2e

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
)

// twoRetries is a run of 50 s as the page knows it after a reload: two items of the first
// second, one of a retry at 20 s, and one of another at 49 s.
const twoRetries = `(() => {
  const item = (started_ms, elapsed_ms) => ({ status: "succeeded", attempts: 1, started_ms, elapsed_ms });
  return { now: 50000, running: false, accepted: 49000, rounds: [0, 49000], items: [item(0, 500), item(500, 600), item(20100, 900), item(49100, 900)] };
})()`

// TestConsole_Axis leaves out the times in which nothing happened, and says which.
func TestConsole_Axis(t *testing.T) {
	s := startEmbedded(t)
	p := openTab(t, s.base, "/")
	if cuts := eval[string](p, `import("/console/js/axis.js").then(({ axisOf }) => JSON.stringify(axisOf(`+twoRetries+`).cuts))`); cuts != "[[1100,20100],[21000,49100]]" {
		t.Errorf("left out are %s", cuts)
	}
	waits := eval[string](p, `import("/console/js/axis.js").then(({ axisOf, segments }) => {
	  const run = `+twoRetries+`;
	  return JSON.stringify(run.items.map((item) => segments(item, run, axisOf(run))[0].slice(0, 2)));
	})`)
	if waits != "[[0,0],[0,500],[20100,20100],[49000,49100]]" {
		t.Errorf("the items wait from and to %s", waits)
	}
	const want = `["1.1 s // 20.1 s","21 s // 49.1 s"]`
	for _, width := range []string{"1200px", "320px"} {
		labels := eval[string](p, `Promise.all([import("/console/js/axis.js"), import("/console/js/ticks.js")]).then(([{ axisOf }, { drawTicks }]) => {
		  const ticks = document.createElement("div");
		  ticks.className = "ticks";
		  ticks.style.width = "`+width+`";
		  document.body.append(ticks);
		  drawTicks(ticks, axisOf(`+twoRetries+`));
		  const texts = [...ticks.children].filter((e) => e.className === "break").map((e) => e.textContent);
		  ticks.remove();
		  return JSON.stringify(texts);
		})`)
		if labels != want {
			t.Errorf("at %s the breaks are %s, want %s", width, labels, want)
		}
	}
}

// TestConsole_RetriedBar draws what was retried the same for who saw it and who comes later.
func TestConsole_RetriedBar(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	u.on("/again", first(1, fails(http.StatusNotFound), ok))
	p := openTab(t, s.base, "/")
	p.compose(u.URL + "/a\n" + u.URL + "/again")
	p.ends("partial")
	p.press("name=Retry failed")
	p.ends("succeeded")
	const waits = `Number.parseFloat(document.querySelector('.spacer .row[aria-rowindex="3"] i.queued')?.style.left)`
	p.until(waits + " > 10")
	p.do(chromedp.Reload())
	p.until(waits + " > 10")
	p.do(chromedp.EmulateViewport(375, 812, chromedp.EmulateMobile))
	p.until(`document.querySelectorAll(".overview .ticks span").length >= 2`)
}
