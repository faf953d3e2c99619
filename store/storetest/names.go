package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"gather"
)

// odd are texts that could upset keys, scripts, patterns or JSON.
var odd = []string{
	`"`, `\`, `\"`, "{", "}", "{}", "{all}", "}{", "\n", "\r\n", "\t", "\x00", "\x7f", " ",
	`,"status":"failed"`, `","status":"succeeded","x":"`, "1\n2\n3\n4", "%", "%d", "%1", "%s(.-)$", "[^\n]*",
	"null", "true", "-1", "1e309", "<script>&amp;</script>", "\u2028\u2029", "ü", "日本語", "😀", "\ufeff", "\u202e",
	`'; return redis.call("FLUSHALL")--`, "]]", strings.Repeat("long ", 50),
}

// secret must never be where people look.
const secret = "hunter2"

func secretSpec() *gather.Spec {
	return &gather.Spec{
		Concurrency: 1,
		Requests: []gather.Request{
			{
				URL:     "https://user:" + secret + "@example.com/path?token=" + secret + "&plain=" + secret + "#" + secret,
				Headers: map[string]string{"Authorization": secret}, BodyText: secret,
			},
			{URL: "https://" + secret + "@example.com/next?%74oken=" + secret, Method: "post", BodyText: secret},
		},
	}
}

func (s suite) names(t *testing.T) {
	s.test(t, "with odd characters survive", func(f *fixture) {
		spec := &gather.Spec{Name: strings.Join(odd, " "), Labels: map[string]string{}}
		for i, text := range odd {
			spec.Labels[fmt.Sprint(i)+text] = text
			spec.Requests = append(spec.Requests, gather.Request{
				URL: "https://example.com/?q=" + text, Key: fmt.Sprint(i) + text,
				Headers: map[string]string{"X-Odd": text}, BodyText: text,
			})
		}
		id, handedOut := f.running(spec)
		if agg := f.get(id); agg.Name != spec.Name || !maps.Equal(agg.Labels, spec.Labels) {
			f.Errorf("name %q, labels %q", agg.Name, agg.Labels)
		}
		for i, claim := range f.claim(id, handedOut...) {
			r := spec.Requests[i]
			if claim.Request.BodyText != r.BodyText || claim.Request.Headers["X-Odd"] != r.BodyText || claim.Request.URL != r.URL || claim.Request.Key != r.Key {
				f.Errorf("item %d: %+v", i, claim.Request)
			}
			if strings.Contains(claim.Fetch, "\n") {
				f.Errorf("item %d: fetches %q", i, claim.Fetch)
			}
			if i%2 == 0 { // the others are closed by a script
				f.record(id, gather.Result{
					Index: i, Key: r.Key, URL: r.URL, Status: gather.ItemSucceeded, ContentType: r.BodyText, Attempts: 1,
				})
			}
		}
		f.cancel(id)
		results := f.results(id)
		if len(results) != len(odd) {
			f.Fatalf("%d results", len(results))
		}
		for i, r := range results {
			want := gather.ItemCanceled
			if i%2 == 0 {
				want = gather.ItemSucceeded
			}
			if r.Index != i || r.URL != spec.Requests[i].URL || r.Key != spec.Requests[i].Key || r.Status != want {
				f.Errorf("item %d: %+v", i, r)
			}
		}
	})
	s.test(t, "that are no ids of ours are of nothing, and touch no key", func(f *fixture) {
		real, _ := f.running(specOf(1))
		before := f.keys("")
		for _, id := range append([]string{
			"", "agg_", real + "}", "{" + real, real + ":requests", real + "\n", " " + real, "all", "{all}:index", real[:len(real)-1],
			"agg_8" + real[5:], "agg_*", "../" + real, strings.TrimPrefix(real, "agg_"), real + real,
		}, odd...) {
			f.nothing(id)
		}
		if after := f.keys(""); !slices.Equal(before, after) {
			f.Errorf("keys %q became %q", before, after)
		}
	})
	s.test(t, "of what is fetched tell no secret", func(f *fixture) {
		id, handedOut := f.running(secretSpec())
		want := "GET https://example.com/path?token=***&plain=***"
		if handedOut[0].Fetch != want {
			f.Errorf("fetches %q, want %q", handedOut[0].Fetch, want)
		}
		restarted, err := f.store.Restart(f.ctx, id, handedOut[0])
		f.check("restart", err)
		claims := f.claim(id, restarted...)
		next := f.record(id, gather.Result{Index: 0, Status: gather.ItemFailed}).Next
		if len(claims) != 1 || len(next) != 1 || next[0].Fetch != "POST https://example.com/next?%74oken=***" {
			f.Fatalf("claims %+v, next %+v", claims, next)
		}
		for _, text := range []string{restarted[0].Fetch, claims[0].Fetch, next[0].Fetch, strings.Join(f.keys(""), " ")} {
			if strings.Contains(text, secret) {
				f.Errorf("%q tells the secret", text)
			}
		}
	})
}

// nothing checks that every operation says that there is nothing under the id.
func (f *fixture) nothing(id string) {
	f.Helper()
	item := gather.Subtask{Start: 1}
	_, get := f.store.Get(f.ctx, id)
	_, wait := f.store.Wait(f.ctx, id, time.Hour, nil)
	_, cancel := f.store.Cancel(f.ctx, id)
	_, retry := f.store.Retry(f.ctx, id)
	remove := f.store.Delete(f.ctx, id)
	_, read := f.store.Read(f.ctx, id)
	var follow error
	for _, follow = range f.store.Follow(f.ctx, id, 0) {
		continue
	}
	for name, err := range map[string]error{
		"get": get, "wait": wait, "cancel": cancel, "retry": retry, "delete": remove, "read": read, "follow": follow,
	} {
		if !errors.Is(err, gather.ErrNotFound) {
			f.Errorf("%s of %q: %v", name, id, err)
		}
	}
	if plan, err := f.store.Begin(f.ctx, id, gather.Room{}); plan != nil || err != nil {
		f.Errorf("begin of %q: %+v, %v", id, plan, err)
	}
	if claims, err := f.store.Claim(f.ctx, id, []gather.Claim{{Subtask: item, Holder: theHolder}}); len(claims) > 0 || err != nil {
		f.Errorf("claim of %q: %+v, %v", id, claims, err)
	}
	if recorded, err := f.store.Record(f.ctx, id, []gather.Result{succeeded(0)}); err != nil || recorded.First > 0 {
		f.Errorf("record of %q: %+v, %v", id, recorded, err)
	}
	if err := f.store.Release(f.ctx, id, &gather.Claim{Subtask: item, Holder: theHolder}, 0); err != nil {
		f.Errorf("release of %q: %v", id, err)
	}
	if restarted, err := f.store.Restart(f.ctx, id, item); len(restarted) > 0 || err != nil {
		f.Errorf("restart of %q: %+v, %v", id, restarted, err)
	}
	if kept, err := f.store.Keep(f.ctx, id, []gather.Subtask{item}); kept > 0 || err != nil {
		f.Errorf("keep of %q: %d, %v", id, kept, err)
	}
	if visit, err := f.store.Visit(f.ctx, &gather.Round{}, id); err != nil || visit.Status != "" {
		f.Errorf("visit of %q: %+v, %v", id, visit, err)
	}
}
