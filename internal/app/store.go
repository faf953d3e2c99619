package app

import (
	"context"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"gather/store"
)

// openStore returns a store on rdb that seals and opens requests with the keys, the
// ones that are in use there among them.
func openStore(ctx context.Context, rdb redis.UniversalClient, keys []string) (*store.Store, error) {
	keyring, err := store.NewKeyring(keys)
	if err != nil {
		return nil, err
	}
	s := store.New(rdb).SealWith(keyring)
	if err := s.CheckKey(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// warn tells the log which settings of Redis can lose accepted work; /readyz has the same.
// What starts beside a Redis that has just gone says nothing: the next call finds out.
func warn(ctx context.Context, s *store.Store, log *slog.Logger) {
	ready, err := s.Ready(ctx)
	if err != nil {
		return
	}
	for _, warning := range ready.Warnings {
		log.WarnContext(ctx, warning)
	}
}
