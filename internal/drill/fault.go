package drill

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// A Kind is what goes wrong. It is the word that scenarios use.
type Kind string

// The kinds of faults.
const (
	// CertificateExpires lets edges serve, as soon as the fault is staged, a
	// certificate that ends when it begins: the expiry is a real one.
	CertificateExpires Kind = "certificate_expires"
	// ChainExpired serves a root along that has just expired.
	ChainExpired Kind = "chain_expired"
	// ChainShort leaves out the certificate by which clients with old roots
	// trust the chain.
	ChainShort Kind = "chain_short"

	// HTTPStatus answers every request with the status in Value.
	HTTPStatus Kind = "http_status"
	// HTTPReset resets the connection in place of an answer.
	HTTPReset Kind = "http_reset"
	// HTTPStall never answers.
	HTTPStall Kind = "http_stall"
	// HTTPSlow answers after Delay.
	HTTPSlow Kind = "http_slow"

	// DNSAnswer answers questions for the host with the response code in
	// Value and nothing else; 0, NOERROR, is a name without addresses. Of a
	// place that is an alias the alias is still told.
	DNSAnswer Kind = "dns_answer"
	// DNSSilent answers no question.
	DNSSilent Kind = "dns_silent"

	// Detour lets what redirects listeners do so through Via first.
	Detour Kind = "detour"
	// FeedEnclosures lists all enclosures by other URLs: through Via, none where
	// that is empty.
	FeedEnclosures Kind = "feed_enclosures"
	// FeedMixed serves the feed of Show under the URL of each.
	FeedMixed Kind = "feed_mixed"

	// RangeIgnored answers a range with the whole file.
	RangeIgnored Kind = "range_ignored"
	// RangeCompressed answers a range with one of compressed bytes.
	RangeCompressed Kind = "range_compressed"
	// BodyHTML answers 200 with a page in place of a file, under its type.
	BodyHTML Kind = "body_html"
	// BodyShort leaves out the last part of audio, and of its length.
	BodyShort Kind = "body_short"
)

var kinds = []Kind{
	CertificateExpires, ChainExpired, ChainShort, HTTPStatus, HTTPReset, HTTPStall, HTTPSlow, DNSAnswer, DNSSilent,
	Detour, FeedEnclosures, FeedMixed, RangeIgnored, RangeCompressed, BodyHTML, BodyShort,
}

// A Fault is something that goes wrong somewhere for a time. Of Hosts, Zone,
// Alias, CDN and Cert one says where; none of them is everywhere.
type Fault struct {
	Kind    Kind
	At, For time.Duration // from when on, after a begin that the stager names, and how long; 0: for ever
	On, Off time.Duration // it comes and goes; 0: it stays

	Hosts   []string
	Zone    string   // all hosts in it
	Alias   string   // all hosts that lead to it
	CDN     string   // all hosts behind it
	Cert    string   // all hosts that serve it
	Regions []string // whose edges or DNS have it; nil: all
	Edge    int      // which of a host's addresses in a region, from 1; 0: all
	Family  int      // 4 or 6: of IP; 0: both

	Share float64       // of requests that have it; 0: all
	Value int           // what else Kind says
	Delay time.Duration // of HTTPSlow
	Via   []string      // hosts
	Show  string
}

// value reads Value: a number, or the name of a DNS response code.
func (f *Fault) value(v string) error {
	if code, ok := dns.StringToRcode[v]; ok {
		f.Value = code
		return nil
	}
	n, err := strconv.Atoi(v)
	if f.Value = n; err != nil {
		return fmt.Errorf("want a number, or a DNS response code such as SERVFAIL; got %q", v)
	}
	return nil
}

