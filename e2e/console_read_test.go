package e2e

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"go/format"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// composed is what most tests of the console send: items that succeed, one that does with
// its second attempt, and two that fail. The body of /items/7 is a formula, and that of
// /items/8 a number that no float holds.
func composed(u *upstream) string {
	u.on("/items/7", answerWith(http.StatusOK, "text/plain", []byte("=1+1")))
	u.on("/items/8", answerWith(http.StatusOK, "application/json", []byte("-12345678901234567890")))
	u.on("/again", first(1, fails(http.StatusServiceUnavailable), ok))
	u.on("/missing", fails(http.StatusNotFound))
	u.on("/gone", answerWith(http.StatusGone, "application/json", []byte(`{"error":{"code":410,"hints":["look elsewhere",null,true]},"big":12345678901234567890}`)))
	return u.URL + "/items/{1..20}\n\n# a comment\n" + u.URL + "/again\n" + u.URL + "/missing\n" + u.URL + "/gone\n"
}

func TestConsole_ComposeWatchRead(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	p := openTab(t, s.base, "/")
	p.fill("URLs, one a line, or JSON", composed(u))
	p.shows(".form", "23 requests from 4 lines")
	p.press("name=Send")
	id := p.watched()
	p.ends("partial")
	for name, want := range map[string]string{"succeeded": "21", "failed": "2", "canceled": "0", "pending": "0"} {
		if got := p.countShown(name); got != want {
			t.Errorf("%s items %s, want %s", got, name, want)
		}
	}
	if agg := s.finished(t, id); len(agg.Results) != 23 || agg.Results[22].URL != u.URL+"/gone" {
		t.Errorf("what arrived is %+v", agg)
	}
	t.Run("the table filters", func(*testing.T) {
		p.press(`[data-filter="failed"]`)
		p.until(rowsShown + `.filter((row) => row.includes("failed")).length === 2 && ` + rowsShown + `.length === 2`)
		p.press(`[data-filter="all"]`)
		eval[bool](p, `(() => { const e = document.querySelector(".search"); e.value = "again"; e.dispatchEvent(new Event("input")); return true; })()`)
		p.until(rowsShown + `.map((row) => row.includes("/again")).join() === "true"`)
		eval[bool](p, `(() => { const e = document.querySelector(".search"); e.value = ""; e.dispatchEvent(new Event("input")); return true; })()`)
		p.until(rowsShown + `.length === 23`)
	})
	t.Run("and sorts", func(*testing.T) {
		p.press("name=Tries")
		p.press("name=Tries")
		p.until(rowsShown + `[0].includes("/again") && document.querySelectorAll("[aria-sort=descending]").length === 1`)
		p.press("name=#")
		p.until(rowsShown + `[0].startsWith("0")`)
	})
	t.Run("the bar tells attempts apart", func(*testing.T) {
		p.until(`[...document.querySelectorAll(".spacer .row")].find((row) => row.textContent.includes("/again")).querySelector("i.retrying, i.succeeded + i.succeeded")`)
	})
	t.Run("an item opens to its body and error", func(t *testing.T) {
		p.press(`.spacer .row[aria-rowindex="24"]`)
		p.shows("dialog.drawer", "look elsewhere")
		p.shows("dialog.drawer .facts", "Method\nGET")
		p.until(fmt.Sprintf(`document.querySelector(".facts a[rel~=noreferrer]").href === %q`, u.URL+"/gone"))
		p.shows("dialog.drawer", "http_status: the server answered 410")
		p.shows("dialog.drawer", "12345678901234567890")
		if depth := eval[int](p, `document.querySelectorAll("dialog details.json").length`); depth != 3 {
			t.Errorf("%d places fold, want 3", depth)
		}
		p.press("dialog details.json summary")
		p.until(`!document.querySelector("dialog details.json").open`)
		p.press("name=Previous")
		p.shows("dialog.drawer", "/missing")
		p.press("name=Close")
		p.until(`document.querySelector("dialog") === null`)
	})
	t.Run("its requests can be sent again from elsewhere", func(t *testing.T) {
		other := openTab(t, s.base, "/#/aggregations/"+id)
		other.until(rowsShown + `.length === 23 && !document.querySelector(".spacer .chip.loading")`)
		other.press("name=Run again")
		other.shows(".form .notice", "Only URLs, name and labels are known")
		other.shows(".form", "23 requests")
	})
	t.Run("results are there as files", func(t *testing.T) { p.downloads(t, id) })
}

// rowsShown are the texts of the rows of items, in the page.
const rowsShown = `[...document.querySelectorAll(".spacer .row:not([hidden])")].sort((a, b) => a.position - b.position).map((row) => row.innerText)`

