package wire

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// A storeVerdict is what clients with another trust store make of a chain.
type storeVerdict struct {
	name string
	code probes.Code // "" where they take it
	text string      // why they don't
}

// storeVerdicts judges served by each store, and returns the certificates that
// the verdicts depend on besides those served.
func (v *verifier) storeVerdicts(served []*x509.Certificate, now time.Time) (list []storeVerdict, seen []*x509.Certificate) {
	for _, s := range v.stores {
		one := storeVerdict{name: s.Name}
		paths, err := pathsOf(served, s.Roots, now)
		for _, p := range paths {
			seen = append(seen, p...)
		}
		if err != nil {
			var at *x509.Certificate
			one.code, at = diagnose(served, s.Roots, err, now)
			one.text = refusalText(served, one.code, at, err, now)
			seen = append(seen, at)
		}
		list = append(list, one)
	}
	return list, seen
}

// refusedVerdicts are those of a chain that the main store refuses for the
// reason refused. A wrong name or a revocation is the same for all.
func (v *verifier) refusedVerdicts(served []*x509.Certificate, refused error, now time.Time) []storeVerdict {
	list, _ := v.storeVerdicts(served, now)
	code, _ := diagnose(served, v.roots, refused, now)
	for i := range list {
		if code == probes.TLSHostname || code == probes.TLSRevoked {
			list[i].code = code
		}
	}
	return list
}

func verdictTexts(list []storeVerdict) []string {
	var texts []string
	for _, s := range list {
		verdict := "ok"
		if s.code != "" {
			verdict = string(s.code)
		}
		texts = append(texts, s.name+"="+verdict)
	}
	return texts
}

// storeFindings tells which stores refuse what the main one takes; the host is
// for the caller to fill in.
func storeFindings(list []storeVerdict) (findings []probes.Finding) {
	for _, s := range list {
		if s.code != "" {
			detail := fmt.Sprintf("clients with the roots %s refuse it: %s: %s", s.name, s.code, s.text)
			findings = append(findings, probes.Note(probes.CertStore, "", detail))
		}
	}
	return findings
}
