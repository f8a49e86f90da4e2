package api

import (
	"time"

	"github.com/sonde-media/sonde/probes"
)

// Incidents is what fell together in a range: failures with one shared cause,
// and warnings with one shared host.
type Incidents struct {
	Incidents []Incident `json:"incidents"` // the newest first
}

// A Scope is how far an incident reaches.
type Scope string

// The scopes.
const (
	ScopeGlobal   Scope = "global"         // at least two regions see its targets, and it is in all of them
	ScopeRegional Scope = "regional"       // some regions see it and others don't
	ScopeSingle   Scope = "single_vantage" // only one region probes its targets
	ScopeAgent    Scope = "one_agent"      // one agent sees it and another beside it doesn't
	ScopeUnknown  Scope = "unknown"
)

// The severities of incidents, worst first.
const (
	SeverityCritical = "critical" // half of a service's targets or more fail, wherever they are probed
	SeverityMajor    = "major"    // something fails
	SeverityWarning  = "warning"  // all is served, but not as it should be
)

// What incidents can be asked for by.
const (
	StateOpen     = "open"
	StateResolved = "resolved"
)

// How incidents end.
const (
	EndRecovered  = "recovered"  // three good runs in a row of every target
	EndUnverified = "unverified" // nobody probes its targets any more
)

// An Incident is failures with one shared cause, from the first to the last.
type Incident struct {
	ID                 string          `json:"id"`
	Severity           string          `json:"severity"`
	Title              string          `json:"title"` // one line for people
	Code               probes.Code     `json:"code"`
	Cause              string          `json:"cause"`   // a certificate's SHA-256, a zone, a host, a CDN, an address block, an agent
	Culprit            string          `json:"culprit"` // the host at whose step most runs failed
	Scope              Scope           `json:"scope"`
	Regions            []string        `json:"regions"` // those affected
	Targets            []string        `json:"targets"`
	Services           []string        `json:"services"`
	ServicesUnaffected []string        `json:"services_unaffected"`
	FirstFailure       time.Time       `json:"first_failure"`
	LastFailure        time.Time       `json:"last_failure"`
	Detected           time.Time       `json:"detected"` // when the hub had the run by which it could be told
	Resolved           *time.Time      `json:"resolved"` // null while open
	End                string          `json:"end"`      // "" while open, else EndRecovered or EndUnverified
	PerRegion          []IncidentState `json:"per_region"`
	Traces             []IncidentTrace `json:"traces"` // examples, one a region
	Advice             string          `json:"advice"`
	Runs               int             `json:"runs"`     // that failed, or were warned
	Using              int             `json:"using"`    // targets that use the cause, whether they fail or not
	Hosts              []string        `json:"hosts"`    // at whose steps runs failed
	Codes              []CodeCount     `json:"codes"`    // the commonest first
	Detail             string          `json:"detail"`   // of the run that opened it
	Absorbed           []probes.Code   `json:"absorbed"` // warnings of the same hosts in the same time, which it explains
}

// An IncidentState is an incident in one region.
type IncidentState struct {
	Region    string     `json:"region"`
	Started   time.Time  `json:"started"`
	Recovered *time.Time `json:"recovered"` // null while it fails there
}

// An IncidentTrace leads to a run that failed.
type IncidentTrace struct {
	Region  string `json:"region"`
	TraceID string `json:"trace_id"`
}

// A CodeCount is how many runs failed with one code.
type CodeCount struct {
	Code  probes.Code `json:"code"`
	Runs  int         `json:"runs"`
	First time.Time   `json:"first"` // when the first of them began
}

// A Factor is something that runs have in common, and how well it separates
// those that failed from the healthy ones. Its counts are there to check it by
// hand.
type Factor struct {
	Dimension   string  `json:"dimension"` // such as host, address, cdn, ip_family
	Value       string  `json:"value"`
	FailingWith int     `json:"failing_with"` // failing runs that have it
	Failing     int     `json:"failing"`      // failing runs in which the dimension is known
	HealthyWith int     `json:"healthy_with"`
	Healthy     int     `json:"healthy"`
	Score       float64 `json:"score"` // share of the failing ones less share of the healthy ones: 1 separates them wholly
}

