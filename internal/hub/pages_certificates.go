package hub

import (
	"net/http"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// A certificate is urgent within these times of its end.
const (
	certSoon  = 3 * day
	certAhead = 14 * day
)

type certificatesView struct {
	Headline
	Now       time.Time
	List      []certView
	Left      int // that aren't shown
	Differing []api.DifferingHost
}

type certView struct {
	api.ImpactCertificate
	Outcome string
	Left    string // time that it is valid for
}

func (s *site) certificates(r *http.Request) (*page, error) {
	a, err := s.src.Impact(r.Context(), "")
	if err != nil {
		return nil, err
	}
	v := newCertificates(&a, s.now())
	return &page{template: "certificates", Section: "certificates", Title: symbol(v.State) + " " + v.Text, Icon: v.State, Body: v}, nil
}

func newCertificates(a *api.Impact, now time.Time) *certificatesView {
	v := &certificatesView{Now: now, Differing: a.Differing[:min(len(a.Differing), maxRows)]}
	dated := slices.DeleteFunc(slices.Clone(a.Certificates), func(c api.ImpactCertificate) bool { return c.NotAfter.IsZero() })
	v.Headline = certificatesHeadline(dated, now)
	for _, c := range dated[:min(len(dated), maxRows)] {
		v.List = append(v.List, newCertView(c, now))
	}
	v.Left = len(dated) - len(v.List)
	return v
}

func newCertView(c api.ImpactCertificate, now time.Time) certView {
	v := certView{ImpactCertificate: c, Outcome: string(probes.OK)}
	left := c.NotAfter.Sub(now)
	v.Left = "in " + span(left)
	switch {
	case left < 0:
		v.Outcome, v.Left = string(probes.Failed), "expired "+span(-left)+" ago"
	case left <= certAhead:
		v.Outcome = string(probes.Degraded)
	}
	return v
}

// certificatesHeadline says the worst; the list is by expiry.
func certificatesHeadline(list []api.ImpactCertificate, now time.Time) Headline {
	within := func(d time.Duration) (n int) {
		for _, c := range list {
			if c.NotAfter.Sub(now) <= d {
				n++
			}
		}
		return n
	}
	if len(list) == 0 {
		return Headline{State: string(probes.Unknown), Text: "No certificate was seen within a day"}
	}
	next := "next on " + stamp(list[0].NotAfter)
	verb := func(n int, one, more string) string {
		if n == 1 {
			return one
		}
		return more
	}
	switch expired, soon, ahead := within(0), within(certSoon), within(certAhead); {
	case expired > 0:
		return Headline{State: string(probes.Failed), Text: count(expired, "certificate") + verb(expired, " has", " have") + " expired and still " + verb(expired, "is", "are") + " served"}
	case soon > 0:
		return Headline{State: string(probes.Degraded), Text: count(soon, "certificate") + verb(soon, " expires", " expire") + " within three days", Lead: []string{next}}
	case ahead > 0:
		return Headline{State: string(probes.Degraded), Text: count(ahead, "certificate") + verb(ahead, " expires", " expire") + " within two weeks", Lead: []string{next}}
	}
	return Headline{State: string(probes.OK), Text: "No certificate expires within two weeks", Lead: []string{next}}
}
