package wire_test

import (
	"net/url"
	"testing"

	"github.com/sonde-media/sonde/internal/wire"
)

func TestNormalize(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"https://CDN.Example:8443/A", "https://cdn.example:8443/A"},
		{"https://bücher.example/x", "https://xn--bcher-kva.example/x"},
		{"https://BÜCHER.example:81/", "https://xn--bcher-kva.example:81/"},
		{"http://１２７。0。0。1/", "http://127.0.0.1/"}, // which the guard must see as an address
		{"http://a_b.example/", "http://a_b.example/"},
		{"http://a.example./", "http://a.example./"},
		{"http://[2001:DB8::1]/", "http://[2001:db8::1]/"},
		{"http://[2001:DB8::1]:81/", "http://[2001:db8::1]:81/"},
		{"http://[fe80::1%25Eth0]/", "http://[fe80::1%25Eth0]/"},
		{"ftp://a.example/", ""},
		{"http:///x", ""},
		{"http://a.example:0/", ""},
		{"http://a.example:65536/", ""},
		{"http://a\u200db\u0301\u0338.example/", ""},
	} {
		u, err := url.Parse(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if err := wire.Normalize(u); (err != nil) != (c.want == "") || err == nil && u.String() != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.in, u, err, c.want)
		}
	}
}
