package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// page is one page of the list.
type page struct {
	Items      []aggregation `json:"items"`
	NextCursor string        `json:"next_cursor"`
}

func (c *client) list(tb testing.TB, query string) (page, http.Header) {
	tb.Helper()
	a := c.get(tb, http.StatusOK, aggregations+query)
	var p page
	mustDecodeStrictly(tb, a.body, &p)
	return p, a.header
}

func testList(t *testing.T, s *system) {
	u := newUpstream(t)
	u.on("/fails", fails(http.StatusNotFound))
	label := "list:" + strings.ReplaceAll(t.Name(), "/", "_")
	var ids []string
	for i := range 7 {
		urls := u.urls("/a")
		if i%3 == 0 {
			urls = u.urls("/fails")
		}
		key, value, _ := strings.Cut(label, ":")
		agg := s.run(t, object{"urls": urls, "labels": object{key: value, "kind": []string{"even", "odd"}[i%2]}})
		ids = append([]string{agg.ID}, ids...) // the newest first
	}
	t.Run("pages hold everything once, the newest first", func(t *testing.T) {
		var got []string
		query := "?limit=3&label=" + label
		for pages := 1; ; pages++ {
			p, header := s.list(t, query)
			for _, agg := range p.Items {
				got = append(got, agg.ID)
				if agg.Results != nil {
					t.Errorf("%s is listed with its results", agg.ID)
				}
			}
			if p.NextCursor == "" {
				if link := header.Get("Link"); link != "" || pages != 3 {
					t.Errorf("page %d is the last, with Link %q", pages, link)
				}
				break
			}
			link, next, _ := strings.Cut(header.Get("Link"), ">; ")
			if next != `rel="next"` || !strings.Contains(link, p.NextCursor) {
				t.Fatalf("Link = %q", header.Get("Link"))
			}
			query = strings.TrimPrefix(link, "<"+aggregations)
		}
		if strings.Join(got, " ") != strings.Join(ids, " ") {
			t.Errorf("listed %v, want %v", got, ids)
		}
	})
	t.Run("filters", func(t *testing.T) {
		for query, want := range map[string]int{
			"":                              7,
			"&status=failed":                3,
			"&status=succeeded":             4,
			"&status=canceled":              0,
			"&label=kind:even":              4,
			"&label=kind:odd&status=failed": 1,
			"&label=kind:none":              0,
			"&label=kind:even&limit=200":    4,
			"&status=succeeded&label=kind:even&limit=200": 2,
		} {
			if p, _ := s.list(t, "?label="+label+query); len(p.Items) != want {
				t.Errorf("%q lists %d, want %d", query, len(p.Items), want)
			}
		}
	})
	t.Run("what makes no sense is refused", func(t *testing.T) {
		for query, location := range map[string]string{
			"?status=done":  "query.status",
			"?limit=0":      "query.limit",
			"?limit=x":      "query.limit",
			"?limit=100000": "query.limit",
			"?cursor=x":     "query.cursor",
			"?label=x":      "query.label",
		} {
			p := s.get(t, http.StatusUnprocessableEntity, aggregations+query).problem(t)
			if len(p.Errors) != 1 || p.Errors[0].Location != location {
				t.Errorf("%s: errors = %+v, want one at %s", query, p.Errors, location)
			}
		}
	})
	t.Run("what is deleted is not listed", func(t *testing.T) {
		s.do(t, http.StatusNoContent, http.MethodDelete, path(ids[0]), nil)
		if p, _ := s.list(t, "?label="+label); len(p.Items) != 6 || p.Items[0].ID != ids[1] {
			t.Errorf("%d are listed", len(p.Items))
		}
	})
}
