package hub

import (
	"fmt"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// A told is an incident in a list.
type told struct {
	api.PublicIncident
	Now      time.Time
	Href     string
	Outcome  string // which it is drawn as
	Engineer string // code and host; "" where the public reads it
}

// tellAll makes a list of a summary's incidents; href is the page of each.
func tellAll(sum *api.Summary, href func(id string) string) []told {
	list := make([]told, len(sum.Incidents))
	for i, p := range sum.Incidents {
		list[i] = told{PublicIncident: p, Now: sum.Made, Href: href(p.ID), Outcome: outcomeOf(p.Severity)}
	}
	return list
}

func byID(list []told) map[string]told {
	m := make(map[string]told, len(list))
	for _, t := range list {
		m[t.ID] = t
	}
	return m
}

// split parts those that are open from those that are over.
func split(list []told) (open, over []told) {
	for _, t := range list {
		if t.Resolved == nil {
			open = append(open, t)
		} else {
			over = append(over, t)
		}
	}
	return open, over
}

// Word is the severity for people.
func (t told) Word() string { return severityWords[t.Severity] }

var severityWords = map[string]string{
	api.SeverityCritical: "Outage", api.SeverityMajor: "Partial outage", api.SeverityWarning: "Flaw",
}

// When says from when to when, as seen from now.
func (t told) When() string {
	switch {
	case t.Resolved == nil:
		return "since " + clock(t.Now, t.Started) + ", for " + span(t.Now.Sub(t.Started))
	case t.End == api.EndUnverified:
		return fmt.Sprintf("%s, not probed any more since %s", clock(t.Now, t.Started), clock(t.Now, *t.Resolved))
	}
	return fmt.Sprintf("%s, resolved after %s", clock(t.Now, t.Started), span(t.Resolved.Sub(t.Started)))
}

// A month is the incidents that began in it.
type month struct {
	Begin     time.Time
	Incidents []told
}

// months groups incidents by when they began, the newest month first.
func months(list []told) (all []month) {
	for _, t := range list {
		begin := monthOf(t.Started)
		if n := len(all); n == 0 || !all[n-1].Begin.Equal(begin) {
			all = append(all, month{Begin: begin})
		}
		last := &all[len(all)-1]
		last.Incidents = append(last.Incidents, t)
	}
	return all
}

func monthOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// An update is a note as a page shows it.
type update struct {
	api.Note
	Now   time.Time
	Late  bool // the estimate has passed
	Inner bool // not for the public
}

// updates are notes, the newest first.
func updates(now time.Time, open bool, notes []api.Note) (list []update) {
	for _, n := range notes {
		list = append(list, update{n, now, open && n.Estimate != nil && n.Estimate.Before(now), !n.Public})
	}
	return list
}

// News are the updates of an incident in a list.
func (t told) News() []update { return updates(t.Now, t.Resolved == nil, t.Updates) }
