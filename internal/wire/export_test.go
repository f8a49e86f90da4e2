package wire

import (
	"net"
	"net/http"
)

// Exchange sends r over c by HTTP/1.1 or HTTP/2.
func Exchange(c net.Conn, r *http.Request, two bool) (*http.Response, error) {
	if two {
		return http2Conn{c}.roundTrip(r)
	}
	return http1{c}.roundTrip(r)
}
