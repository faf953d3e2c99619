package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"gather"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
)

type listInput struct {
	Status string   `query:"status" enum:"queued,running,succeeded,partial,failed,canceled" doc:"Only those that stand so."`
	Labels []string `query:"label,explode" doc:"key:value; only those with this label. May be repeated: all must match." example:"[\"team:search\"]"`
	Limit  int      `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Aggregations on a page."`
	Cursor string   `query:"cursor" maxLength:"512" doc:"next_cursor of the page before."`

	labels map[string]string
}

// Resolve reads the labels, from the query itself: huma drops them all where the first is empty.
func (in *listInput) Resolve(c huma.Context) []error {
	in.Labels = humaecho.Unwrap(c).QueryParams()["label"]
	in.labels = make(map[string]string, len(in.Labels))
	var faults []error
	for _, label := range in.Labels {
		key, value, ok := strings.Cut(label, ":")
		other, taken := in.labels[key]
		switch {
		case !ok || key == "":
			faults = append(faults, &huma.ErrorDetail{Location: "query.label", Message: "must be key:value"})
		case taken && other != value:
			faults = append(faults, &huma.ErrorDetail{Location: "query.label", Message: "asks for two values of the same key, which no aggregation has"})
		}
		in.labels[key] = value
	}
	return faults
}

// page is one page of a list.
type page struct {
	Items      []gather.Aggregation `json:"items" doc:"The newest first, without results."`
	NextCursor string               `json:"next_cursor" doc:"Cursor of the next page; empty on the last."`
}

func (a *API) list(ctx context.Context, w http.ResponseWriter, in *listInput) error {
	found, err := a.store.List(ctx, gather.Filter{Status: gather.Status(in.Status), Labels: in.labels}, in.Cursor, in.Limit)
	if err != nil {
		return err
	}
	p := page{Items: make([]gather.Aggregation, len(found.Items)), NextCursor: found.Next}
	for i := range found.Items {
		p.Items[i] = summarized(&found.Items[i])
	}
	w.Header().Set("Cache-Control", "private, no-cache")
	if found.Next != "" {
		w.Header().Set("Link", "<"+in.next(found.Next)+`>; rel="next"`)
	}
	writeJSON(w, http.StatusOK, "application/json", p)
	return nil
}

// next is the address of the page after: the same filters from the cursor on.
func (in *listInput) next(cursor string) string {
	q := url.Values{"cursor": {cursor}, "limit": {strconv.Itoa(in.Limit)}}
	if in.Status != "" {
		q.Set("status", in.Status)
	}
	if len(in.Labels) > 0 {
		q["label"] = in.Labels
	}
	return "/v1/aggregations?" + q.Encode()
}
