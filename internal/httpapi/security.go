package httpapi

import (
	"maps"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// schemeBearer and schemeBasic name the ways in, in the document.
const (
	schemeBearer = "bearer"
	schemeBasic  = "basic"
)

var securitySchemes = map[string]*huma.SecurityScheme{
	schemeBearer: {Type: "http", Scheme: "bearer", Description: "An API key. Aggregations are seen by the owner of the key that made them alone."},
	schemeBasic:  {Type: "http", Scheme: "basic", Description: "An API key as the password, with any name: for the monitor, in a browser."},
}

var (
	headerChallenge = textHeader("How to get in (RFC 6750).", `Bearer realm="gather"`)
	headerPolicy    = textHeader("The limits of the key's owner, where there are any (draft-ietf-httpapi-ratelimit-headers).", `"requests";q=100;w=10`)
	headerRateLimit = textHeader("What the limits leave; t is the seconds until there is one more.", `"requests";r=99;t=1`)
)

// guarded documents what the guard does in front of an operation.
func (a *API) guarded(op huma.Operation) huma.Operation {
	bearer := map[string][]string{schemeBearer: {}}
	op.Security = []map[string][]string{bearer}
	if a.opt.Keys == nil {
		op.Security = append(op.Security, map[string][]string{}) // or none
	}
	meanings := map[int]string{
		http.StatusUnauthorized:    "There is no API key in the request, or none that is in force.",
		http.StatusTooManyRequests: "The owner of the key has sent too many requests, or has too many open aggregations.",
	}
	if op.Method != http.MethodGet {
		meanings[http.StatusForbidden] = "A page of another origin sent it through a browser."
	}
	maps.Copy(op.Responses, a.responses(nil, meanings))
	for _, response := range op.Responses {
		response.Headers["RateLimit-Policy"] = headerPolicy
		response.Headers["RateLimit"] = headerRateLimit
	}
	return op
}
