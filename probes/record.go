package probes

import (
	"net/url"
	"strings"
)

// RecordURL returns u as it may be recorded: without user info and fragment,
// every query value REDACTED, as OpenTelemetry's conventions for url.full have
// it, and the keys kept in their order. Where all is true only the fragment is
// left out. Private feeds and signed URLs carry secrets.
func RecordURL(u *url.URL, all bool) string {
	c := *u
	c.Fragment, c.RawFragment = "", ""
	if all {
		return c.String()
	}
	c.User = nil
	c.Opaque = c.Opaque[strings.LastIndexByte(c.Opaque, '@')+1:] // as in http:user@host
	c.RawQuery = redactQuery(c.RawQuery)
	return c.String()
}

func redactQuery(query string) string {
	if query == "" {
		return ""
	}
	parts := strings.Split(query, "&")
	for i, p := range parts {
		if key, _, hasValue := strings.Cut(p, "="); hasValue {
			parts[i] = key + "=" + Redacted
		} else if p != "" {
			parts[i] = Redacted // a value without a key, such as a bare token
		}
	}
	return strings.Join(parts, "&")
}

// RecordURLText is RecordURL for a URL in text; one that can't be parsed is
// recorded up to its query only.
func RecordURLText(rawURL string, all bool) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return head(rawURL)
	}
	return RecordURL(u, all)
}

// head is what may be recorded of a URL that can't be read: no query, and
// nothing of what may be user info, which may hold an @ itself.
func head(rawURL string) string {
	if i := strings.IndexAny(rawURL, "?#"); i >= 0 {
		rawURL = rawURL[:i]
	}
	return rawURL[strings.LastIndexByte(rawURL, '@')+1:]
}
