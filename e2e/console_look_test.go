package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// everyView are the addresses of all views, with one aggregation that has a bit of everything.
func everyView(t *testing.T, s *system) (addresses []string) {
	t.Helper()
	u := newUpstream(t)
	composed(u)
	u.on("/long", answerWith(200, "text/plain", []byte("a text that is long enough to need several lines on a phone, with_one_word_that_"+fmt.Sprintf("%0200d", 7))))
	urls := append(u.numbered("/items/with/a/rather/long/path/that/does/not/fit/", 20), u.urls("/again", "/missing", "/gone", "/long")...)
	agg := s.run(t, object{
		"name": "nightly check of what a catalogue links to", "labels": object{"team": "search", "with-a-long-name": "and-a-long-value-without-any-space"}, "urls": urls,
	})
	return []string{"/", "/#/aggregations", "/#/aggregations/" + agg.ID}
}

// lowContrast are the texts in sight whose contrast with what is behind them is under 4.5,
// which WCAG 2.2 (1.4.3) wants.
const lowContrast = `(() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const rgba = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] === 255) { return c; } } return [255, 255, 255, 255]; };
  const low = [];
  for (const e of document.querySelectorAll("body *")) {
    if (!e.checkVisibility() || e.disabled || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) { continue; }
    const [a, b] = [luminance(rgba(getComputedStyle(e).color)), luminance(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) { low.push(e.tagName + "." + e.className + " " + e.textContent.trim().slice(0, 30) + " " + ratio.toFixed(2)); }
  }
  return [...new Set(low)].join("\n");
})()`

func TestConsole_LightAndDark(t *testing.T) {
	s := startEmbedded(t)
	p := openTab(t, s.base, "/")
	const ground = `getComputedStyle(document.body).backgroundColor`
	grounds := make(map[string]string)
	for _, address := range everyView(t, s) {
		for _, scheme := range []string{"light", "dark"} {
			p.prefers(scheme)
			p.visit(address)
			p.until(`document.querySelector("#main").innerText.length > 100 && document.querySelector("#system").innerText`)
			grounds[scheme] = eval[string](p, ground)
			if low := eval[string](p, lowContrast); low != "" {
				t.Errorf("%s, %s: too little contrast:\n%s", address, scheme, low)
			}
		}
	}
	if grounds["light"] == grounds["dark"] {
		t.Errorf("light and dark are both %s", grounds["light"])
	}
	p.press("#theme")
	p.until(ground + fmt.Sprintf(" === %q", grounds["light"]))
	p.do(chromedp.Reload())
	p.until(ground + fmt.Sprintf(" === %q", grounds["light"])) // though the system is dark
	p.press("#theme")
	p.until(ground + fmt.Sprintf(" === %q", grounds["dark"]))
}

// cutEnds are the URLs whose ends are out of sight, though those tell them apart.
const cutEnds = `[...document.querySelectorAll(".spacer .row:not([hidden]) .cell.url")].filter((cell) =>
  cell.lastChild.getBoundingClientRect().right > cell.getBoundingClientRect().right + 1 || cell.lastChild.getClientRects().length !== 1)
  .map((cell) => cell.textContent).join("; ")`

func TestConsole_Phone(t *testing.T) {
	s := startEmbedded(t)
	p := openTab(t, s.base, "/")
	p.do(chromedp.EmulateViewport(375, 812, chromedp.EmulateMobile))
	fits := func(where string) {
		t.Helper()
		if wide := eval[string](p, `[...document.querySelectorAll("body *")]
			.filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > 376 && !e.closest(".scrolling, .code, .unseen"))
			.map((e) => e.tagName + " " + e.className + " in " + e.parentElement.className + ": " + e.textContent).join("; ")`); wide != "" {
			t.Errorf("%s: beyond the edge are %s", where, wide)
		}
		if width := eval[int](p, `document.documentElement.scrollWidth`); width > 375 {
			t.Errorf("%s is %d pixels wide", where, width)
		}
	}
	views := everyView(t, s)
	s.run(t, object{"urls": newUpstream(t).urls("/a")}) // one without a name
	for _, address := range views {
		p.visit(address)
		p.until(`document.querySelector("#main").innerText.length > 100 && document.querySelector("#system").innerText`)
		fits(address)
		if address != views[2] {
			p.until(`document.querySelector("td.what a.cut")?.getBoundingClientRect().height < 25`) // one line
		}
	}
	p.until(`document.querySelector(".spacer .row").getBoundingClientRect().height === 58`)
	p.until(`document.querySelector(".spacer .row .chip.loading") === null`)
	if cut := eval[string](p, cutEnds); cut != "" {
		t.Errorf("the ends are not to be seen of %s", cut)
	}
	p.press(`.spacer .row[aria-rowindex="2"]`)
	p.shows("dialog.drawer", "Body")
	fits("an item")
}
