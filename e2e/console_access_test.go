package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestConsole_Keys has the page ask for a key, and keep it for the tab.
func TestConsole_Keys(t *testing.T) {
	s, u := startGuarded(t, "--api-keys", "ops:"+strongKey), newUpstream(t)
	p := openTab(t, s.base, "/")
	p.expect("401")
	p.shows("dialog [role=alert]", "This server asks for an API key.")
	p.fill("Key", strongKey+"x")
	p.press("name=Use this key")
	p.shows("dialog [role=alert]", "none that is in force")
	p.keys(strongKey + kb.Enter) // what was refused is not in the way
	p.until(`document.querySelector("dialog") === null`)
	p.shows("pre.code", "Authorization: Bearer $GATHER_API_KEY")
	id := p.compose(u.URL + "/{1..5}")
	p.ends("succeeded")
	p.do(chromedp.Reload())
	p.ends("succeeded") // the stream, too, comes with the key
	for _, r := range p.sent("/") {
		if strings.Contains(r.URL, strongKey) {
			t.Errorf("the key is part of an address: %s", r.URL)
		}
	}
	if stored := eval[string](p, `JSON.stringify(localStorage)`); strings.Contains(stored, strongKey) {
		t.Errorf("the key outlives the tab: %s", stored)
	}
	other := openTab(t, s.base, "/#/aggregations/"+id)
	other.expect("401")
	other.shows("dialog", "API key")
	other.press("name=Cancel")
	other.shows(".notice", "needs an API key")
}

