package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// held are n items that wait at the upstream, and what lets them go.
func held(u *upstream, n int) (urls string, open []func()) {
	for i := range n {
		open = append(open, u.gate(fmt.Sprintf("/held/%d", i)))
	}
	return fmt.Sprintf("%s/held/{0..%d}", u.URL, n-1), open
}

// TestConsole_Resume cuts the connection of a page that watches: what came before is not
// asked for again, and what comes meanwhile is not lost.
func TestConsole_Resume(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	way := newLinkTo(t, strings.TrimPrefix(s.base, "http://"))
	p := openTab(t, "http://"+way.proxy.Listen, "/")
	p.expect("net::ERR_") // what the browser says of a connection that is cut
	urls, open := held(u, 8)
	id := p.compose(urls)
	p.shows(".live", "live")
	for i := range 3 {
		open[i]()
	}
	p.until(`document.querySelector(".counts .succeeded b").textContent === "3"`)
	way.cut()
	p.shows(".live", "connection lost")
	for _, let := range open[3:6] {
		let()
	}
	eventually(t, "the results are there", func() bool { return s.get(t, http.StatusOK, path(id)).aggregation(t).Counts.Succeeded == 6 })
	way.mend()
	p.shows(".live", "live")
	p.until(`document.querySelector(".counts .succeeded b").textContent === "6"`)
	open[6]()
	open[7]()
	p.ends("succeeded")
	p.until(rowsShown + `.filter((row) => row.includes("succeeded")).length === 8`)
	streams := p.sent("/events")
	if last := streams[len(streams)-1].Headers["Last-Event-ID"]; len(streams) < 2 || fmt.Sprint(last) != "3" {
		t.Errorf("of %d streams the last one began after %v, want after 3", len(streams), last)
	}
}

// TestConsole_States tells queued, fetching and retrying apart while they last, also for who
// comes later.
func TestConsole_States(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	open := u.gate("/held")
	u.on("/again", first(1, retryAfter("1", http.StatusServiceUnavailable), u.never))
	p := openTab(t, s.base, "/")
	p.fill("Concurrency", "2")
	id := p.compose(strings.Join(u.urls("/again", "/held", "/later"), "\n"))
	u.sees(t, "/held", 1)
	u.sees(t, "/again", 2)
	for _, watcher := range []*tab{p, openTab(t, s.base, "/#/aggregations/"+id)} {
		for i, want := range []string{"retrying", "fetching", "queued"} {
			watcher.until(fmt.Sprintf(`document.querySelector('.spacer .row[aria-rowindex="%d"] .chip').textContent === %q`, i+2, want))
		}
		watcher.until(`document.querySelector(".timeline i.fetching") && document.querySelector(".timeline i.retrying")`)
	}
	open()
	u.sees(t, "/later", 1)
	p.press("name=Cancel")
	p.ends("canceled")
}

func TestConsole_CancelRetryDelete(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	urls, open := held(u, 4)
	p := openTab(t, s.base, "/")
	id := p.compose(urls)
	open[0]()
	p.until(`document.querySelector(".counts .succeeded b").textContent === "1"`)
	p.press("name=Cancel")
	p.ends("canceled")
	if got := p.countShown("canceled"); got != "3" {
		t.Errorf("%s items canceled, want 3", got)
	}
	p.pressTwice("name=Retry failed", "running")
	for _, let := range open[1:] {
		let()
	}
	p.ends("succeeded")
	if agg := s.finished(t, id); agg.Counts.Succeeded != 4 {
		t.Errorf("after the retry: %+v", agg.Counts)
	}
	p.until(`document.querySelector("[data-filter=canceled]").hidden && ` + rowsShown + `.filter((row) => row.includes("succeeded")).length === 4`)
	p.press("name=Delete")
	p.shows("dialog", "Delete this aggregation?")
	p.keys(kb.Escape)
	p.until(`document.querySelector("dialog") === null`)
	s.get(t, http.StatusOK, path(id))
	p.press("name=Delete")
	p.press("dialog .danger")
	p.until(`location.hash === "#/aggregations"`)
	s.get(t, http.StatusNotFound, path(id))
	p.expect("404")
	p.visit("/#/aggregations/" + id)
	p.shows(".notice", "There is no aggregation with this id")
	for _, gone := range []string{".chip", ".counts", "name=Cancel", "name=Delete", "name=Download"} {
		if eval[bool](p, "Boolean("+element(gone)+")") {
			t.Errorf("%s is there of what is gone", gone)
		}
	}
	p.press("name=Send its items again")
	p.until(fmt.Sprintf(`%s?.value === %q`, element("label=URLs, one a line, or JSON"), urls))
}

