package drill

import "time"

// A Scenario is an outage staged on purpose: the world it happens in, what
// goes wrong there and when, and what a report of it would say. It is read
// from a small text file.
type Scenario struct {
	Name  string // of its file, such as megaphone
	Title string // one line for people

	Interval time.Duration // between two runs of a target
	Timeout  time.Duration // of a run
	Warmup   int           // intervals in which all is well before the outage
	Length   int           // intervals from the begin of the outage to the end of its last fault
	Recovery int           // intervals to watch after that

	Regions  []Region
	Agents   []Agent // at least one a region
	Services []string
	Hosts    []Host
	Certs    []Cert
	Shows    []Show
	Pages    []Page
	Targets  []Target
	Faults   []Fault
	Restarts []Restart
	Truth    Truth
}

// A Region is where agents stand. It has DNS and edges of its own.
type Region struct {
	Name, Display string
	Lat, Lon      float64
}

// An Agent is a vantage point. Names are unique.
type Agent struct {
	Name, Region string
}

// A Host is a name that serves something.
type Host struct {
	Name  string
	Alias string // CNAME through which it leads to its edges, or ""
	CDN   string // that its edges name themselves as, such as fastly, or ""
	Cert  string // name of the Cert it serves; "": one of its own
	Edges int    // addresses in each region
	IPv6  bool   // it has an IPv6 address in each region too
	Role  string // prefix, stitch, media, feeds, pages, assets, login
}

// A Cert is a certificate that several hosts share, or that is served in an
// unusual chain.
type Cert struct {
	Name  string
	Names []string // that it is for, such as *.castle.example
	Cross bool     // the chain holds a cross-signed root too
}

// A Show is a podcast, or a number of alike ones.
type Show struct {
	Name, Title, Author string
	Feed                string   // host of the feed
	Media               string   // host of the episodes
	Via                 []string // hosts through which enclosures lead, in order
	Episodes            int
	Count               int // shows like this one, numbered from 1; 1: just this
}

// A Page is a document with what it needs to be seen.
type Page struct {
	Name, Host string
	Path       string
	Assets     string // host of its stylesheets, scripts and images; "": its own
	Widget     string // host of a script that doesn't block, or ""
}

// A Target is what agents probe.
type Target struct {
	Name    string
	Kind    string // feed, enclosure, page
	Of      string // the show or page
	Service string
	Options map[string]string // of its kind, as they stand in a configuration
	Regions []string          // that probe it; nil: all
}

// A Restart is an agent that the runner stops and starts again.
type Restart struct {
	Agent string
	At    time.Duration // after the begin of the outage
}

// A Truth is what an honest report of a scenario says. The cause of a staged
// certificate is known once its world is open.
type Truth struct {
	None     bool // quiet: nothing may be raised
	Code     string
	Cause    string
	Culprits []string // hosts of which the report names one
	Scope    string
	Severity string
	Regions  []string
	Services []string

	ServicesUnaffected []string
	Targets            []string

	Recovers bool     // it is over before the drill ends
	Warnings []string // codes that it explains: no incident of their own
}