// TestConsole_Faults finds what the API says of a request beside the fields.
func TestConsole_Faults(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	p := openTab(t, s.base, "/")
	p.expect("422")
	p.fill("URLs, one a line, or JSON", u.URL+"/{1..3}\n\nftp://example.com/\n/relative")
	for label, value := range map[string]string{
		"Attempts": "0", "Deadline": "soon", "Concurrency": "-1", "Headers": "Connection: close\nAccept: */*", "Attempt timeout": "0s", "Name": strings.Repeat("x", 257), "Labels": ": x",
	} {
		p.fill(label, value)
	}
	p.press("name=Send")
	for field, want := range map[string]string{
		"items": "line 3: must be http or https", "attempts": "max_attempts must be 1 to 100 (5 requests)", "deadline": "is not a duration",
		"concurrency": "must be 0 (no cap) or more", "headers": "Connection is set by Gather itself and can't be given (5 requests)", "timeout": "must be longer than 0s",
		"name": "must have at most 256 characters", "labels": "has a key that is empty",
	} {
		p.shows(`.field:has([name="`+field+`"]) .faults`, want)
		if !eval[bool](p, `document.querySelector('[name="`+field+`"]').getAttribute("aria-invalid") === "true"`) {
			t.Errorf("%s is not marked as invalid", field)
		}
	}
	p.shows(`.field:has([name="items"]) .faults`, "line 4: must be absolute")
	if got := eval[string](p, `document.activeElement.name`); got != "items" {
		t.Errorf("the focus is at %q, want the first field with a fault", got)
	}
	p.fill("Deadline", "1m")
	p.until(`document.querySelector('[name="deadline"]').getAttribute("aria-invalid") === "false" && document.querySelector('.field:has([name="deadline"]) .faults').innerText === ""`)
	p.shows(`.field:has([name="attempts"]) .faults`, "must be 1 to 100") // its own field was left alone
	p.fill("URLs, one a line, or JSON", `[{"url": "`+u.URL+`/a", "methd": "GET"}, {"url": 7}]`)
	p.press("name=Send")
	p.shows(`.field:has([name="items"]) .faults`, "request 1, methd: ")
	p.shows(`.field:has([name="items"]) .faults`, "request 2: ")
	p.fill("URLs, one a line, or JSON", `[{"url": `)
	p.press("name=Send")
	p.shows(`.field:has([name="items"]) .faults`, "is not JSON")
	p.fill("URLs, one a line, or JSON", "https://example.com/{1..9..0}")
	p.press("name=Send")
	p.shows(`.field:has([name="items"]) .faults`, "line 1 has a step of 0")
	p.fill("URLs, one a line, or JSON", "https://example.com/{1..999999}")
	p.press("name=Send")
	p.shows(`.field:has([name="items"]) .faults`, "line 1 stands for more than 100000 URLs")
	if n := len(u.requests("")); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// TestConsole_Lines finds what is wrong with headers and labels before anything is sent.
func TestConsole_Lines(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	p := openTab(t, s.base, "/")
	p.shows("pre.code", `"urls": []`)
	p.fill("URLs, one a line, or JSON", u.URL+"/a")
	p.fill("Headers", "Accept: */*\nNoColonHere")
	p.fill("Labels", "bad label")
	p.press("name=Send")
	p.shows(`.field:has([name="headers"]) .faults`, "line 2: NAME: VALUE is expected")
	p.shows(`.field:has([name="labels"]) .faults`, "line 1: NAME: VALUE is expected")
	p.fill("Headers", "Accept: */*")
	p.fill("Labels", "team: search")
	p.fill("Kept for", "7d")
	p.fill("Deadline", "0.5d")
	p.fill("Body", "hello")
	p.shows(`[name="method"] option`, "auto: POST")
	p.press("name=Send")
	p.watched()
	p.ends("succeeded")
	if all := u.requests("/a"); len(all) != 1 || all[0].method != http.MethodPost || string(all[0].body) != "hello" {
		t.Errorf("requests = %+v, want one POST", all)
	}
	var sent []byte
	for _, r := range p.sent("/v1/aggregations") {
		for _, entry := range r.PostDataEntries {
			sent = append(sent, entry.Bytes...)
		}
	}
	if !strings.Contains(string(sent), `"retention":"168h"`) || !strings.Contains(string(sent), `"deadline":"12h"`) {
		t.Errorf("sent %s", sent)
	}
}

// TestConsole_Patterns expands ranges of numbers, and leaves other braces to their URLs.
func TestConsole_Patterns(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	p := openTab(t, s.base, "/")
	p.fill("URLs, one a line, or JSON", u.URL+"/{1..3}\n"+u.URL+"/{1..a}")
	p.shows(".form", "4 requests from 2 lines; line 2: {1..a} is taken as it is")
	p.compose(u.URL + "/{08..10}\n" + u.URL + "/graphql?query={user{id,name}}&range={-1..1}")
	p.ends("succeeded")
	var uris []string
	for _, r := range u.requests("") {
		uris = append(uris, r.uri)
	}
	slices.Sort(uris)
	if want := []string{"/08", "/09", "/10", "/graphql?query={user{id,name}}&range={-1..1}"}; !slices.Equal(uris, want) {
		t.Errorf("requests for %q, want %q", uris, want)
	}
}

// tabTo presses Tab until the expression holds for what has the focus. Whatever has it on
// the way has to show that.
func (p *tab) tabTo(expression string) {
	p.Helper()
	for range 60 {
		p.keys(kb.Tab)
		if !eval[bool](p, `document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle !== "none"`) {
			p.Errorf("no focus is to be seen at %s", eval[string](p, `document.activeElement.outerHTML.slice(0, 200)`))
		}
		if eval[bool](p, `((e) => Boolean(`+expression+`))(document.activeElement)`) {
			return
		}
	}
	p.Fatalf("Tab does not lead to %s", expression)
}

// TestConsole_Keyboard sends, watches, reads and deletes without a mouse.
func TestConsole_Keyboard(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	p := openTab(t, s.base, "/")
	p.until(`document.querySelector("form")`)
	p.tabTo(`e.className === "skip"`)
	p.keys(kb.Enter)
	p.until(`document.activeElement.id === "main" && location.hash !== "#main" && getComputedStyle(document.activeElement).outlineStyle === "none"`)
	p.tabTo(`e.name === "items"`)
	p.keys(u.URL + "/{1..9}")
	p.keys(kb.Enter, chromedp.ModifierCtrl)
	id := p.watched()
	p.ends("succeeded")
	p.shows("#said", "succeeded")
	p.tabTo(`e.getAttribute("role") === "row"`)
	p.keys(kb.ArrowDown + kb.ArrowDown)
	p.until(`document.activeElement.getAttribute("aria-rowindex") === "4"`)
	p.keys(kb.Enter)
	p.shows("dialog.drawer", u.URL+"/3")
	p.keys(kb.ArrowRight)
	p.shows("dialog.drawer", u.URL+"/4")
	p.tabTo(`e.tagName === "SUMMARY"`)
	p.keys(kb.Enter)
	p.until(`!document.querySelector("dialog details.json").open`)
	p.keys(kb.Escape)
	p.until(`document.querySelector("dialog") === null && document.activeElement.getAttribute("aria-rowindex") === "5"`)
	p.keys(kb.End)
	p.until(`document.activeElement.getAttribute("aria-rowindex") === "10"`)
	p.tabTo(`e.textContent === "Delete"`)
	p.keys(kb.Enter)
	p.shows("dialog", "Delete this aggregation?")
	p.tabTo(`e.closest("dialog") && e.textContent === "Delete"`)
	p.keys(kb.Enter)
	p.until(`location.hash === "#/aggregations"`)
	s.get(t, 404, path(id))
}
