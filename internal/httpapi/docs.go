package httpapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
)

// The page and its style are one file each for who reads them, and one answer for who gets them.
var (
	//go:embed reference/page.html
	referencePage string
	//go:embed reference/style.css
	referenceStyle string

	referenceTemplate = template.Must(template.New("page").Parse(referencePage))
)

// serveReference makes a page of the document. It needs no script, and nothing from
// elsewhere: it works wherever the API does.
func (a *API) serveReference(doc *huma.OpenAPI) {
	policy := referencePolicy()
	answer := made(htmlType+"; charset=utf-8", func() ([]byte, error) {
		var page bytes.Buffer
		err := referenceTemplate.Execute(&page, newReference(doc))
		return page.Bytes(), err
	})
	a.echo.GET(routeDocs, func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cache-Control", "no-cache")
		return answer(c)
	})
}

// referencePolicy lets the page have its own style, an icon that is none, and nothing else.
func referencePolicy() string {
	sum := sha256.Sum256([]byte(referenceStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src data:; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// Style is the page's style, as it is.
func (*reference) Style() template.CSS { return template.CSS(referenceStyle) } //nolint:gosec // part of the binary
