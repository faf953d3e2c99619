package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

// as is the fixture in the hands of an owner.
func (f *fixture) as(owner string) *fixture {
	other := *f
	other.ctx = gather.WithOwner(f.ctx, owner)
	return &other
}

// listedIDs are the ids of the first page.
func (f *fixture) listedIDs() []string {
	f.Helper()
	ids, _ := f.page(gather.Filter{}, "", 10)
	return ids
}

// ownLists are what is left of an owner in the keys of all aggregations together.
func (f *fixture) ownLists(owner string) (ids []string, owners map[string]string) {
	f.Helper()
	ids, err := f.rdb.ZRange(f.ctx, indexKey+":"+owner, 0, -1).Result()
	f.check("read the owner's index", err)
	owners, err = f.rdb.HGetAll(f.ctx, ownersKey).Result()
	f.check("read the owners", err)
	return ids, owners
}

// wantUnlisted waits until the watchdog has swept what is gone from the owner's lists.
func (f *fixture) wantUnlisted(owner string) {
	f.Helper()
	f.eventually("nothing is left on the owner's lists", func() bool {
		f.watchdog()
		ids, owners := f.ownLists(owner)
		return len(ids) == 0 && len(owners) == 0
	})
}

// sees reports which of the aggregations reading and listing show.
func (f *fixture) sees(all ...string) []string {
	f.Helper()
	var found []string
	for _, id := range all {
		_, err := f.store.Get(f.ctx, id)
		if err == nil {
			found = append(found, id)
		} else if !errors.Is(err, gather.ErrNotFound) {
			f.Errorf("get %s: %v", id, err)
		}
	}
	listed, _ := f.page(gather.Filter{}, "", 10)
	slices.Reverse(listed)
	if !slices.Equal(listed, found) {
		f.Errorf("listed %v, found %v", listed, found)
	}
	return found
}

