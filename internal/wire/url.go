package wire

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// maxURL is how many bytes of a URL are sent; Apache and nginx take no more.
const maxURL = 8 << 10

// Normalize writes the host of u as DNS has it, in lower case and ASCII, so
// that one host has one name in records. It says what keeps us from asking u,
// nil where nothing does.
func Normalize(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("the scheme is %q, not http or https", clip(u.Scheme))
	case u.Hostname() == "":
		return errors.New("no host")
	case len(u.String()) > maxURL:
		return fmt.Errorf("longer than %d bytes, which servers refuse", maxURL)
	case port(u) == 0:
		return fmt.Errorf("%q is no port", clip(u.Port()))
	}
	name, err := hostName(u.Hostname())
	if err != nil {
		return fmt.Errorf("%q is no host name", clip(u.Hostname()))
	}
	if name == u.Hostname() {
		return nil
	}
	switch {
	case u.Port() != "":
		u.Host = net.JoinHostPort(name, u.Port())
	case strings.Contains(name, ":"):
		u.Host = "[" + name + "]"
	default:
		u.Host = name
	}
	return nil
}

// hostName is host in ASCII (RFC 5891). Names in ASCII already are held to
// nothing, since names with an underscore exist.
func hostName(host string) (string, error) {
	if strings.Contains(host, "%") { // an IPv6 zone, which tells cases apart
		return host, nil
	}
	for _, r := range host {
		if r > '~' {
			return idna.Lookup.ToASCII(host)
		}
	}
	return strings.ToLower(host), nil
}
