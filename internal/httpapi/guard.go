package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"gather"

	"github.com/labstack/echo/v4"
)

// Keys are the API keys that are in force.
type Keys interface {
	// Owner tells whose the key is, and whether it is one.
	Owner(key string) (owner string, known bool)
	// Owners is how many owners there are.
	Owners() int
	// Ticket returns what Admits admits until the given time: for requests that
	// Gather sends to itself.
	Ticket(until time.Time) string
	Admits(ticket string) bool
}

// openRoutes are what anybody may ask for: what says how Gather is and how it is used,
// and the pages, which are nothing without a key. All other routes, also those that are
// added some day, want a key where there are any.
var openRoutes = []string{
	"/healthz", "/readyz", routeMetrics, "/openapi.json", "/openapi.yaml", routeDocs, routeConsole, routeConsoleFiles,
}

const (
	routeDocs    = "/docs"
	routeMetrics = "/metrics"
	routeMonitor = "/monitor"
)

// What the guard refuses whoever it is, and who has a key, but not this right.
var (
	errCrossOrigin = statusProblem(http.StatusForbidden, "a page of another origin may not send this through its reader's browser")
	errNotMonitor  = statusProblem(http.StatusForbidden, "the monitor is not open to the owner of this key; --monitor-owners says to whom it is")
)

// guard lets a request on to what answers it, on behalf of its owner, or refuses it
// before anything of its body is read.
func (a *API) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, h, route := c.Request(), c.Response().Header(), c.Path()
		if a.crossOrigin.Check(r) != nil {
			return errCrossOrigin
		}
		if slices.Contains(openRoutes, route) && (route != routeMetrics || !a.opt.GuardMetrics) {
			return next(c)
		}
		h.Set("Cache-Control", "no-store") // where the handler knows no better
		if slices.Contains(helloRoutes, route) && a.admitted(r) {
			return next(c)
		}
		owner, err := a.identify(r, route)
		if err != nil {
			return err
		}
		ctx := gather.WithOwner(r.Context(), owner)
		if counted(r, route) {
			if err := a.take(ctx, h); err != nil {
				return err
			}
		}
		c.SetRequest(r.WithContext(ctx))
		return next(c)
	}
}

func onMonitor(route string) bool { return route == routeMonitor || route == routeMonitor+"/*" }

// counted reports whether the request counts against its owner's rate. The monitor's
// page is made of many files, which cost Redis nothing.
func counted(r *http.Request, route string) bool {
	return !onMonitor(route) || strings.HasPrefix(r.URL.Path, routeMonitor+"/api/")
}

// identify returns the owner whose key the request brings; "" where there are no keys.
func (a *API) identify(r *http.Request, route string) (owner string, err error) {
	if a.opt.Keys == nil {
		return "", nil
	}
	key, given := bearerToken(r)
	if _, password, basic := r.BasicAuth(); basic && onMonitor(route) {
		key, given = password, true
	}
	owner, known := a.opt.Keys.Owner(key)
	switch {
	case !known:
		return "", unauthorized(given, onMonitor(route))
	case onMonitor(route) && len(a.opt.MonitorOwners) > 0 && !slices.Contains(a.opt.MonitorOwners, owner):
		return "", errNotMonitor
	}
	return owner, nil
}

// admitted reports whether the request was sent by Gather itself.
func (a *API) admitted(r *http.Request) bool {
	ticket, _ := bearerToken(r)
	return a.opt.Keys != nil && a.opt.Keys.Admits(ticket)
}

// bearerToken is the token of the one Authorization header (RFC 6750, section 2.1).
func bearerToken(r *http.Request) (token string, given bool) {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return "", len(headers) > 0
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", true
	}
	return strings.TrimLeft(token, " "), true
}

// unauthorized is the answer to a request without a key that is in force. The challenge
// says more only to who has tried (RFC 6750, section 3).
func unauthorized(tried, monitor bool) *problem {
	challenge, detail := `Bearer realm="gather"`, "this needs an API key; send it as Authorization: Bearer KEY"
	if tried {
		challenge += `, error="invalid_token"`
		detail = "this API key is none that is in force"
	}
	p := statusProblem(http.StatusUnauthorized, "%s", detail)
	p.header = http.Header{"Www-Authenticate": {challenge}}
	if monitor { // a browser asks for a name, which may be anything, and a password
		p.header.Add("WWW-Authenticate", `Basic realm="gather: an API key as the password", charset="UTF-8"`)
	}
	return p
}

// ownerLabel is the owner of a request in sentences for people.
func ownerLabel(ctx context.Context) string {
	if owner := gather.OwnerOf(ctx); owner != "" {
		return fmt.Sprintf("the owner %q", owner)
	}
	return "everybody together"
}
