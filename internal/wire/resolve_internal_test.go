package wire

import "testing"

func TestFault(t *testing.T) {
	for _, c := range []struct {
		what       string
		chain      []string
		zone, name string
		want       string
	}{
		{"no record in a zone", nil, "pod.example.", "cdn.pod.example.", "pod.example"},
		{"the zone itself", nil, "pod.example.", "pod.example.", "pod.example"},
		{"a domain that lapsed", nil, "com.", "feeds.pod.com.", "pod.com"},
		{"a domain that lapsed, below two labels", nil, "co.uk.", "feeds.pod.co.uk.", "pod.co.uk"},
		{"denied by the root", nil, ".", "feeds.pod.invalid.", "feeds.pod.invalid"},
		{"a customer of a CDN", nil, "cloudfront.net.", "d123.cloudfront.net.", "d123.cloudfront.net"},
		{"an alias that leads nowhere", []string{"a.cdn.example", "b.cdn.example"}, "cdn.example.", "pod.example.", "b.cdn.example"},
		{"nobody answered", nil, "", "feeds.pod.example.", "feeds.pod.example"},
		{"the word of another zone", nil, "other.example.", "feeds.pod.example.", "pod.example"},
	} {
		if got := fault(c.chain, c.zone, c.name); got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, got, c.want)
		}
	}
}
