package e2e

import (
	"strings"
	"testing"
)

// openLinked opens a tab whose way to Gather can be cut.
func openLinked(t *testing.T, s *system) (*tab, *link) {
	t.Helper()
	way := newLinkTo(t, strings.TrimPrefix(s.base, "http://"))
	p := openTab(t, "http://"+way.proxy.Listen, "/")
	p.expect("net::ERR_") // what the browser says of a connection that is cut
	p.until(`document.querySelector("form")`)
	return p, way
}

// TestConsole_SendAgain loses the answers to what was sent. Sent again, it is not made again.
func TestConsole_SendAgain(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	p, way := openLinked(t, s)
	heard := way.withoutAnswers()
	p.fill("URLs, one a line, or JSON", u.URL+"/{1..3}")
	p.press("name=Send")
	p.shows(".form .notice.bad", "can't be reached")
	heard()
	p.press("name=Send")
	id := p.watched()
	p.ends("succeeded")
	if all := s.listAll(t); len(all) != 1 || !all[id] {
		t.Errorf("%d aggregations were made: %v", len(all), all)
	}
	p.visit("/")
	if next := p.compose(u.URL + "/{1..3}"); next == id {
		t.Error("what was sent with success can't be sent anew")
	}
	p.ends("succeeded")
}

// TestConsole_BeginsCut opens an aggregation while the server can't be reached.
func TestConsole_BeginsCut(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	open := u.gate("/held")
	id := s.create(t, object{"urls": u.urls("/a", "/held")}).ID
	u.sees(t, "/held", 1)
	p, way := openLinked(t, s)
	way.cut()
	eval[bool](p, `Boolean(location.hash = "#/aggregations/`+id+`")`)
	p.shows(".live", "connection lost")
	way.mend()
	p.shows(".live", "live")
	p.until(`document.querySelector('.spacer .row[aria-rowindex="3"] .chip').textContent === "fetching"`)
	open()
	p.ends("succeeded")
}

// TestConsole_DeleteCut fails to delete an aggregation, and goes on watching it.
func TestConsole_DeleteCut(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	open := u.gate("/held")
	p, way := openLinked(t, s)
	p.compose(u.URL + "/held")
	p.shows(".live", "live")
	way.cut()
	p.press("name=Delete")
	p.press("dialog .danger")
	p.shows(".aggregation .notice", "can't be reached")
	way.mend()
	p.shows(".live", "live")
	open()
	p.ends("succeeded")
}
