package drill

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"
)

// certName is the name of the certificate that h serves.
func (h Host) certName() string {
	if h.Cert != "" {
		return h.Cert
	}
	return h.Name
}

// certNames returns what each certificate of the world is for.
func (s *Scenario) certNames() map[string][]string {
	all := map[string][]string{}
	for _, h := range s.Hosts {
		all[h.certName()] = []string{h.Name}
	}
	for _, c := range s.Certs {
		all[c.Name] = c.Names
	}
	return all
}

// certify issues all healthy certificates.
func (w *World) certify(now time.Time) (err error) {
	if w.ca, err = newAuthority(now); err != nil {
		return err
	}
	var tail *x509.Certificate
	if slices.ContainsFunc(w.scenario.Stores, func(s Store) bool { return s.Old }) {
		if tail, err = w.ca.cross(now.Add(1825 * day)); err != nil {
			return err
		}
	}
	w.certs = map[string]*tls.Certificate{}
	for name, names := range w.scenario.certNames() {
		begin := now.Add(-lifetime / 6)
		if w.certs[name], err = w.ca.issue(names, begin, begin.Add(lifetime)); err != nil {
			return err
		}
		w.certs[name] = with(w.certs[name], tail)
	}
	return nil
}

// with returns c, served with tail at the end of its chain, which may be nil.
func with(c *tls.Certificate, tail *x509.Certificate) *tls.Certificate {
	other := *c
	other.Certificate = slices.Clone(c.Certificate[:2])
	if tail != nil {
		other.Certificate = append(other.Certificate, tail.Raw)
	}
	return &other
}

// reissue makes what a fault lets edges serve in place of healthy certificates.
func (w *World) reissue(f *staged) error {
	var tail *x509.Certificate
	switch f.Kind {
	case CertificateExpires, ChainShort:
	case ChainExpired:
		var err error
		if tail, err = w.ca.cross(f.from); err != nil {
			return err
		}
	default:
		return nil
	}
	names := w.scenario.certNames()
	for _, h := range w.scenario.Hosts {
		name := h.certName()
		if !f.covers(h) || f.certs[name] != nil {
			continue
		}
		c := w.certs[name]
		if f.Kind == CertificateExpires {
			var err error
			if c, err = w.ca.issue(names[name], f.from.Add(-lifetime), f.from); err != nil {
				return err
			}
		}
		f.certs[name] = with(c, tail)
	}
	return nil
}

// served is the certificate that an edge serves now.
func (w *World) served(e edge) *tls.Certificate {
	name := e.host.certName()
	for _, kind := range []Kind{CertificateExpires, ChainExpired, ChainShort} {
		if f, ok := w.fault(kind, e); ok {
			return f.certs[name]
		}
	}
	return w.certs[name]
}

// Roots holds the root certificate of the world.
func (w *World) Roots() *x509.CertPool { return poolOf(w.ca.root) }

// RootPEM is the root certificate of the world, for a file of extra roots.
func (w *World) RootPEM() []byte { return asPEM(w.ca.root) }

// StoreRoot is the root certificate that a trust store holds.
func (w *World) storeRoot(s Store) *x509.Certificate {
	if s.Old {
		return w.ca.old
	}
	return w.ca.root
}

func poolOf(c *x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c)
	return pool
}

// Truth is what a report should say. A cause written cert:NAME is the SHA-256
// of the certificate of that name that a fault staged by now serves.
func (w *World) Truth() (Truth, error) {
	t := w.scenario.Truth
	name, ok := strings.CutPrefix(t.Cause, "cert:")
	if !ok {
		return t, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range slices.Backward(w.faults) {
		if c := f.certs[name]; c != nil {
			t.Cause = fmt.Sprintf("%X", sha256.Sum256(c.Certificate[0]))
			return t, nil
		}
	}
	return t, fmt.Errorf("no fault has staged a certificate %q", name)
}
