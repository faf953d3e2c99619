package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium is the one browser of all tests; each has a profile of its own in it.
var chromium = struct {
	mu    sync.Mutex
	ctx   context.Context
	close func()
}{close: func() {}}

// startChromium starts it where it does not run yet.
func startChromium(tb testing.TB) context.Context {
	tb.Helper()
	chromium.mu.Lock()
	defer chromium.mu.Unlock()
	if chromium.ctx != nil {
		return chromium.ctx
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.Flag("disable-component-update", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has none for root
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	chromium.close = func() { cancel(); stop() }
	if err := chromedp.Do(ctx); err != nil {
		chromium.close()
		chromium.close = func() {}
		tb.Fatalf("chromium does not start; scripts/need-chromium.sh installs it: %v", err)
	}
	chromium.ctx = ctx
	return ctx
}

// tab is a tab of the browser that looks at Gather. What a page must not do fails the test
// at its end: errors on the console, exceptions, requests to anybody else.
type tab struct {
	testing.TB
	ctx  context.Context
	base string

	mu       sync.Mutex
	requests []*network.Request
	faults   []string
	expected []string // parts of faults that the test brings about
}

// openTab opens a tab at an address of Gather, such as "/#/aggregations".
func openTab(tb testing.TB, base, address string) *tab {
	tb.Helper()
	ctx, cancel := chromedp.NewContext(startChromium(tb), chromedp.WithNewBrowserContext())
	p := &tab{TB: tb, ctx: ctx, base: base}
	tb.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900)); err != nil {
		tb.Fatal(err)
	}
	if err := chromedp.Listen(ctx, p.note); err != nil {
		tb.Fatal(err)
	}
	for _, err := range []error{
		command(p, log.Enable, cdp.Empty{}), command(p, network.Enable, network.EnableParams{}), command(p, runtime.Enable, cdp.Empty{}),
	} {
		if err != nil {
			tb.Fatal(err)
		}
	}
	p.visit(address)
	tb.Cleanup(p.judge)
	return p
}

// command sends a command of the DevTools protocol.
func command[P, R any](p *tab, c cdp.Command[P, R], params P) error {
	_, err := chromedp.Run(p.ctx, func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, c, params) })
	return err
}

// note takes down what the page does.
func (p *tab) note(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request)
		if u := e.Request.URL; !strings.HasPrefix(u, p.base+"/") && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "blob:"+p.base+"/") {
			p.faults = append(p.faults, "a request to "+u)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			p.faults = append(p.faults, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			said, _ := json.Marshal(e.Args)
			p.faults = append(p.faults, fmt.Sprintf("console.%s(%s)", e.Type, said))
		}
	case *runtime.EventExceptionThrown:
		thrown, _ := json.Marshal(e.ExceptionDetails)
		p.faults = append(p.faults, "exception "+string(thrown))
	}
}

// expect lets a fault pass that the test brings about: the browser reports every answer that
// is an error.
func (p *tab) expect(part string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(p.expected, part)
}

func (p *tab) judge() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, fault := range p.faults {
		if !slices.ContainsFunc(p.expected, func(part string) bool { return strings.Contains(fault, part) }) {
			p.Errorf("the page: %s", fault)
		}
	}
	if len(p.requests) == 0 {
		p.Error("the page has asked for nothing, so the browser's events do not come")
	}
}

// sent are the requests of the page whose address contains the text.
func (p *tab) sent(part string) []*network.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []*network.Request
	for _, r := range p.requests {
		if strings.Contains(r.URL, part) {
			list = append(list, r)
		}
	}
	return list
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.Fatal(err)
	}
}

func (p *tab) visit(address string) {
	p.Helper()
	p.do(chromedp.Navigate(p.base + address))
}

// eval is the value of an expression in the page, or of the promise that it is.
func eval[T any](p *tab, expression string) T {
	p.Helper()
	value, err := tryEval[T](p, expression)
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return value
}

