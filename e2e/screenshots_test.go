package e2e

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// pictures is where make screenshots wants them; "" means not to take any.
var pictures = os.Getenv("GATHER_SCREENSHOTS")

// largestPicture keeps the repository small.
const largestPicture = 150_000 // bytes

// picture takes one of what is in sight.
func (p *tab) picture(name string) {
	p.Helper()
	shot, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.Fatal(err)
	}
	decoded, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		p.Fatal(err)
	}
	var packed bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&packed, reduced(decoded)); err != nil {
		p.Fatal(err)
	}
	if packed.Len() > largestPicture {
		p.Errorf("%s has %d bytes, want at most %d", name, packed.Len(), largestPicture)
	}
	if err := os.WriteFile(filepath.Join(pictures, "console-"+name+".png"), packed.Bytes(), 0o600); err != nil {
		p.Fatal(err)
	}
}

// reduced is the picture with fewer shades at the edges of letters, which nobody sees and
// which take most of the room.
func reduced(shot image.Image) image.Image {
	const frequent, step = 300, 16
	small := image.NewRGBA(shot.Bounds())
	draw.Draw(small, small.Rect, shot, shot.Bounds().Min, draw.Src)
	count := make(map[[3]uint8]int)
	for p := small.Pix; len(p) > 0; p = p[4:] {
		count[[3]uint8(p)]++
	}
	for p := small.Pix; len(p) > 0; p = p[4:] {
		if count[[3]uint8(p)] < frequent {
			for i := range 3 {
				p[i] = uint8(min(255, (int(p[i])+step/2)/step*step))
			}
		}
	}
	return small
}

// catalogue is an upstream whose pages take more or less long, some of which are missing,
// and some busy at first.
func catalogue(t *testing.T, pages int) *upstream {
	u := newUpstream(t)
	for i := range pages {
		answer := u.product(i, time.Duration(300+(i*i*37)%1900)*time.Millisecond)
		switch {
		case i%17 == 5:
			answer = fails(http.StatusNotFound)
		case i%11 == 3:
			answer = first(1, fails(http.StatusServiceUnavailable), answer)
		}
		u.on(fmt.Sprintf("/products/%d", i), answer)
	}
	return u
}

// product answers after a while with something to read.
func (u *upstream) product(i int, after time.Duration) http.HandlerFunc {
	body := fmt.Appendf(nil, `{"id": %d, "name": "Kettle No. %d", "in_stock": %t, "price": {"amount": %d.95, "currency": "EUR", "discount": null},
		"tags": ["kitchen", "steel"], "places": [{"city": "Hamburg", "pieces": %d}, {"city": "Lyon", "pieces": %d}]}`, 4700+i, i, i%3 != 0, 20+i, i%7, i%5)
	answer, slow := answerWith(http.StatusOK, "application/json", body), u.slow(after)
	return func(w http.ResponseWriter, r *http.Request) {
		slow(httptest.NewRecorder(), r)
		answer(w, r)
	}
}

// TestScreenshots takes the pictures of the documentation.
func TestScreenshots(t *testing.T) {
	if pictures == "" {
		t.Skip("make screenshots takes them")
	}
	s, u := startEmbedded(t), catalogue(t, 72)
	for _, name := range []string{"currency rates", "link check", "prices of partners"} {
		s.run(t, object{"name": name, "urls": u.numbered("/products/", 12), "labels": object{"team": "search"}})
	}
	p := openTab(t, s.base, "/")
	p.do(chromedp.EmulateViewport(1280, 860))
	p.prefers("light")
	p.fill("URLs, one a line, or JSON", u.URL+"/products/{0..71}")
	p.fill("Concurrency", "16")
	p.fill("Headers", "Accept: application/json")
	p.fill("Name", "nightly check of the catalogue")
	p.fill("Labels", "team: search")
	eval[bool](p, `(document.querySelector("details.more").open = false) || document.activeElement.blur() || true`)
	p.shows("pre.code", "/products/7")
	p.until(`document.querySelectorAll(".recent tbody tr").length === 3`)
	p.picture("compose")
	p.press("name=Send")
	id := p.watched()
	p.until(`Number(document.querySelector(".counts .succeeded b").textContent) >= 20`)
	p.picture("watch")
	p.ends("partial")
	p.prefers("dark")
	p.until(`matchMedia("(prefers-color-scheme: dark)").matches`)
	eval[bool](p, `window.dispatchEvent(new Event("resize"))`)
	p.press("name=Time")
	p.press("name=Time")
	p.press(`.spacer .row[aria-rowindex="4"]`)
	p.shows("dialog.drawer", "Body")
	p.picture("item")
	p.press("name=Close")
	p.visit("/#/aggregations")
	p.until(`document.querySelectorAll("tbody tr").length === 4`)
	p.picture("list")
	p.prefers("light")
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	p.visit("/#/aggregations/" + id)
	p.ends("partial")
	p.until(`document.querySelector(".spacer .row")?.getBoundingClientRect().height === 58 && !document.querySelector(".spacer .chip.loading")`)
	p.picture("phone")
}