func (s suite) owner(t *testing.T) {
	s.test(t, "alone sees what it made", func(f *fixture) {
		a, b := f.as("a"), f.as("b")
		before := f.create(specOf(1)).ID // as if from before there were keys
		one, two := a.create(specOf(1)), b.create(specOf(1))
		if one.Owner != "a" || two.Owner != "b" {
			f.Errorf("owners %q, %q", one.Owner, two.Owner)
		}
		all := []string{before, one.ID, two.ID}
		for who, want := range map[*fixture][]string{f: all, a: {one.ID}, b: {two.ID}, f.as("c"): nil} {
			if got := who.sees(all...); !slices.Equal(got, want) {
				f.Errorf("%q sees %v, want %v", gather.OwnerOf(who.ctx), got, want)
			}
		}
	})
	for name, make := range map[string]func(f *fixture) string{
		"alone can do anything with what runs":       func(f *fixture) string { id, _ := f.running(specOf(3)); return id },
		"alone can do anything with what has ended":  func(f *fixture) string { return f.finished(3, 1) },
		"alone can do anything with what is waiting": func(f *fixture) string { return f.create(specOf(3)).ID },
	} {
		s.test(t, name, func(f *fixture) {
			id := make(f.as("a"))
			before := f.dump(id)
			stranger := f.as("b")
			_, get := f.store.Get(stranger.ctx, id)
			_, read := f.store.Read(stranger.ctx, id)
			_, wait := f.store.Wait(stranger.ctx, id, time.Hour, nil) // returns at once
			_, cancel := f.store.Cancel(stranger.ctx, id)
			_, retry := f.store.Retry(stranger.ctx, id)
			remove := f.store.Delete(stranger.ctx, id)
			var follow error
			for _, follow = range f.store.Follow(stranger.ctx, id, 0) {
				continue
			}
			for operation, err := range map[string]error{
				"get": get, "read": read, "wait": wait, "cancel": cancel, "retry": retry, "delete": remove, "follow": follow,
			} {
				if !errors.Is(err, gather.ErrNotFound) {
					f.Errorf("%s by another: %v", operation, err)
				}
			}
			if after := f.dump(id); after != before {
				f.Errorf("what another tried changed it: %s became %s", before, after)
			}
			f.as("a").remove(id)
		})
	}
	s.test(t, "keeps it over a retry", func(f *fixture) {
		a := f.as("a")
		id := a.finished(2, 1)
		for _, who := range []*fixture{a, f} { // also without keys it stays the owner's
			if agg := who.retry(id); agg.Owner != "a" {
				f.Errorf("owner %q", agg.Owner)
			}
			f.cancel(id)
		}
		if got := a.sees(id); len(got) != 1 {
			f.Errorf("sees %v", got)
		}
	})
	s.test(t, "alone waits for what it has just made", func(f *fixture) {
		a := f.as("a")
		agg, _, err := f.store.Create(a.ctx, &gather.Creation{Spec: specOf(1), Waits: true})
		f.check("create", err)
		waited := make(chan gather.Status, 1)
		go func() {
			reading, err := f.store.Wait(a.ctx, agg.ID, time.Hour, nil)
			if err != nil {
				f.Errorf("wait: %v", err)
				close(waited)
				return
			}
			waited <- reading.Status
		}()
		for range 2 {
			if _, err := f.store.Wait(f.as("b").ctx, agg.ID, time.Hour, nil); !errors.Is(err, gather.ErrNotFound) {
				f.Errorf("another's wait: %v", err)
			}
		}
		f.begin(agg.ID)
		f.record(agg.ID, succeeded(0))
		if status := <-waited; status != gather.StatusSucceeded {
			f.Errorf("waited until it was %s", status)
		}
	})
	s.test(t, "costs nothing in a wait", func(f *fixture) {
		id := f.as("a").finished(1)
		wait := func(who *fixture) int {
			return f.commands(func() {
				_, err := f.store.Wait(who.ctx, id, time.Hour, nil)
				f.check("wait", err)
			})
		}
		wait(f) // Redis has the script now
		if nobody, owner := wait(f), wait(f.as("a")); owner != nobody {
			f.Errorf("%d commands for nobody in particular, %d for the owner", nobody, owner)
		}
	})
	s.test(t, "shares no idempotency key with another", func(f *fixture) {
		ids := make(map[string]bool)
		for _, who := range []*fixture{f, f.as("a"), f.as("b"), f.as("a\x00k")} {
			for i, fingerprint := range []string{"body of " + gather.OwnerOf(who.ctx), "body of " + gather.OwnerOf(who.ctx)} {
				agg, replayed, err := who.createWithKey("k", fingerprint, specOf(1))
				f.check("create", err)
				if replayed != (i == 1) {
					f.Errorf("%q: replayed %t", gather.OwnerOf(who.ctx), replayed)
				}
				ids[agg.ID] = true
			}
		}
		if len(ids) != 4 {
			f.Errorf("made %v", ids)
		}
	})
	s.test(t, "lists its own among very many of others, page by page", func(f *fixture) {
		a := f.as("a")
		var want []string
		for range 5 {
			want = append(want, a.create(specOf(1)).ID)
		}
		slices.Reverse(want)
		var others []redis.Z // newer than its own
		for i := range 10_500 {
			others = append(others, redis.Z{Member: fmt.Sprintf("agg_7%025d", i)})
		}
		f.check("fill the index", f.rdb.ZAdd(f.ctx, indexKey, others...).Err())
		var got []string
		for cursor, pages := "", 1; ; pages++ {
			ids, next := a.page(gather.Filter{}, cursor, 2)
			got = append(got, ids...)
			if cursor = next; next == "" {
				if pages != 3 {
					f.Errorf("%d pages", pages)
				}
				break
			}
		}
		if !slices.Equal(got, want) {
			f.Errorf("got %v, want %v", got, want)
		}
	})
	s.test(t, "learns nothing from another's cursor", func(f *fixture) {
		a, b := f.as("a"), f.as("b")
		older := a.create(specOf(1)).ID
		others := b.create(specOf(1)).ID
		a.create(specOf(1))
		for _, cursor := range []string{others, others[:len(others)-1] + "0"} { // one that is there, and one that is not
			if ids, next := a.page(gather.Filter{}, cursor, 10); !slices.Equal(ids, []string{older}) || next != "" {
				f.Errorf("%v, next %q", ids, next)
			}
		}
	})
	s.timed(t, "has nothing on its lists of what is gone", hasty, func(f *fixture) {
		a := f.as("a")
		spec := specOf(1)
		spec.Retention = gather.After(20 * time.Millisecond)
		deleted, ended, canceled := a.create(spec).ID, a.create(spec).ID, a.create(spec).ID
		a.remove(deleted)
		f.begin(ended)
		f.record(ended, succeeded(0))
		a.cancelFleeting(canceled)
		f.wantUnlisted("a")
	})
}

// dump is all that is stored of the aggregation.
func (f *fixture) dump(id string) string {
	f.Helper()
	all := make(map[string]any)
	for _, key := range f.keys(id) {
		kind, err := f.rdb.Type(f.ctx, key).Result()
		f.check("type of "+key, err)
		switch kind {
		case "hash":
			all[key], err = f.rdb.HGetAll(f.ctx, key).Result()
		case "list":
			all[key], err = f.rdb.LRange(f.ctx, key, 0, -1).Result()
		case "zset":
			all[key], err = f.rdb.ZRangeWithScores(f.ctx, key, 0, -1).Result()
		case "string":
			all[key], err = f.rdb.Get(f.ctx, key).Result()
		default:
			f.Fatalf("%s is a %s", key, kind)
		}
		f.check("read "+key, err)
	}
	return fmt.Sprint(all)
}
