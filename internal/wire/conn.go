package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"

	"github.com/sonde-media/sonde/probes"
)

const maxHeaderBytes = 256 << 10

// errGone is the answer to a request for a further connection: a conn has one.
var errGone = errors.New("the connection has been used up")

// A conn speaks HTTP over one connection that was made step by step.
type conn struct {
	speaker
	wire  *watched
	h2    bool
	facts map[string]any // of peer and certificate, for hops that find it open
}

// A speaker knows HTTP of one version.
type speaker interface {
	// roundTrip sends r and returns the answer as soon as its header is there.
	roundTrip(r *http.Request) (*http.Response, error)
	io.Closer
}

// A watched connection tells when it has been closed. It stands below TLS,
// since a transport must see the *tls.Conn itself to know the protocol agreed.
type watched struct {
	net.Conn
	gone chan struct{}
	once sync.Once
}

func (w *watched) Close() error {
	w.once.Do(func() { close(w.gone) })
	return w.Conn.Close()
}

// open makes a connection to the origin of u, step by step below hop. With
// keep it may serve one request after another, with HTTP/2 several at once.
func (n *Net) open(ctx context.Context, hop *probes.Step, u *url.URL, keep bool) (*conn, error) {
	l, err := n.reach(ctx, hop, u)
	if err != nil {
		return nil, err
	}
	k := &conn{wire: l.wire}
	var c net.Conn = l.wire
	if l.tls != nil {
		k.h2 = l.tls.ConnectionState().NegotiatedProtocol == "h2"
		c = l.tls
	} else {
		hop.Find(probes.Note(probes.InsecureHTTP, u.Hostname(), "asked by plain http"))
	}
	switch {
	case keep:
		k.speaker = &kept{transport(c, l.wire)}
		k.facts = originFacts(hop)
	case k.h2:
		k.speaker = http2Conn{c}
	default:
		k.speaker = http1{c}
	}
	return k, nil
}

// originFacts are what hop has learnt of the origin it reached.
func originFacts(hop *probes.Step) map[string]any {
	facts := map[string]any{}
	for _, key := range append([]string{probes.AttrPeerAddress}, leafKeys...) {
		if v := hop.Text(key); v != "" {
			facts[key] = v
		}
	}
	return facts
}

// kept speaks over a connection that may serve one request after another.
type kept struct{ *http.Transport }

func (k *kept) roundTrip(r *http.Request) (*http.Response, error) { return k.RoundTrip(r) }

func (k *kept) Close() error {
	k.CloseIdleConnections()
	return nil
}

// transport returns one that never dials a connection besides c.
func transport(c net.Conn, w *watched) *http.Transport {
	once := make(chan net.Conn, 1)
	once <- c
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		select {
		case c := <-once:
			return c, nil
		case <-w.gone:
			return nil, errGone
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return &http.Transport{
		DialContext:            dial,
		DialTLSContext:         dial,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

// ended reports whether the connection has been closed, by either side.
func (k *conn) ended() bool {
	select {
	case <-k.wire.gone:
		return true
	default:
		return false
	}
}

// Close ends the connection and whatever waits for it.
func (k *conn) Close() {
	k.speaker.Close()
	k.wire.Close()
}