// downloads takes all three files and holds them against the API.
func (p *tab) downloads(t *testing.T, id string) {
	dir := t.TempDir()
	_, err := chromedp.Run(p.ctx, func(ctx context.Context, _ *chromedp.Target) (chromedp.Void, error) {
		c := chromedp.FromContext(ctx)
		_, err := cdp.Call(ctx, c.Browser, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
			Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir, BrowserContextID: c.BrowserContextID,
		})
		return chromedp.Void{}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	for format, extension := range map[string]string{"JSON": "json", "NDJSON": "ndjson", "CSV": "csv"} {
		p.press("summary.button")
		p.press(fmt.Sprintf("[data-format=%s]", format))
		file := filepath.Join(dir, id+"."+extension)
		eventually(t, "the file of "+format+" is there", func() bool { info, err := os.Stat(file); return err == nil && info.Size() > 0 })
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		switch format {
		case "JSON":
			if agg := parseAggregation(t, content); len(agg.Results) != 23 {
				t.Errorf("%d results in the JSON", len(agg.Results))
			}
		case "NDJSON":
			lines := strings.Split(strings.TrimSpace(string(content)), "\n")
			if r := parseResult(t, []byte(lines[len(lines)-1])); len(lines) != 23 || r.Index != 22 || strings.Contains(string(content), "started_ms") {
				t.Errorf("%d lines of NDJSON, at last %+v", len(lines), r)
			}
		case "CSV":
			rows, err := csv.NewReader(strings.NewReader(string(content))).ReadAll()
			if err != nil || len(rows) != 24 || rows[0][0] != "index" || rows[23][0] != "22" || rows[23][4] != "410" || !strings.Contains(rows[23][11], "look elsewhere") {
				t.Fatalf("%d rows of CSV, %v, at last %q", len(rows), err, rows[max(0, len(rows)-1)])
			}
			if inside, formula, number := rows[23][11], rows[7][11], rows[8][11]; !strings.Contains(inside, `"big":12345678901234567890`) || formula != "'=1+1" || number != "-12345678901234567890" {
				t.Errorf("bodies in the CSV: %s, %s, %s", inside, formula, number)
			}
		}
	}
}

// TestConsole_Snippets holds the code beside the form against what the form sends.
func TestConsole_Snippets(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	p := openTab(t, s.base, "/")
	p.fill("URLs, one a line, or JSON", u.URL+"/it's/{1..2}")
	p.fill("Method", "POST")
	p.fill("Concurrency", "2")
	p.fill("Deadline", "1m30s")
	p.fill("Attempts", "5")
	p.fill("Headers", "X-One: a \"quoted\" value\nX-Two: b")
	p.fill("Body", `{"n": [1, 12345678901234567890]}`)
	p.fill("Attempt timeout", "1500ms")
	p.fill("Name", "snippets")
	p.fill("Labels", "team: search")
	p.shows("pre.code", `"team":"search"`)
	curl := p.text("pre.code")
	p.press(`[role=tab]:nth-child(2)`)
	p.shows("pre.code", "client.New(")
	program := eval[string](p, `document.querySelector("pre.code").textContent`)
	p.press("name=Send")
	p.watched()
	p.ends("succeeded")
	var body []byte
	for _, r := range p.sent("/v1/aggregations") {
		for _, entry := range r.PostDataEntries {
			body = append(body, entry.Bytes...)
		}
	}
	if sent, told := compactJSON(t, string(body)), compactJSON(t, curlJSON(t, curl)); sent != told {
		t.Errorf("the form sends %s\nand curl would send %s", sent, told)
	}
	formatted, err := format.Source([]byte(program))
	if err != nil || string(formatted) != program {
		t.Errorf("gofmt makes of the program (%v):\n%s\nwhich is\n%s", err, formatted, program)
	}
	for _, part := range []string{
		`"X-One": "a \"quoted\" value"`, `json.RawMessage("{\"n\":[1,12345678901234567890]}")`, "new(5)", "90 * time.Second", "1500 * time.Millisecond", u.URL + "/it's/2", `"POST"`,
	} {
		if !strings.Contains(program, part) {
			t.Errorf("%s is not in\n%s", part, program)
		}
	}
	for i, r := range u.requests("") {
		if r.method != http.MethodPost || r.header.Get("X-One") != `a "quoted" value` || string(r.body) != `{"n":[1,12345678901234567890]}` {
			t.Errorf("request %d: %s with %q and %s", i, r.method, r.header, r.body)
		}
	}
}

// curlJSON has a shell read the command, and returns what curl would be given after --json.
func curlJSON(tb testing.TB, command string) string {
	tb.Helper()
	out, err := exec.Command("sh", "-c", `curl() { while [ "$1" != --json ]; do shift; done; printf %s "$2"; }; `+command).Output()
	if err != nil {
		tb.Fatalf("%s: %v", command, err)
	}
	return string(out)
}

func compactJSON(tb testing.TB, text string) string {
	tb.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		tb.Fatalf("%q: %v", text, err)
	}
	compact, _ := json.Marshal(value)
	return string(compact)
}
