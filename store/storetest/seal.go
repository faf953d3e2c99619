package storetest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"gather"
	"gather/store"
)

// keyOf is a key to seal with.
func keyOf(b byte) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(b)), 32)))
}

// sealing is another process on the same Redis, with these keys.
func (f *fixture) sealing(keys ...string) *fixture {
	f.Helper()
	keyring, err := store.NewKeyring(keys)
	f.check("keyring", err)
	other := *f
	other.store = store.NewWith(f.rdb, f.timing).SealWith(keyring)
	f.cleanup(other.store.Close)
	return &other
}

func (s suite) seal(t *testing.T) {
	spec := secretSpec()
	s.test(t, "keeps all but the URL from Redis, and not from workers", func(f *fixture) {
		f = f.sealing(keyOf('a'))
		spec := &gather.Spec{}
		for i := range 600 { // more than a chunk, and in batches
			spec.Requests = append(spec.Requests, gather.Request{
				URL: urlOf(i), Method: "PUT", Key: fmt.Sprint("item ", i), Headers: map[string]string{"Authorization": secret}, BodyText: secret,
			})
		}
		id, handedOut := f.running(spec)
		for key, held := range f.everything() {
			if strings.Contains(held, secret) {
				f.Errorf("%s holds the secret", key)
			}
		}
		claims := f.claim(id, handedOut...)
		if len(claims) != len(spec.Requests) {
			f.Fatalf("%d claims", len(claims))
		}
		for i := range claims {
			if c := &claims[i]; c.Unreadable != nil || !reflect.DeepEqual(c.Request, spec.Requests[c.Index]) {
				f.Errorf("claimed %+v", c)
			}
		}
		f.cancel(id)
		if results := f.results(id); results[599].URL != urlOf(599) || results[599].Key != "item 599" {
			f.Errorf("the last result is %+v", results[599])
		}
	})
	s.test(t, "outlives a change of keys", func(f *fixture) {
		old, both, young := f.sealing(keyOf('a')), f.sealing(keyOf('b'), keyOf('a')), f.sealing(keyOf('b'))
		first, items := old.running(spec)
		if claims := both.claim(first, items...); claims[0].Unreadable != nil || claims[0].Request.BodyText != secret {
			f.Errorf("of the old key: %+v", claims[0])
		}
		next, items := both.running(spec)
		if claims := young.claim(next, items...); claims[0].Unreadable != nil || claims[0].Request.BodyText != secret {
			f.Errorf("of the new key: %+v", claims[0])
		}
		plain, items := f.running(spec)
		if claims := young.claim(plain, items...); claims[0].Unreadable != nil || claims[0].Request.BodyText != secret {
			f.Errorf("of no key: %+v", claims[0])
		}
	})
	s.test(t, "tells who lacks the key, and takes the client's retry", func(f *fixture) {
		sealed := f.sealing(keyOf('a'))
		id, items := sealed.running(spec)
		claim := f.claim(id, items...)[0]
		if claim.Unreadable == nil || claim.Unreadable.Code != gather.CodeProxyConfigurationError || claim.Request.URL != spec.Requests[0].URL || claim.Request.BodyText != "" {
			f.Fatalf("without the key: %+v", claim)
		}
		next := f.record(id, gather.Result{Index: 0, URL: claim.Request.URL, Status: gather.ItemFailed, Error: claim.Unreadable}).Next
		f.claim(id, next...)
		f.record(id, gather.Result{Index: 1, Status: gather.ItemFailed})
		f.retry(id)
		if claims := sealed.claim(id, f.begin(id).Subtasks...); claims[0].Unreadable != nil || claims[0].Request.BodyText != secret {
			f.Errorf("retried: %+v", claims)
		}
	})
	s.test(t, "tells a process that starts which key it needs", func(f *fixture) {
		none, old, young, both := f, f.sealing(keyOf('a')), f.sealing(keyOf('b')), f.sealing(keyOf('b'), keyOf('a'))
		for _, step := range []struct {
			announces *fixture
			knows     []*fixture
			lacks     []*fixture
		}{
			{none, []*fixture{none, old, young, both}, nil},
			{old, []*fixture{old, both}, []*fixture{none, young}},
			{both, []*fixture{both, young}, []*fixture{none, old}},
		} {
			f.check("announce", step.announces.store.AnnounceKey(f.ctx))
			for i, p := range step.knows {
				if err := p.store.CheckKey(f.ctx); err != nil {
					f.Errorf("%d: %v", i, err)
				}
			}
			for i, p := range step.lacks {
				if err := p.store.CheckKey(f.ctx); !errors.Is(err, store.ErrKeyMissing) || !strings.Contains(err.Error(), "--secret-key") {
					f.Errorf("%d lacks a key: %v", i, err)
				}
			}
		}
		f.check("garble", f.rdb.Set(f.ctx, "gather:{all}:sealed-with", "nonsense", 0).Err())
		if err := both.store.CheckKey(f.ctx); !errors.Is(err, store.ErrKeyMissing) {
			f.Errorf("of a key that is none: %v", err)
		}
	})
}

// everything is what Redis holds, by key.
func (f *fixture) everything() map[string]string {
	f.Helper()
	all := make(map[string]string)
	for _, key := range f.keys("") {
		var held any
		var err error
		switch kind := f.rdb.Type(f.ctx, key).Val(); kind {
		case "string":
			held, err = f.rdb.Get(f.ctx, key).Result()
		case "list":
			held, err = f.rdb.LRange(f.ctx, key, 0, -1).Result()
		case "zset":
			held, err = f.rdb.ZRangeWithScores(f.ctx, key, 0, -1).Result()
		case "hash":
			held, err = f.rdb.HGetAll(f.ctx, key).Result()
		default:
			f.Errorf("%s is a %s, which nobody looks into", key, kind)
		}
		f.check("read "+key, err)
		all[key] = fmt.Sprint(held)
	}
	return all
}
