package drill

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Kind is what goes wrong. It is the word that scenarios use.
type Kind string

// The kinds of faults.
const (
	// CertificateExpires lets an edge serve, as soon as the fault is known, a
	// certificate that ends at From: the expiry is a real one.
	CertificateExpires Kind = "certificate_expires"
	// HTTPStatus answers every request with the status in Value.
	HTTPStatus Kind = "http_status"
	// HTTPReset resets the connection in place of an answer.
	HTTPReset Kind = "http_reset"
	// DNSAnswer answers questions for the host with the response code in
	// Value and nothing else; 0, NOERROR, is a name without addresses.
	DNSAnswer Kind = "dns_answer"
)

// A Fault is something that goes wrong at one host.
type Fault struct {
	Kind    Kind
	Host    string
	Regions []string  // whose edges or DNS have it; nil: all
	From    time.Time // zero: at once
	To      time.Time // when it is mended; zero: never
	Value   int       // what else Kind says
}

// fault is a Fault as the world keeps it.
type fault struct {
	Fault
	cert *tls.Certificate // of CertificateExpires: one for all regions, as if one file was rolled out
}

// Inject stages f. Of several faults of one kind the last one holds.
func (w *World) Inject(f Fault) error {
	if f.From.IsZero() {
		f.From = time.Now()
	}
	if err := w.check(f); err != nil {
		return fmt.Errorf("inject %s: %w", f.Kind, err)
	}
	staged := fault{Fault: f}
	if f.Kind == CertificateExpires {
		cert, err := w.ca.issue(f.Host, f.From.Add(-lifetime), f.From)
		if err != nil {
			return fmt.Errorf("inject %s: %w", f.Kind, err)
		}
		staged.cert = cert
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, staged)
	return nil
}

// ExpireCertificate lets the edges of host in regions, nil for all, serve a
// certificate that ends at that second, while others serve a healthy one.
func (w *World) ExpireCertificate(host string, regions []string, at time.Time) error {
	return w.Inject(Fault{Kind: CertificateExpires, Host: host, Regions: regions, From: at})
}

func (w *World) check(f Fault) error {
	var errs []error
	if !slices.Contains(hosts, f.Host) {
		errs = append(errs, fmt.Errorf("host %q is not of this world; known are %v", f.Host, hosts))
	}
	for _, r := range f.Regions {
		if !slices.Contains(w.regions, r) {
			errs = append(errs, fmt.Errorf("region %q is not of this world; known are %v", r, w.regions))
		}
	}
	switch f.Kind {
	case CertificateExpires, HTTPReset:
	case HTTPStatus:
		if f.Value < 200 || f.Value > 599 {
			errs = append(errs, fmt.Errorf("value: want a status from 200 to 599, got %d", f.Value))
		}
	case DNSAnswer:
		if f.Value < 0 || f.Value > 15 {
			errs = append(errs, fmt.Errorf("value: want a response code from 0 to 15, got %d", f.Value))
		}
	default:
		errs = append(errs, errors.New("unknown kind"))
	}
	return errors.Join(errs...)
}

// fault returns the newest fault of a kind that holds at a host in a region.
func (w *World) fault(kind Kind, host, region string) (fault, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for _, f := range slices.Backward(w.faults) {
		if f.Kind == kind && f.Host == host && f.holds(region, now) {
			return f, true
		}
	}
	return fault{}, false
}

func (f fault) holds(region string, now time.Time) bool {
	if f.Regions != nil && !slices.Contains(f.Regions, region) {
		return false
	}
	if !f.To.IsZero() && !now.Before(f.To) {
		return false
	}
	return f.cert != nil || !now.Before(f.From)
}