func tryEval[T any](p *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// until waits until an expression is true in the page.
func (p *tab) until(expression string) {
	p.Helper()
	deadline := time.Now().Add(patience)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		holds, err := tryEval[bool](p, "Boolean("+expression+")")
		if err == nil && holds {
			return
		}
		if time.Now().After(deadline) {
			text, _ := tryEval[string](p, `document.body.innerText.slice(0, 3000)`)
			p.Fatalf("not within %v: %s (%v); the page shows:\n%s", patience, expression, err, text)
		}
		time.Sleep(pause)
	}
}

// element is an expression for the first element that a CSS selector finds; "name=…" finds a
// button, link or summary by its text, and "label=…" a field by its label.
func element(selector string) string {
	kind, text, _ := strings.Cut(selector, "=")
	switch kind {
	case "name":
		return fmt.Sprintf(`[...document.querySelectorAll("button, a, summary")].filter((e) => e.checkVisibility()).find((e) => e.textContent.trim() === %q)`, text)
	case "label":
		return fmt.Sprintf(`[...document.querySelectorAll("label")].find((e) => e.textContent.trim() === %q)?.control`, text)
	}
	return fmt.Sprintf(`document.querySelector(%q)`, selector)
}

// whereItStays is the middle of an element, once it has not moved for three frames.
const whereItStays = `(async () => {
  for (let before = "", still = 0; ;) {
    const e = %s;
    e.scrollIntoView({ block: "center" });
    const r = e.getBoundingClientRect();
    const at = [r.x + r.width / 2, r.y + r.height / 2];
    still = before === at.join() ? still + 1 : 0;
    if (still === 3) { return at; }
    before = at.join();
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
})()`

// press clicks an element, once it is there to be clicked.
func (p *tab) press(selector string) {
	p.Helper()
	p.until(element(selector) + "?.checkVisibility() && !" + element(selector) + ".disabled")
	at := eval[[]float64](p, fmt.Sprintf(whereItStays, element(selector)))
	p.do(chromedp.MouseClickXY(at[0], at[1]))
}

// fill has a field hold the text, as if it were pasted.
func (p *tab) fill(label, text string) {
	p.Helper()
	p.until(element("label=" + label))
	encoded, _ := json.Marshal(text)
	eval[bool](p, fmt.Sprintf(`(() => { const e = %s; e.closest("details")?.setAttribute("open", ""); e.value = %s; e.dispatchEvent(new Event("input", { bubbles: true })); e.dispatchEvent(new Event("change", { bubbles: true })); return true; })()`, element("label="+label), encoded))
}

func (p *tab) keys(keys string, modifiers ...chromedp.Modifier) {
	p.Helper()
	p.do(chromedp.KeyEvent(keys, chromedp.KeyModifiers(modifiers...)))
}

func (p *tab) text(selector string) string {
	p.Helper()
	return eval[string](p, element(selector)+"?.innerText ?? ''")
}

// shows waits until an element contains the text.
func (p *tab) shows(selector, text string) {
	p.Helper()
	p.until(fmt.Sprintf(`%s?.innerText.includes(%q)`, element(selector), text))
}

// prefers has the system prefer a colour scheme.
func (p *tab) prefers(scheme string) {
	p.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
	if err := command(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		p.Fatal(err)
	}
}

// compose fills in the URLs, sends, and returns the id of the aggregation that is shown then.
func (p *tab) compose(urls string) (id string) {
	p.Helper()
	p.fill("URLs, one a line, or JSON", urls)
	p.press("name=Send")
	return p.watched()
}

// watched is the id of the aggregation that is shown, once one is.
func (p *tab) watched() (id string) {
	p.Helper()
	p.until(`location.hash.startsWith("#/aggregations/agg_") && document.querySelector(".aggregation .chip")?.textContent`)
	address, err := url.Parse(eval[string](p, "location.href"))
	if err != nil {
		p.Fatal(err)
	}
	return strings.TrimPrefix(address.Fragment, "/aggregations/")
}

// ends waits until the page says how the aggregation has ended.
func (p *tab) ends(status string) {
	p.Helper()
	p.until(fmt.Sprintf(`document.querySelector(".panel.head .chip")?.textContent === %q`, status))
}

// countShown is a count at the top of an aggregation.
func (p *tab) countShown(name string) string {
	p.Helper()
	return p.text(".counts ." + name + " b")
}
