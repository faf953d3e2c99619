package httpapi

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"

	"gather"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
)

const (
	// bodyTimeout bounds the arrival of a body.
	bodyTimeout = 30 * time.Second
	// runTimeout bounds the handing over of an accepted aggregation.
	runTimeout = 5 * time.Second
)

const detailNotAccepted = "Redis is out of reach or refuses to write; nothing was accepted"

type createInput struct {
	IdempotencyKey string `header:"Idempotency-Key" minLength:"1" maxLength:"256" doc:"Makes the request safe to repeat: the same key with the same body within 24 h answers the first aggregation again, and nothing runs twice."`
	Body           createBody
}

// Resolve tells an empty key from none, which huma takes for the same.
func (in *createInput) Resolve(c huma.Context) []error {
	keys := humaecho.Unwrap(c).Request().Header.Values("Idempotency-Key")
	if len(keys) > 0 && keys[0] == "" {
		return []error{&huma.ErrorDetail{Location: "header.Idempotency-Key", Message: "must have 1 to 256 characters"}}
	}
	return nil
}

// create accepts an aggregation. From the moment that the store has it, the
// answer is that it is accepted, whatever happens afterwards.
func (a *API) create(ctx context.Context, w http.ResponseWriter, in *createInput) error {
	x := exchangeOf(ctx)
	_ = x.control.SetReadDeadline(time.Time{}) // the body is there: see setDeadlines
	prefs := parsePrefer(x.request.Header.Values("Prefer"))
	wait := a.clamped(prefs.wait)
	agg, replayed, err := a.store.Create(ctx, &gather.Creation{
		Spec: in.Body.spec, IdempotencyKey: in.IdempotencyKey, Fingerprint: in.Body.fingerprint,
		Waits: prefs.waits && wait > 0,
	})
	if errors.Is(err, gather.ErrUnavailable) && !errors.Is(err, gather.ErrOutcomeUnknown) {
		return &explained{err, detailNotAccepted}
	}
	if err != nil {
		return err
	}
	in.Body.spec = nil // may be large, and the wait long
	if !replayed || agg.Status == gather.StatusQueued {
		a.run(ctx, agg)
	}
	h := http.Header{"Cache-Control": {"no-store"}}
	if replayed {
		h.Set("Idempotent-Replayed", "true")
	}
	if prefs.waits {
		reading, err := a.outcome(ctx, agg, !replayed, wait)
		if err == nil {
			agg = reading.Aggregation
		}
		if err == nil && agg.Status.Finished() && ctx.Err() == nil {
			h.Set("Preference-Applied", applied(wait))
			if err = writeWithResults(ctx, w, http.StatusOK, h, reading); err == nil || x.committed() {
				return err
			}
			h.Del("Preference-Applied")
		}
		// The client must learn in any case that it is accepted. That there is no place
		// to wait is no fault: a preference may be passed over.
		if err != nil && !errors.Is(err, errBusy) {
			a.logError(ctx, "wait for an accepted aggregation", err)
		}
	}
	if prefs.async {
		h.Set("Preference-Applied", "respond-async")
	}
	return writeAccepted(w, h, agg)
}

// run has a worker take up the aggregation. Its failure is no reason to refuse
// what is stored: the watchdog finds it and starts it.
func (a *API) run(ctx context.Context, agg *gather.Aggregation) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), runTimeout)
	defer cancel()
	if err := a.queue.Run(ctx, agg); err != nil {
		a.logError(ctx, "start aggregation "+agg.ID, err)
	}
}

// outcome is the aggregation with its results, after the wait unless it has finished.
func (a *API) outcome(ctx context.Context, agg *gather.Aggregation, created bool, wait time.Duration) (*gather.Reading, error) {
	if agg.Status.Finished() {
		return a.store.Read(ctx, agg.ID)
	}
	return a.await(ctx, agg.ID, created, wait)
}

// writeAccepted answers 202: come back to Location.
func writeAccepted(w http.ResponseWriter, h http.Header, agg *gather.Aggregation) error {
	h.Set("Location", locationOf(agg.ID))
	h.Set("Retry-After", "1")
	return writeSummary(w, http.StatusAccepted, h, agg)
}

var errOnlyJSON = statusProblem(http.StatusUnsupportedMediaType, "send the body as Content-Type: application/json")

// jsonOnly refuses a body that is no plain JSON, or too large, before reading it.
func (a *API) jsonOnly(c huma.Context, next func(huma.Context)) {
	r := humaecho.Unwrap(c).Request()
	ctx, w := r.Context(), humaecho.Unwrap(c).Response()
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch coding := r.Header.Get("Content-Encoding"); {
	case r.Header.Get("Content-Type") != "" && (err != nil || mediaType != "application/json"):
		a.fail(ctx, w, errOnlyJSON)
	case coding != "" && !strings.EqualFold(coding, "identity"):
		p := statusProblem(http.StatusUnsupportedMediaType, "send the body without a Content-Encoding")
		p.header = http.Header{"Accept-Encoding": {"identity"}}
		a.fail(ctx, w, p)
	case r.ContentLength > a.opt.MaxBody:
		a.fail(ctx, w, tooLarge(a.opt.MaxBody))
	default:
		a.store.ExpectCreation(ctx)
		r.Header.Set("Content-Type", "application/json") // huma compares it letter by letter
		next(c)
	}
}
