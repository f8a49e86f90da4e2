package hub

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

type incidentView struct {
	api.IncidentDetail
	Now      time.Time
	Plain    string // its title in plain words
	Outcome  string
	When     string
	News     []update
	RunsURL  string // those that failed
	Factors  []factorView
	Lesser   []factorView // that separate less
	Sides    []sideView
	Shown    []api.AffectedShow
	More     int // shows that aren't listed
	Moments  []api.Moment
	Silences bool // it is about an agent: there are no failed runs
}

// A factorView is a factor with its counts in words.
type factorView struct {
	api.Factor
	Name            string
	InFailing, InOK string // "36 of 36"
}

// A sideView is a failing run beside a healthy one.
type sideView struct {
	api.Divergence
	First  string // the first step that differs; "" where none does
	Steps  []stepView
	Others []stepView // that differ too, with the facts that do
	Same   int        // steps that don't differ
}

type stepView struct {
	api.DivergedStep
	First bool
}

const (
	maxShownShows = 50 // on a page; the API has all
	fewFactors    = 5  // that are shown at once
)

func (s *site) incident(r *http.Request) (*page, error) {
	d, err := s.src.Incident(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if id := r.PathValue("id"); id != d.ID {
		return &page{elsewhere: incidentPath(url.PathEscape(d.ID))}, nil // a short form of it
	}
	now := s.now()
	_, w, err := s.counted(r.Context(), now)
	if err != nil {
		return nil, err
	}
	v := newIncident(&d, now, w)
	p := &page{template: "incident", Section: "history", Title: symbol(v.Outcome) + " " + v.Plain, Icon: v.Outcome, Body: v}
	if d.Resolved == nil {
		p.Refresh = 3 * refreshSeconds
	} else {
		p.Icon = "ok"
	}
	return p, nil
}

func newIncident(d *api.IncidentDetail, now time.Time, w words) *incidentView {
	t := told{PublicIncident: api.PublicIncident{Started: d.FirstFailure, Resolved: d.Resolved, End: d.End}, Now: now}
	v := &incidentView{
		IncidentDetail: *d, Now: now, Plain: w.title(&d.Incident), Outcome: outcomeOf(d.Severity), When: t.When(),
		RunsURL: runsOf(&d.Incident), Moments: d.Timeline, Silences: ofOurs(&d.Incident),
	}
	notes := slices.Clone(d.Notes)
	slices.Reverse(notes)
	v.News = updates(now, d.Resolved == nil, notes)
	for _, f := range d.Factors {
		v.Factors = append(v.Factors, newFactor(f))
	}
	if len(v.Factors) > fewFactors+1 {
		v.Factors, v.Lesser = v.Factors[:fewFactors], v.Factors[fewFactors:]
	}
	for _, one := range d.Divergences {
		v.Sides = append(v.Sides, newSide(one))
	}
	v.Shown = d.Shows[:min(len(d.Shows), maxShownShows)]
	v.More = len(d.Shows) - len(v.Shown)
	return v
}

// runsOf is where its failed runs are listed.
func runsOf(i *api.Incident) string {
	q := api.Query{From: i.FirstFailure, To: i.LastFailure.Add(time.Second), Culprits: i.Hosts}
	if i.Severity == api.SeverityWarning {
		q.Culprits, q.Targets = nil, i.Targets
	}
	if ofOurs(i) || len(q.Culprits)+len(q.Targets) > 20 { // a URL holds only so much
		q.Culprits, q.Targets = nil, nil
	}
	return "/runs?" + q.Values().Encode()
}

// factorNames are the dimensions for people.
var factorNames = map[string]string{
	"certificate": "certificate", "host": "host", "address": "address", "edge": "CDN edge", "address_block": "address block",
	"cdn": "CDN", "ip_family": "IP family", "issuer": "issuer", "tls_version": "TLS version", "http_version": "HTTP version",
	"hop_role": "role in the chain", "hop_count": "number of hops", "region": "region", "agent": "agent", "service": "service",
}

func newFactor(f api.Factor) factorView {
	v := factorView{
		Factor: f, Name: factorNames[f.Dimension],
		InFailing: fmt.Sprintf("%s of %s", thousands(f.FailingWith), thousands(f.Failing)),
		InOK:      fmt.Sprintf("%s of %s", thousands(f.HealthyWith), thousands(f.Healthy)),
	}
	if v.Name == "" {
		v.Name = strings.ReplaceAll(f.Dimension, "_", " ")
	}
	if f.Healthy == 0 {
		v.InOK = "none to compare"
	}
	return v
}

// newSide parts the step that differs first, with those below it, from what
// follows from it or differs between regions in any case.
func newSide(d api.Divergence) sideView {
	v := sideView{Divergence: d}
	if d.First >= 0 && d.First < len(d.Steps) {
		v.First = d.Steps[d.First].Path
	}
	for i, s := range d.Steps {
		differing := slices.DeleteFunc(slices.Clone(s.Facts), func(f api.DivergedFact) bool { return !f.Differs })
		switch {
		case v.First != "" && (s.Path == v.First || strings.HasPrefix(s.Path, v.First+"/")):
			v.Steps = append(v.Steps, stepView{s, i == d.First})
		case s.Failing == s.Healthy && len(differing) == 0:
			v.Same++
		default:
			s.Facts = differing
			v.Others = append(v.Others, stepView{s, false})
		}
	}
	return v
}
