package e2e

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// TestConsole_Back leaves an aggregation while one of its items is open.
func TestConsole_Back(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	p := openTab(t, s.base, "/")
	id := p.compose(u.URL + "/{1..3}")
	p.ends("succeeded")
	p.press(`.spacer .row[aria-rowindex="2"]`)
	p.shows("dialog.drawer", "Body")
	eval[bool](p, `history.back() === undefined`)
	p.until(`document.querySelector(".compose") && document.querySelector("dialog") === null`)
	eval[bool](p, `history.forward() === undefined`)
	p.ends("succeeded")
	p.press("name=Delete")
	p.shows("dialog", "Delete this aggregation?")
	eval[bool](p, `history.back() === undefined`)
	p.until(`document.querySelector(".compose") && document.querySelector("dialog") === null`)
	s.get(t, http.StatusOK, path(id))
}

// TestConsole_Forget takes the key away: what it let see goes, what was written stays.
func TestConsole_Forget(t *testing.T) {
	s, u := startGuarded(t, "--api-keys", "ops:"+strongKey), newUpstream(t)
	open := u.gate("/held")
	p := openTab(t, s.base, "/")
	p.expect("401")
	p.fill("Key", strongKey)
	p.press("name=Use this key")
	p.compose(u.URL + "/held\n" + u.URL + "/a")
	p.shows(".live", "live")
	p.press("#key")
	p.keys(kb.Escape) // there is another button to cancel below
	p.until(`document.querySelector("dialog") === null && ` + rowsShown + `.length === 2`)
	p.press("#key")
	p.press("name=Forget it")
	p.until(rowsShown + `.length === 0`)
	p.shows("dialog", "API key") // asked for by the view that has come
	p.keys(kb.Escape)
	p.shows(".aggregation .notice", "needs an API key")
	open()
	p.press("name=Compose")
	p.fill("Key", strongKey)
	p.press("name=Use this key")
	p.until(`document.querySelectorAll(".recent tbody tr").length === 1`)
	p.fill("Name", "written before")
	p.press("#key")
	p.press("name=Forget it")
	p.until(`document.querySelectorAll(".recent tbody tr").length === 0`)
	p.shows("dialog", "API key")
	if name := eval[string](p, element("label=Name")+".value"); name != "written before" {
		t.Errorf("the name in the form is %q now", name)
	}
}
