package page

import (
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// site is the registrable domain of a host (publicsuffix.org), which those of
// one owner have in common; the host itself where it has none.
func site(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(host)); err == nil {
		return domain
	}
	return host
}

// sameSite reports whether a and b are of one registrable domain.
func sameSite(a, b *url.URL) bool { return site(a.Hostname()) == site(b.Hostname()) }

// leaves reports whether the target asks to leave what is at u, an asset of
// page.
func (o Options) leaves(page, u *url.URL) bool {
	for _, pattern := range o.Ignore {
		pattern, host := strings.ToLower(pattern), strings.ToLower(u.Hostname())
		below, wild := strings.CutPrefix(pattern, "*")
		if host == pattern || wild && strings.HasSuffix(host, below) {
			return true
		}
	}
	return o.FirstPartyOnly && !sameSite(page, u)
}
