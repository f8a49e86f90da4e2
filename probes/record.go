package probes

import (
	"net/url"
	"strings"
)

// RecordURL returns u as it may be recorded: without user info and fragment,
// every query value REDACTED, as OpenTelemetry's conventions for url.full have it, and the keys kept in their order; whole where all
// is true. Private feeds and signed URLs carry secrets.
func RecordURL(u *url.URL, all bool) string {
	c := *u
	c.Fragment, c.RawFragment = "", ""
	if all {
		return c.String()
	}
	c.User = nil
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
		head, _, _ := strings.Cut(rawURL, "?")
		if _, rest, ok := strings.Cut(head, "@"); ok {
			head = rest
		}
		return head
	}
	return RecordURL(u, all)
}
