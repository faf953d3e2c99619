package app

import (
	"context"

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