// check says what is wrong with f in this world.
func (s *Scenario) check(f Fault) error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(!slices.Contains(kinds, f.Kind), "unknown kind; known are %v", kinds)
	for _, h := range slices.Concat(f.Hosts, f.Via) {
		wrong(s.hostAt(h) < 0, "host %q is not of this world", h)
	}
	for _, name := range f.Regions {
		wrong(!slices.ContainsFunc(s.Regions, func(g Region) bool { return g.Name == name }), "region %q is not of this world", name)
	}
	places := 0
	for _, named := range []bool{len(f.Hosts) > 0, f.Zone != "", f.Alias != "", f.CDN != "", f.Cert != ""} {
		if named {
			places++
		}
	}
	wrong(places > 1, "want one of host, zone, alias, cdn and cert")
	wrong(!slices.ContainsFunc(s.Hosts, f.covers), "there is no such place")
	wrong(f.Family != 0 && f.Family != 4 && f.Family != 6, "family: want 4 or 6")
	wrong((f.On > 0) != (f.Off > 0) || f.On < 0 || f.Off < 0, "on and off go together")
	wrong(f.For < 0, "for: want no negative time")
	return errors.Join(append(errs, s.checkKind(f))...)
}

func (s *Scenario) checkKind(f Fault) error {
	switch {
	case f.Kind == HTTPStatus && (f.Value < 200 || f.Value > 599):
		return fmt.Errorf("value: want a status from 200 to 599, got %d", f.Value)
	case f.Kind == DNSAnswer && (f.Value < 0 || f.Value > 15):
		return fmt.Errorf("value: want a response code from 0 to 15, got %d", f.Value)
	case f.Kind == HTTPSlow && f.Delay <= 0:
		return errors.New("delay is missing")
	case f.Kind == Detour && len(f.Via) == 0:
		return errors.New("via is missing")
	case f.Kind == FeedMixed && !slices.ContainsFunc(s.Shows, func(o Show) bool { return o.Name == f.Show }):
		return fmt.Errorf("there is no show %q", f.Show)
	}
	return nil
}

// covers reports whether h is a host of f's place.
func (f Fault) covers(h Host) bool {
	switch {
	case len(f.Hosts) > 0:
		return slices.Contains(f.Hosts, h.Name)
	case f.Zone != "":
		return h.Name == f.Zone || strings.HasSuffix(h.Name, "."+f.Zone)
	case f.Alias != "":
		return h.Alias == f.Alias
	case f.CDN != "":
		return h.CDN == f.CDN
	case f.Cert != "":
		return h.certName() == f.Cert
	}
	return true
}

// staged is a Fault that the world keeps.
type staged struct {
	Fault
	from, to time.Time                   // to is zero: for ever
	certs    map[string]*tls.Certificate // by name: one for all regions, as if one file was rolled out
}

// Inject stages f, whose times count from begin. Of several faults of one kind
// the last one holds.
func (w *World) Inject(f Fault, begin time.Time) error {
	if err := w.scenario.check(f); err != nil {
		return fmt.Errorf("inject %s: %w", f.Kind, err)
	}
	s := staged{Fault: f, from: begin.Add(f.At), certs: map[string]*tls.Certificate{}}
	if f.For > 0 {
		s.to = s.from.Add(f.For)
	}
	if err := w.reissue(&s); err != nil {
		return fmt.Errorf("inject %s: %w", f.Kind, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, s)
	return nil
}

// ExpireCertificate lets the edges of host in regions, nil for all, serve a
// certificate that ends at that second, while others serve a healthy one.
func (w *World) ExpireCertificate(host string, regions []string, at time.Time) error {
	return w.Inject(Fault{Kind: CertificateExpires, Hosts: []string{host}, Regions: regions}, at)
}

// fault returns the newest fault of a kind that holds at a place.
func (w *World) fault(kind Kind, e edge) (staged, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for _, f := range slices.Backward(w.faults) {
		if f.Kind == kind && f.hits(e) && f.holds(now) && (f.Share == 0 || rand.Float64() < f.Share) {
			return f, true
		}
	}
	return staged{}, false
}

func (f staged) hits(e edge) bool {
	return f.covers(e.host) && (f.Regions == nil || slices.Contains(f.Regions, e.region)) &&
		(f.Edge == 0 || e.number == 0 || f.Edge == e.number) && (f.Family == 0 || e.family() == 0 || f.Family == e.family())
}

func (f staged) holds(now time.Time) bool {
	switch {
	case !f.to.IsZero() && !now.Before(f.to):
		return false
	case f.Kind == CertificateExpires:
		return true
	case now.Before(f.from):
		return false
	}
	return f.On == 0 || now.Sub(f.from)%(f.On+f.Off) < f.On
}
