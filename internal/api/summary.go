package api

import (
	"context"
	"time"
)

// A Summary is what the public may know, and what a status page is made from:
// services, how they did, and the incidents that those who use them notice. It
// has no host, URL, target, agent, certificate, address or trace, of operators'
// notes only those marked as public, and of services only those with a name.
type Summary struct {
	Made      time.Time        `json:"made"`
	State     string           `json:"state"`     // the worst of the services
	Services  []PublicService  `json:"services"`  // by name
	Incidents []PublicIncident `json:"incidents"` // of the days that bars show, the newest first
}

// The states of a service, besides the severities of incidents.
const (
	StateOK     = "ok"
	StateNoData = "no_data" // nothing is heard of it, or nothing was counted
)

// A PublicService is a service as the public knows it.
type PublicService struct {
	Name    string         `json:"name"`
	State   string         `json:"state"` // StateOK, StateNoData, or the worst severity of its open incidents
	Regions []PublicRegion `json:"regions"`
	Days    []PublicDay    `json:"days"` // the oldest first, today last, none left out
}

// A PublicRegion is how a service does in a region.
type PublicRegion struct {
	Name  string `json:"name"` // its display name, where the hub knows one
	State string `json:"state"`
}

// A PublicDay is how a service did on a UTC day.
type PublicDay struct {
	Date      string   `json:"date"`      // such as 2026-11-03
	State     string   `json:"state"`     // StateNoData, StateOK, or the worst severity of its incidents
	Checks    int      `json:"checks"`    // that told something
	Failed    int      `json:"failed"`    // of these
	Down      int      `json:"down_s"`    // seconds in which it had an incident that was more than a warning
	Incidents []string `json:"incidents"` // IDs
}

// A PublicIncident is an incident in plain words.
type PublicIncident struct {
	ID        string          `json:"id"`
	Severity  string          `json:"severity"`
	Title     string          `json:"title"`  // such as: Podcasts: some episodes can't be played in Ireland
	Reason    string          `json:"reason"` // what went wrong, in general
	Services  []string        `json:"services"`
	Started   time.Time       `json:"started"`
	Detected  time.Time       `json:"detected"`
	Resolved  *time.Time      `json:"resolved"` // null while open
	End       string          `json:"end"`
	Changed   time.Time       `json:"changed"` // when what is said here last changed
	PerRegion []IncidentState `json:"per_region"`
	Updates   []Note          `json:"updates"` // the newest first
}

// A ServiceDay is the runs of a service on a UTC day.
type ServiceDay struct {
	Service string `json:"service"`
	Date    string `json:"date"` // such as 2026-11-03
	Counts  Counts `json:"counts"`
}

// Summary asks for what the public may know.
func (c *Client) Summary(ctx context.Context) (a Summary, err error) {
	err = c.ask(ctx, "summary", Query{}, &a)
	return a, err
}
