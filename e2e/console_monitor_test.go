package e2e

import (
	"net/http"
	"testing"
)

// TestMonitor_InBrowser opens asynq's dashboard, as the console's link does.
func TestMonitor_InBrowser(t *testing.T) {
	s, u := startEmbedded(t), newUpstream(t)
	u.on("/later", retryAfter("30", http.StatusServiceUnavailable))
	id := s.create(t, object{"urls": []string{u.URL + "/later?token=" + secret}}).ID
	u.sees(t, "/later", 1)
	p := openTab(t, s.base, "/monitor")
	p.expect("fonts.g") // asynq's page asks for fonts that its policy forbids
	for _, queue := range []string{"aggregations", "fetch-default"} {
		p.until(`[...document.querySelectorAll("a")].some((a) => a.textContent.trim() === "` + queue + `")`)
	}
	p.visit("/monitor/queues/fetch-default?status=scheduled")
	p.shows("body", "GET "+u.URL+"/later?token=***")
	s.do(t, http.StatusOK, http.MethodPost, path(id, "/cancel"), nil)
}
