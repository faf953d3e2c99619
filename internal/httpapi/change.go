package httpapi

import (
	"context"
	"net/http"
)

// idInput is the path of one aggregation.
type idInput struct {
	ID string `path:"id" doc:"The aggregation's id."`
}

// cancel ends the aggregation and answers with the results that it got so far.
func (a *API) cancel(ctx context.Context, w http.ResponseWriter, in *idInput) error {
	if _, err := a.store.Cancel(ctx, in.ID); err != nil {
		return err
	}
	reading, err := a.store.Read(ctx, in.ID)
	if err != nil {
		return err
	}
	return writeWithResults(ctx, w, http.StatusOK, http.Header{"Cache-Control": {"no-store"}}, reading)
}

// retry has the failed and canceled items run again.
func (a *API) retry(ctx context.Context, w http.ResponseWriter, in *idInput) error {
	agg, err := a.store.Retry(ctx, in.ID)
	if err != nil {
		return err
	}
	a.run(ctx, agg)
	return writeAccepted(w, http.Header{"Cache-Control": {"no-store"}}, agg)
}

// delete removes the aggregation; one that runs is canceled by it.
func (a *API) delete(ctx context.Context, w http.ResponseWriter, in *idInput) error {
	if err := a.store.Delete(ctx, in.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
