package httpapi

import "github.com/labstack/echo/v4"

// serveMonitor has the monitor answer whatever is below its path: its page, its files
// and its own API, errors included.
func (a *API) serveMonitor() {
	if a.opt.Monitor == nil {
		return
	}
	monitor := echo.WrapHandler(a.opt.Monitor)
	a.echo.Any(routeMonitor, monitor)
	a.echo.Any(routeMonitor+"/*", monitor)
}
