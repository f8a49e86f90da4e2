package drill

import (
	"embed"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// A Scenario is an outage staged on purpose: the world it happens in, what
// goes wrong there and when, and what a report of it would say. It is read
// from a small text file, see [Load].
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
	Certs    []Cert // those that hosts share
	Stores   []Store
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
	Zone  string // that denies its addresses; "": its registrable domain
	CDN   string // that its edges name themselves as, such as fastly, or ""
	Cert  string // name of the Cert it serves; "": one of its own
	Edges int    // addresses in each region
	IPv6  bool   // it has an IPv6 address too, the same in all regions
}

// A Cert is a certificate that several hosts share.
type Cert struct {
	Name  string
	Names []string // that it is for, such as *.castle.example
}

// A Store is a set of roots that some clients trust beside the world's own.
type Store struct {
	Name string
	Old  bool // it holds only the root that has been succeeded
}

// A Show is a podcast, or a number of alike ones.
type Show struct {
	Name, Title, Author string
	Feed                string   // host of the feed
	Media               string   // host of the episodes
	Via                 []string // hosts through which enclosures lead, in order
	Episodes            int
	Seconds             int // of an episode
	Count               int // shows like this one, numbered from 1; 0: just this
}

// A Page is a document with what it needs to be seen.
type Page struct {
	Name, Title string
	Host, Path  string
	Assets      string // host of its stylesheets, scripts and images; "": its own
	Widget      string // host of a script that doesn't block, or ""
}

// A Target is what agents probe.
type Target struct {
	Name    string
	Kind    string // feed, enclosure, page
	Of      string // the show or page
	Number  int    // of the show, where there is a number of them
	Service string
	Direct  bool              // the episode at its own host, past what enclosures lead through
	Options map[string]string // of its kind, as they stand in a configuration
	Regions []string          // that probe it; nil: all
}

// A Restart is an agent that is stopped, and started again at once.
type Restart struct {
	Agent string
	At    time.Duration // after the begin of the outage
}

// A Truth is what an honest report of a scenario says.
type Truth struct {
	None     bool // quiet: nothing may be raised
	Code     string
	Cause    string   // of a certificate known once its fault is staged, see [World.Truth]
	Culprits []string // hosts of which the report names one
	Scope    string
	Severity string
	Regions  []string
	Services []string

	ServicesUnaffected []string
	Targets            []string

	Recovers bool // it is over before the drill ends

	// Warnings are codes of what the same fault brings besides. Before its
	// failures are known they may stand as an incident of their own, such as of
	// a certificate that is about to expire; then it explains them.
	Warnings []string
}

//go:embed scenarios/*.txt
var files embed.FS

// Scenarios returns all scenarios, by name.
func Scenarios() []Scenario {
	names, err := fs.Glob(files, "scenarios/*.txt")
	all := make([]Scenario, 0, len(names))
	for _, name := range names {
		text, readErr := files.ReadFile(name)
		base := strings.TrimSuffix(name[len("scenarios/"):], ".txt")
		s, loadErr := Load(base, text)
		err = errors.Join(err, readErr, loadErr)
		all = append(all, s)
	}
	if err != nil {
		panic("drill: a scenario of ours can't be read: " + err.Error()) // a test reads them all
	}
	slices.SortFunc(all, func(a, b Scenario) int { return strings.Compare(a.Name, b.Name) })
	return all
}
