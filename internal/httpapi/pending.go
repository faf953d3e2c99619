package httpapi

import (
	"context"
	"net/http"
)

// pending answers with what is being fetched: what results and counts do not tell.
func (a *API) pending(ctx context.Context, w http.ResponseWriter, in *idInput) error {
	found, err := a.store.Pending(ctx, in.ID)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, "application/json", found)
	return nil
}
