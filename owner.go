package gather

import "context"

type ownerKey struct{}

// WithOwner returns a context whose bearer acts for the owner: what it makes is the
// owner's, and it finds nothing that is not. An owner is a name that several API keys
// may share, so that one of them can take another's place.
func WithOwner(ctx context.Context, owner string) context.Context {
	return context.WithValue(ctx, ownerKey{}, owner)
}

// OwnerOf is the owner that the bearer of ctx acts for. "" stands for nobody in
// particular, who finds all: a worker, or any client of an API without keys.
func OwnerOf(ctx context.Context) string {
	owner, _ := ctx.Value(ownerKey{}).(string)
	return owner
}
