package drill

import (
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// A Course is what was seen of a drill from outside.
type Course struct {
	Begin, End  time.Time     // of the outage
	Interval    time.Duration // of its targets
	Sightings   []Sighting    // incidents in the order in which they were told first
	Confirmable time.Time     // when the failure could be confirmed; zero: unknown
	Late        time.Duration // by how much the observer's own timers came late, at most
}

// A Sighting is one incident as the hub told it.
type Sighting struct {
	api.Incident           // as it was told last
	Told         time.Time // first
	ToldResolved time.Time // first, since it was open last; zero: it is open
	Withdrawn    bool      // it is no longer told
}

// See takes in what the hub tells at now.
func (c *Course) See(now time.Time, told []api.Incident) {
	for i := range c.Sightings {
		id := c.Sightings[i].ID
		c.Sightings[i].Withdrawn = !slices.ContainsFunc(told, func(i api.Incident) bool { return i.ID == id })
	}
	for _, i := range slices.Backward(told) { // the newest comes first there
		at := slices.IndexFunc(c.Sightings, func(s Sighting) bool { return s.ID == i.ID })
		if at < 0 {
			at = len(c.Sightings)
			c.Sightings = append(c.Sightings, Sighting{Told: now})
		}
		c.Sightings[at].see(now, i)
	}
}

func (s *Sighting) see(now time.Time, i api.Incident) {
	s.Incident = i
	switch {
	case i.Resolved == nil:
		s.ToldResolved = time.Time{}
	case s.ToldResolved.IsZero():
		s.ToldResolved = now
	}
}

// absorbed reports whether s is a warning that was made a part of o.
func (s *Sighting) absorbed(o Sighting) bool {
	return s.Severity == api.SeverityWarning && slices.Contains(o.Absorbed, s.Code)
}

// Confirmable returns when trouble of the truth's kind could be confirmed from
// runs of its targets: the end of the first run that was bad like the one
// before it of the same target and agent. Zero: never. Runs before begin don't
// count.
func Confirmable(truth Truth, begin time.Time, runs []api.Run) (at time.Time) {
	type lane struct{ region, agent, target string }
	before := map[lane]bool{}
	for _, r := range slices.SortedFunc(slices.Values(runs), func(a, b api.Run) int { return a.Started.Compare(b.Started) }) {
		key := lane{r.Region, r.Agent, r.Target}
		if r.Started.Before(begin) {
			continue
		}
		bad := truth.bad(r)
		if end := r.Started.Add(r.Duration); bad && before[key] && (at.IsZero() || end.Before(at)) {
			at = end
		}
		before[key] = bad
	}
	return at
}

// bad reports whether r met what the truth is about: any failure, for its code
// may change, or the one warning.
func (t Truth) bad(r api.Run) bool {
	if t.Severity == api.SeverityWarning {
		return slices.ContainsFunc(r.Findings, func(f probes.Finding) bool { return f.Code == probes.Code(t.Code) })
	}
	return r.Outcome == probes.Failed
}