// pressTwice clicks where a button is, and once more there when the aggregation is shown to
// have got somewhere.
func (p *tab) pressTwice(selector, status string) {
	p.Helper()
	p.until(element(selector))
	at := eval[[]float64](p, fmt.Sprintf(whereItStays, element(selector)))
	p.do(chromedp.MouseClickXY(at[0], at[1]))
	p.ends(status)
	p.do(chromedp.MouseClickXY(at[0], at[1]))
}

// TestConsole_DoubleClick retries with a double click, also on a phone.
func TestConsole_DoubleClick(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	open := u.gate("/held")
	p := openTab(t, s.base, "/")
	id := s.create(t, object{"name": "my first run", "urls": u.urls("/a", "/held")}).ID
	p.do(chromedp.EmulateViewport(375, 812, chromedp.EmulateMobile))
	p.visit("/#/aggregations/" + id)
	p.until(`document.querySelector(".counts .succeeded b")?.textContent === "1"`)
	p.press("name=Cancel")
	p.ends("canceled")
	p.pressTwice("name=Retry failed", "running")
	open()
	p.ends("succeeded")
}

// TestConsole_List looks at the list while it changes.
func TestConsole_List(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	u.on("/bad", fails(http.StatusNotFound))
	for i := range 55 {
		team := []string{"search", "ads"}[i%2]
		s.create(t, object{"name": fmt.Sprintf("number %d", i), "urls": u.urls("/a"), "labels": object{"team": team}})
	}
	failed := s.run(t, object{"name": "the bad one", "urls": u.urls("/bad"), "labels": object{"team": "search", "tier": "b"}})
	p := openTab(t, s.base, "/#/aggregations")
	const names = `[...document.querySelectorAll("tbody tr a")].map((a) => a.textContent)`
	p.until(names + `.length === 50 && ` + names + `[0] === "the bad one"`)
	p.press("name=Older")
	p.until(names + `.length === 6 && ` + names + `.at(-1) === "number 0"`)
	p.press("name=Newer")
	p.until(names + `.length === 50`)
	p.fill("Status", "failed")
	p.until(names + `.join() === "the bad one"`)
	p.fill("Status", "")
	p.fill("Label", "team:search tier:b")
	p.until(names + `.join() === "the bad one"`)
	if hash, want := eval[string](p, "location.hash"), "#/aggregations?label=team:search&label=tier:b"; hash != want {
		t.Errorf("the address is %s, want %s", hash, want)
	}
	p.press("name=the bad one")
	p.ends("failed")
	eval[bool](p, `history.back() === undefined`)
	p.until(names + `.join() === "the bad one" && ` + element("label=Label") + `?.value === "team:search tier:b"`)
	p.fill("Label", "team:ads")
	p.until(names + `.length === 27 && ` + names + `.every((name) => Number(name.split(" ")[1]) % 2 === 1)`)
	open := u.gate("/held")
	s.create(t, object{"name": "live", "urls": u.urls("/held"), "labels": object{"team": "ads"}})
	const first = `document.querySelector("tbody tr")`
	p.until(first + `.innerText.includes("live") && /queued|running/.test(` + first + `.innerText)`)
	open()
	p.until(first + `.innerText.includes("succeeded")`)
	p.fill("Label", "no-colon")
	p.shows(".list .faults", "no-colon is no label; write NAME:VALUE")
	p.until(`!document.querySelector("table").checkVisibility()`)
	p.fill("Label", "")
	p.press("name=the bad one")
	p.until(fmt.Sprintf(`location.hash === "#/aggregations/%s"`, failed.ID))
	p.ends("failed")
}

// TestConsole_System reads the line at the top.
func TestConsole_System(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	p := openTab(t, s.base, "/")
	p.shows("#system", "1 worker")
	p.shows("#system", "0 tasks waiting")
	s.run(t, object{"urls": u.numbered("/", 40)})
	p.until(`/[1-9][0-9.]* items\/s/.test(document.getElementById("system").innerText)`)
	for name, address := range map[string]string{"Queues": "monitor", "API": "docs", "Metrics": "metrics"} {
		if got := eval[string](p, element("name="+name)+".href"); got != s.base+"/"+address {
			t.Errorf("%s leads to %s", name, got)
		}
		s.get(t, http.StatusOK, "/"+address)
	}
}
