package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
)

// canaries are texts that are nowhere else in the world, one for each place of what a
// client sends that may hold a secret. Where one is found it has leaked.
type canaries struct {
	header, cookie, body, bodyText string // kept from everyone but the upstream
	user, password, query          string // shown in a result's url alone, as sent
	idempotency, apiKey, stray     string // shown nowhere: stray is where nothing belongs
}

func newCanaries() *canaries {
	of := func(place string) string { return "canary" + place + rand.Text()[:10] }
	return &canaries{
		header: of("Header"), cookie: of("Cookie"), body: of("Body"), bodyText: of("BodyText"),
		user: of("User"), password: of("Password"), query: of("Query"),
		idempotency: of("Idempotency"), apiKey: of("ApiKey"), stray: of("Stray"),
	}
}

// hidden are the canaries that must be nowhere but where the request itself is stored.
func (c *canaries) hidden() []string { return []string{c.header, c.cookie, c.body, c.bodyText} }

// ofURL are the canaries that results show.
func (c *canaries) ofURL() []string { return []string{c.user, c.password, c.query} }

// ofNobody are the canaries that no one has to keep.
func (c *canaries) ofNobody() []string {
	basic := base64.StdEncoding.EncodeToString([]byte(c.user + ":" + c.password))
	return []string{c.idempotency, c.apiKey, c.stray, basic}
}

// in lists the canaries of the lists that the text holds.
func in(text string, lists ...[]string) []string {
	var found []string
	for _, list := range lists {
		for _, canary := range list {
			if strings.Contains(text, canary) {
				found = append(found, canary)
			}
		}
	}
	return found
}

// all lists every canary in the text.
func (c *canaries) all(text string) []string { return in(text, c.hidden(), c.ofURL(), c.ofNobody()) }

// url is the address with a canary in userinfo and query.
func (c *canaries) url(address string) string {
	return strings.Replace(address, "://", "://"+c.user+":"+c.password+"@", 1) + "?token=" + c.query + "&" + c.query
}

// request is a request with a canary in every place.
func (c *canaries) request(address string, more object) object {
	r := object{
		"url":     c.url(address),
		"method":  "POST",
		"headers": object{"Authorization": "Bearer " + c.header, "X-Api-Key": c.header, "Cookie": "session=" + c.cookie, "Idempotency-Key": c.header},
		"body":    object{"password": c.body},
		"retry":   object{"max_attempts": 2, "min_backoff": "1ms", "max_backoff": "1ms"},
		"timeout": "50s",
	}
	for name, value := range more {
		r[name] = value
	}
	if r["body_text"] != nil {
		delete(r, "body")
	}
	return r
}