// A Divergence is a failing and a healthy run of one target side by side.
type Divergence struct {
	Failing Run            `json:"failing"`
	Healthy Run            `json:"healthy"`
	First   int            `json:"first"` // of Steps: the first that differs; -1 where none does
	Steps   []DivergedStep `json:"steps"` // in the order of the failing run, then those that only the healthy one has
}

// A DivergedStep is one step of two runs.
type DivergedStep struct {
	Path    string         `json:"path"`    // step words from the root, such as episode/hop 2/tls
	Failing bool           `json:"failing"` // that run has it
	Healthy bool           `json:"healthy"`
	Facts   []DivergedFact `json:"facts"`
}

// A DivergedFact is one fact of a step in two runs, "" where one has none.
type DivergedFact struct {
	Name    string `json:"name"`
	Failing string `json:"failing"`
	Healthy string `json:"healthy"`
	Differs bool   `json:"differs"`
}

// An IncidentDetail is all that is known of one incident.
type IncidentDetail struct {
	Incident
	Factors     []Factor       `json:"factors"`     // what failing runs share, the most telling first
	Divergences []Divergence   `json:"divergences"` // a failing region beside a healthy one, at most one a failing region
	Shows       []AffectedShow `json:"shows"`       // what feeds told of the targets
	Evidence    []Evidence     `json:"evidence"`    // of the failing step of example runs
	Timeline    []Moment       `json:"timeline"`    // in order
	Notes       []Note         `json:"notes"`       // operators', the oldest first
}

// An AffectedShow is what a target is to people.
type AffectedShow struct {
	Target     string `json:"target"`
	Title      string `json:"title"`
	Publisher  string `json:"publisher"`
	Service    string `json:"service"`
	Enclosures int    `json:"enclosures,omitempty"` // of its feed, at the hosts that were asked about, where it tells
}

// Evidence is facts about one step of one run, such as a certificate chain or
// DNS answers.
type Evidence struct {
	Region  string      `json:"region"`
	TraceID string      `json:"trace_id"`
	Path    string      `json:"path"` // of the step, as in DivergedStep
	Facts   [][2]string `json:"facts"`
}

// A Moment is one entry of a timeline.
type Moment struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// A Note is what an operator says of an incident. Those meant for the public
// stand on the status page.
type Note struct {
	At         time.Time  `json:"at"`
	Text       string     `json:"text"`
	Workaround string     `json:"workaround,omitempty"`
	Estimate   *time.Time `json:"estimate,omitempty"` // when it is expected to be over
	Public     bool       `json:"public"`
}

// An Impact is what stands behind a host or a certificate.
type Impact struct {
	Of           string              `json:"of"` // a host, or a certificate's SHA-256; "": everything
	Targets      []ImpactTarget      `json:"targets"`
	Certificates []ImpactCertificate `json:"certificates"` // by expiry, the next first
	Services     []string            `json:"services"`
	Publishers   []string            `json:"publishers"`
	Differing    []DifferingHost     `json:"differing"` // hosts that serve regions different certificates: may be on purpose, may be an outage to come
}

// A DifferingHost serves different certificates to different regions.
type DifferingHost struct {
	Host   string              `json:"host"`
	Served []ServedCertificate `json:"served"` // by region
}

// A ServedCertificate is the newest that a host served to a region.
type ServedCertificate struct {
	Region   string    `json:"region"`
	SHA256   string    `json:"sha256"`
	NotAfter time.Time `json:"not_after"`
	Seen     time.Time `json:"seen"`
}

// An ImpactTarget is a target that uses the host or certificate.
type ImpactTarget struct {
	AffectedShow
	Kind     string    `json:"kind"`
	Regions  []string  `json:"regions"`
	LastSeen time.Time `json:"last_seen"`
	Failing  bool      `json:"failing"` // its newest run failed
}

// An ImpactCertificate is a certificate and what depends on it.
type ImpactCertificate struct {
	SHA256   string    `json:"sha256"`
	Hosts    []string  `json:"hosts"`
	NotAfter time.Time `json:"not_after"`
	Targets  []string  `json:"targets"`
	Services []string  `json:"services"`
}
