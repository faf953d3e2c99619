package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"strings"

	"gather"
	"gather/internal/panics"
)

// fail answers with the problem that err is. Where the answer has begun, or the
// client is gone, it cuts the connection: half an answer must not look whole.
func (a *API) fail(ctx context.Context, w http.ResponseWriter, err error) {
	x := exchangeOf(ctx)
	if x.request.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
	p, internal := problemOf(err)
	if internal || x.committed() {
		level := slog.LevelError
		if !internal {
			level = slog.LevelDebug
		}
		a.log.Log(ctx, level, "request failed", "error", err, "route", x.route, "request_id", x.id)
	}
	if x.committed() {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	maps.Copy(h, p.header)
	if errors.Is(err, gather.ErrTooManyOpen) {
		h.Add("RateLimit", noneOpen)
	}
	if allow := h.Get("Allow"); strings.Contains(allow, http.MethodGet) {
		h.Set("Allow", allow+", "+http.MethodHead)
	}
	writeJSON(w, p.Status, problemType, p)
}

// cutOff is for a panic in a layer above the handlers: nobody knows how far the answer
// has come. net/http would log the panic with its value.
func (a *API) cutOff(ctx context.Context) {
	v := recover()
	if v == nil {
		return
	}
	if v != http.ErrAbortHandler { //nolint:errorlint // net/http compares it this way, too
		a.logError(ctx, "request cut off", panics.New(v))
	}
	panic(http.ErrAbortHandler)
}

// logError is for what goes wrong without changing the answer.
func (a *API) logError(ctx context.Context, what string, err error) {
	a.log.ErrorContext(ctx, what, "error", err, "request_id", exchangeOf(ctx).id)
}

// writeJSON writes v. A client that is gone is nobody to tell of an error.
func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
}

// recovered turns panics into errors, but for the one that cuts the connection.
func recovered(do func() error) (err error) {
	defer func() {
		if v := recover(); v == http.ErrAbortHandler { //nolint:errorlint // net/http compares it this way, too
			panic(v)
		} else if v != nil {
			err = panics.New(v)
		}
	}()
	return do()
}
