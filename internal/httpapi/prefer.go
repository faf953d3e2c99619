package httpapi

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// preferences are what a client would like, by RFC 7240: asked for, never demanded.
type preferences struct {
	// wait is how long the client would be held; meaningful only if waits is set.
	wait  time.Duration
	waits bool
	// async tells that the client would rather come back than wait.
	async bool
}

// parsePrefer reads Prefer headers. Preferences that are unknown or make no
// sense are passed over, and of one that is given twice the first counts.
func parsePrefer(headers []string) (p preferences) {
	seen := make(map[string]bool)
	for _, header := range headers {
		for element := range elements(header, ',') {
			element, _ = cutUnquoted(element, ';') // the parameters mean nothing here
			name, value, ok := parsePreference(element)
			if !ok || seen[name] {
				continue
			}
			seen[name] = true
			switch name {
			case "wait":
				p.wait, p.waits = parseSeconds(value)
			case "respond-async":
				p.async = true
			}
		}
	}
	return p
}

// parsePreference reads token [ BWS "=" BWS word ].
func parsePreference(s string) (name, value string, ok bool) {
	name, value, given := strings.Cut(s, "=")
	name = strings.ToLower(strings.Trim(name, " \t"))
	if !isToken(name) {
		return "", "", false
	}
	value = strings.Trim(value, " \t")
	if strings.HasPrefix(value, `"`) {
		value, ok = unquote(value)
		return name, value, ok
	}
	return name, value, value == "" || given && isToken(value)
}

// parseSeconds reads delta-seconds (RFC 9111, section 1.2.2): digits only, and
// as long as can be where there are too many.
func parseSeconds(s string) (time.Duration, bool) {
	if s == "" || digits(s) != len(s) {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > int64(math.MaxInt64/time.Second) {
		return math.MaxInt64, true
	}
	return time.Duration(n) * time.Second, true
}

// elements splits a header's list; separators within quotes are none.
func elements(s string, separator byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for s != "" {
			var element string
			element, s = cutUnquoted(s, separator)
			if !yield(strings.Trim(element, " \t")) {
				return
			}
		}
	}
}

func cutUnquoted(s string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == separator && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// unquote reads a quoted-string (RFC 9110, section 5.6.4).
func unquote(s string) (string, bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case '"':
			return b.String(), i == len(s)-1
		case '\\':
			if i++; i == len(s) {
				return "", false
			}
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		alphanumeric := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		return !alphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	})
}
