package httpapi

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path/filepath"

	"github.com/labstack/echo/v4"
)

// The console is one page (web/index.html) and the modules and styles that it is made of.
// Nothing of it is secret: what it shows it asks the API for, with the reader's key.

//go:embed web
var consoleFiles embed.FS

const (
	routeConsole = "/"
	// routeConsoleFiles is where the page's files are.
	routeConsoleFiles = "/console/*"
)

// consolePolicy is the page's Content-Security-Policy: it runs, shows and asks for what is
// served here, and nothing else.
const consolePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// consoleFile is one of the files, as it is sent.
type consoleFile struct {
	contentType, tag string
	content          []byte
}

// serveConsole has the page answer at /, and its files below /console/.
func (a *API) serveConsole() {
	files, err := readConsole()
	if err != nil {
		panic(err) // the files are part of the binary
	}
	page := files["index.html"]
	a.echo.GET(routeConsole, func(c echo.Context) error {
		c.Response().Header().Set("Content-Security-Policy", consolePolicy)
		return page.serve(c)
	})
	a.echo.GET(routeConsoleFiles, func(c echo.Context) error {
		file, found := files[c.Param("*")]
		if !found {
			return echo.ErrNotFound
		}
		return file.serve(c)
	})
}

// serve sends the file, unless the browser has it: it asks each time, so that a page never
// goes with the modules of another version.
func (f *consoleFile) serve(c echo.Context) error {
	h := c.Response().Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.tag)
	if tag, same := matchTag(c.Request().Header.Values("If-None-Match"), f.tag); same {
		h.Set("ETag", tag)
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(http.StatusOK, f.contentType, f.content)
}

// readConsole reads the files, by their paths below web.
func readConsole() (map[string]*consoleFile, error) {
	web, err := fs.Sub(consoleFiles, "web")
	if err != nil {
		return nil, err
	}
	files := make(map[string]*consoleFile)
	return files, fs.WalkDir(web, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(web, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		files[name] = &consoleFile{consoleType(name), `"` + hex.EncodeToString(sum[:8]) + `"`, content}
		return nil
	})
}

// consoleType is the Content-Type of a file, whatever the machine thinks of its name.
func consoleType(name string) string {
	return map[string]string{
		".html": "text/html; charset=utf-8",
		".css":  "text/css; charset=utf-8",
		".js":   "text/javascript; charset=utf-8",
		".svg":  "image/svg+xml",
	}[filepath.Ext(name)]
}
