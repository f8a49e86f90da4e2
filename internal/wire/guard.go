package wire

import (
	"fmt"
	"net/netip"
)

// refused lists what is not the public internet (IANA's special-purpose
// registries, RFC 6890 and successors). Documentation prefixes lead nowhere
// and are left to fail by themselves.
var refused = networks(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
	"172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15",
	"224.0.0.0/4", "240.0.0.0/4",
	"::/128", "::1/128", "64:ff9b:1::/48", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)

// embeds lists IPv6 prefixes whose addresses carry an IPv4 address that the
// packet may end at, and the byte at which it stands.
var embeds = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("::/96"), 12},           // IPv4-compatible, RFC 4291
	{netip.MustParsePrefix("::ffff:0:0/96"), 12},   // IPv4-mapped, RFC 4291
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12}, // IPv4-translated, RFC 2765
	{netip.MustParsePrefix("64:ff9b::/96"), 12},    // NAT64, RFC 6052
	{netip.MustParsePrefix("2002::/16"), 2},        // 6to4, RFC 3056
}

func networks(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		list[i] = netip.MustParsePrefix(t)
	}
	return list
}

// guard says why a must not be gone to, nil where it may.
func guard(a netip.Addr) error {
	plain := a.WithZone("")
	for _, p := range refused {
		if p.Contains(plain) {
			return fmt.Errorf("%s is in %s, which is not public", a, p)
		}
	}
	for _, e := range embeds {
		if !e.prefix.Contains(plain) {
			continue
		}
		b := plain.As16()
		inner, _ := netip.AddrFromSlice(b[e.at : e.at+4])
		if err := guard(inner); err != nil {
			return fmt.Errorf("%s leads to IPv4: %w", a, err)
		}
	}
	return nil
}
