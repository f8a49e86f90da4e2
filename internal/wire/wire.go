// Package wire does one network operation as one step: resolve, connect,
// handshake, exchange, drain. Redirects are its own loop, one hop step each:
//
//	hop
//	├─ dns       resolve.go
//	├─ connect   connect.go, one an address tried; guard.go says where we don't go
//	├─ tls       handshake.go; verify.go judges the chain, revoke.go what is stapled to it
//	├─ request   exchange.go, to the first byte of the answer
//	└─ body      body.go
//
// Every operation fails with exactly one code, chosen where it happens.
package wire

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// DefaultUserAgent says that a bot asks and where to read about it. Operators
// set their own with a contact of theirs.
const DefaultUserAgent = "Mozilla/5.0 (compatible; SondeBot/1.0; +https://example.org/contact)"

// DefaultRedirects is how many redirects are followed: as many as Android's
// Media3 and OkHttp follow.
const DefaultRedirects = 20

// Options are choices that hold for all that a Net does.
type Options struct {
	Resolver     string         // host:port of the DNS server to ask; "": the system's
	Sources      []netip.Addr   // local addresses to bind to, at most one of each family
	Roots        *x509.CertPool // nil: the system's
	AllowPrivate bool           // go to private and loopback addresses too
	UserAgent    string         // "": DefaultUserAgent, with Contact in it
	Contact      string         // where the operator is reached, for the default agent string; "": nowhere
	Redirects    int            // followed at most; 0: DefaultRedirects
	Stores       []Store        // further trust stores, each with a verdict of its own
	Limits       Limits         // what hosts are asked for at most

	// Now is the time by which certificates and other dates that hosts tell are
	// judged: an agent whose clock is off corrects it here. nil: time.Now.
	Now func() time.Time
}

// A Store is a named set of roots that some clients trust, such as those of an
// old version of Android.
type Store struct {
	Name  string
	Roots *x509.CertPool
}

// A Net does network operations. It is safe for concurrent use.
type Net struct {
	o      Options
	choice Choices
	trust  *verifier // shared by all copies
	ledger *ledger   // shared by all copies
	others *sync.Map // of targets with other choices, by these; shared by all copies
	visit  *visit    // of the run, nil outside one
}

// New returns a Net with o. It fails where the resolver is no host:port, the
// sources are several of one family, the contact is no URL or a limit is none.
func New(o Options) (*Net, error) {
	if o.Resolver != "" {
		if _, _, err := net.SplitHostPort(o.Resolver); err != nil {
			return nil, fmt.Errorf("resolver %q: want host:port", o.Resolver)
		}
	}
	families := map[bool]bool{}
	for _, a := range o.Sources {
		if families[a.Unmap().Is4()] {
			return nil, fmt.Errorf("source %s: only one address of each family can be bound to", a)
		}
		families[a.Unmap().Is4()] = true
	}
	if o.Contact != "" {
		if err := CheckContact(o.Contact); err != nil {
			return nil, fmt.Errorf("contact: %w", err)
		}
		o.UserAgent = cmp.Or(o.UserAgent, UserAgent(o.Contact))
	}
	if err := o.Limits.Check(); err != nil {
		return nil, fmt.Errorf("limits: %w", err)
	}
	o.UserAgent = cmp.Or(o.UserAgent, DefaultUserAgent)
	if o.Redirects == 0 {
		o.Redirects = DefaultRedirects
	}
	return &Net{o: o, others: new(sync.Map), ledger: newLedger(o.Limits), trust: newVerifier(o)}, nil
}

// Renewed is [New] for a process that has used n so far: what hosts were asked
// for today still counts against their budgets, and their Retry-After is kept.
func (n *Net) Renewed(o Options) (*Net, error) {
	next, err := New(o)
	if err != nil {
		return nil, err
	}
	next.ledger = n.ledger.under(o.Limits)
	return next, nil
}

// Now is the time that what hosts say of dates is judged by; see Options.Now.
func (n *Net) Now() time.Time {
	if n.o.Now == nil {
		return time.Now()
	}
	return n.o.Now()
}

// A Request is what to fetch.
type Request struct {
	URL         string      // absolute, http or https
	Header      http.Header // besides User-Agent and Accept-Encoding; may be nil
	Method      string      // "" is GET; HEAD asks for no body
	Since       Validators  // of what is known already: a 304 is then an answer
	Sink        io.Writer   // takes the inflated body as it comes, all of it up to the limit; may be nil
	Range       string      // such as "bytes=0-65535"; the bytes are then asked for as they are, never compressed
	Keep        int64       // bytes of the inflated body to keep
	Limit       int64       // bytes of the inflated body to read at most, past which stands the finding body_size; 0: Keep
	StopAtKeep  bool        // end without a finding when Keep bytes have come
	LargeOK     bool        // past Limit the finding is a notice: what came is enough to judge by
	EmptyOK     bool        // an empty body is an answer too
	RecordQuery bool        // record URLs unredacted
}

// Validators tell one version of a document from another (RFC 9110 §8.8).
type Validators struct {
	ETag, LastModified string // header values; "" where there is none
}

// A Response is what came in the end, after redirects.
type Response struct {
	URL      *url.URL // of the last hop
	Status   int      // 304 where nothing changed since Request.Since
	Header   http.Header
	Body     []byte        // the first Keep bytes, inflated
	Size     int64         // bytes read, inflated
	Complete bool          // the body was read to its end
	Hops     int           // 1 where nothing redirected
	Hop      *probes.Step  // the last hop
	Kept     time.Duration // from the begin of the fetch until all of Body was there

	begin time.Time
}

// stage holds the codes that every stage has for what can befall all of them.
type stage struct{ timeout, reset, other probes.Code }

// failure classifies what any operation may meet: our own lack, time, reset.
func (st stage) failure(ctx context.Context, err error) error {
	if f, ok := errors.AsType[*probes.Failure](err); ok { // said already, such as that a budget is used up
		return f
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return probes.Fail(probes.Canceled, ctx.Err())
	case isLocal(err):
		return probes.Fail(probes.LocalResources, err)
	case isTimeout(err) || errors.Is(ctx.Err(), context.DeadlineExceeded):
		return probes.Fail(st.timeout, timeoutText(err))
	case isReset(err):
		return probes.Fail(st.reset, ended(err))
	}
	return probes.Fail(st.other, err)
}

// ended says in words that the other side ended the connection. The system's
// text has a port of ours, which would make each run's failure another.
func ended(err error) error {
	op, ok := err.(*net.OpError) // one that is wrapped has a text besides
	switch {
	case ok && op.Op != "dial" && errors.Is(err, syscall.ECONNRESET):
		return &quoting{"the server reset the connection", err}
	case err == io.EOF:
		return &quoting{"the server closed the connection without an answer (EOF)", err}
	}
	return err
}

// timeoutText says what a deadline means to a person.
func timeoutText(err error) error {
	if text, ok := strings.CutSuffix(err.Error(), context.DeadlineExceeded.Error()); ok {
		return errors.New(text + "nothing came in the time there was")
	}
	return err
}

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && ne.Timeout()
}
