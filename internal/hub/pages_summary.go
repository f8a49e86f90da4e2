package hub

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

const (
	barDays = 90  // days that the bars of a service show
	maxTold = 500 // incidents that a summary has, the newest
	day     = 24 * time.Hour
)

var errOneSummary = errors.New("there is one summary: it takes no parameters")

// summary answers what the public may know.
func (s *site) summary(r *http.Request) (any, error) {
	if len(r.URL.Query()) > 0 {
		return nil, badQuery{errOneSummary}
	}
	sum, err := s.summarize(r.Context(), s.now(), public)
	if err != nil {
		return nil, err
	}
	// The public knows no service without a name.
	sum.Services = slices.DeleteFunc(sum.Services, func(p api.PublicService) bool { return p.Name == "" })
	sum.State = worstOf(sum.Services)
	return sum, nil
}

// summarize makes a summary of the incidents that take wants.
func (s *site) summarize(ctx context.Context, now time.Time, take func(*api.Incident) bool) (*api.Summary, error) {
	all := s.src.Incidents(now)
	if all == nil {
		return nil, errReading // without incidents all would look good
	}
	// What is probed every few hours is in a day's matrix, not in an hour's.
	q, err := s.query(nil)
	if err != nil {
		return nil, err
	}
	m, err := s.day.get(ctx, s.src, q, &api.Matrix{})
	if err != nil {
		return nil, err
	}
	days, w, err := s.counted(ctx, now)
	if err != nil {
		return nil, err
	}
	first := firstDay(now)
	sum := &api.Summary{Made: now.UTC(), Incidents: []api.PublicIncident{}}
	all = slices.DeleteFunc(slices.Clone(all), func(i api.Incident) bool {
		return !take(&i) || i.Resolved != nil && i.Resolved.Before(first)
	})
	for _, i := range all[:min(len(all), maxTold)] {
		one, err := s.tell(&i, w)
		if err != nil {
			return nil, err
		}
		sum.Incidents = append(sum.Incidents, one)
	}
	sum.Services = statesOf(&m, all, w)
	sum.State = worstOf(sum.Services)
	for i := range sum.Services {
		one := &sum.Services[i]
		one.Days = bars(one.Name, first, now, days, all)
	}
	return sum, nil
}

func firstDay(now time.Time) time.Time { return now.UTC().Truncate(day).Add(-(barDays - 1) * day) }

// counted is what the days of the bars hold, and with them the words for what
// was probed on them.
func (s *site) counted(ctx context.Context, now time.Time) ([]api.ServiceDay, words, error) {
	days, _, err := s.src.Days(ctx, firstDay(now), now)
	return days, words{s.src.Targets(), s.src.RegionName}, err
}

// tell says an incident in plain words, with what operators say of it in
// public.
func (s *site) tell(i *api.Incident, w words) (api.PublicIncident, error) {
	p := api.PublicIncident{
		ID: i.ID, Severity: i.Severity, Title: w.title(i), Reason: i.Code.Explanation(), Services: i.Services,
		Started: i.FirstFailure, Detected: i.Detected, Resolved: i.Resolved, End: i.End, Changed: i.Detected,
		PerRegion: []api.IncidentState{}, Updates: []api.Note{},
	}
	changed := func(t *time.Time) {
		if t != nil {
			p.Changed = laterOf(p.Changed, *t)
		}
	}
	changed(i.Resolved)
	for _, r := range i.PerRegion {
		changed(&r.Started)
		changed(r.Recovered)
		r.Region = w.region(r.Region)
		p.PerRegion = append(p.PerRegion, r)
	}
	notes, err := s.src.Notes(i.ID)
	if err != nil {
		return p, err
	}
	for _, n := range slices.Backward(notes) {
		if n.Public {
			changed(&n.At)
			p.Updates = append(p.Updates, n)
		}
	}
	return p, nil
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlierOf(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
