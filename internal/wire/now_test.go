package wire_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// Certificates are judged by Options.Now, also where the chain is known: an
// agent whose clock is off says the same as one whose clock is right.
func TestCertificatesAreJudgedByTheTimeGiven(t *testing.T) {
	ca := wiretest.NewCA(t)
	now := time.Now()
	cert := ca.Issue(t, wiretest.Cert{NotBefore: now.Add(-time.Minute), NotAfter: now.Add(30*time.Minute + 30*time.Second)})
	url := wiretest.Server(t, cert, hello).URL

	at := now
	n := newNet(t, wire.Options{AllowPrivate: true, Roots: ca.Pool, Now: func() time.Time { return at }})
	for _, c := range []struct {
		at   time.Time
		code probes.Code
	}{
		{now, ""},
		{now.Add(time.Hour), probes.TLSExpired},
		{now, ""},
		{now.Add(-time.Hour), probes.TLSNotYetValid},
	} {
		at = c.at
		s, err := shakeOver(t, n, url)
		var code probes.Code
		if err != nil {
			code = probes.AsFailure(err).Code
		}
		if code != c.code {
			t.Errorf("at %v from now: %q, want %q", c.at.Sub(now), code, c.code)
		}
		if c.code == "" && !strings.Contains(strings.Join(findings(s), ""), "30 minutes") {
			t.Errorf("findings are %q", findings(s))
		}
	}
}
