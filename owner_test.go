package gather_test

import (
	"context"
	"testing"

	"gather"
)

func TestOwnerOf(t *testing.T) {
	ctx := t.Context()
	if owner := gather.OwnerOf(ctx); owner != "" {
		t.Errorf("a bare context acts for %q", owner)
	}
	ctx = gather.WithOwner(ctx, "search")
	if owner := gather.OwnerOf(context.WithoutCancel(ctx)); owner != "search" {
		t.Errorf("acts for %q, want search", owner)
	}
	if owner := gather.OwnerOf(gather.WithOwner(ctx, "")); owner != "" {
		t.Errorf("acts for %q, want nobody in particular", owner)
	}
}
