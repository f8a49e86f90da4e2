package hub

import (
	"maps"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/probes"
)

// stateWords are the states of services for people.
var stateWords = map[string]string{
	api.StateOK:          "Works",
	api.SeverityWarning:  "Works, with flaws",
	api.SeverityMajor:    "Partly out",
	api.SeverityCritical: "Out",
	api.StateNoData:      "No data",
}

// ranks order states, the worst last.
var ranks = []string{api.StateNoData, api.StateOK, api.SeverityWarning, api.SeverityMajor, api.SeverityCritical}

// worse is the state of two together: where there is data of one, it is what
// that says.
func worse(a, b string) string {
	if slices.Index(ranks, b) > slices.Index(ranks, a) {
		return b
	}
	return a
}

// outcomeOf is the outcome that a state is drawn as.
func outcomeOf(state string) string {
	switch state {
	case api.StateOK:
		return string(probes.OK)
	case api.SeverityWarning:
		return string(probes.Degraded)
	case api.SeverityMajor, api.SeverityCritical:
		return string(probes.Failed)
	}
	return silent
}

func worstOf(all []api.PublicService) string {
	state := api.StateNoData
	for _, p := range all {
		state = worse(state, p.State)
	}
	return state
}

// states are those of services in regions.
type states map[string]map[string]string

func (s states) put(service, region, state string) {
	if s[service] == nil {
		s[service] = map[string]string{}
	}
	s[service][region] = state
}

// statesOf tells how services do now: by their open incidents, and where there
// are none by whether anything is heard of them.
func statesOf(m *api.Matrix, all []api.Incident, w words) []api.PublicService {
	found, service := states{}, map[string]string{}
	for _, t := range m.Targets {
		service[t.Name] = t.Service
	}
	for _, c := range m.Cells {
		name := service[c.Target]
		switch {
		case c.Current():
			found.put(name, c.Region, api.StateOK)
		case found[name][c.Region] == "":
			found.put(name, c.Region, api.StateNoData)
		}
	}
	for _, i := range all {
		if i.Resolved != nil || ofOurs(&i) {
			continue
		}
		for _, name := range i.Services {
			for _, r := range i.PerRegion {
				if r.Recovered == nil && found[name][r.Region] != "" {
					found.put(name, r.Region, worse(found[name][r.Region], i.Severity))
				}
			}
		}
	}
	return found.list(w)
}

func (s states) list(w words) []api.PublicService {
	list := []api.PublicService{}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		p := api.PublicService{Name: name, State: api.StateNoData, Regions: []api.PublicRegion{}}
		for _, region := range slices.Sorted(maps.Keys(s[name])) {
			state := s[name][region]
			p.Regions = append(p.Regions, api.PublicRegion{Name: w.region(region), State: state})
			p.State = worse(p.State, state)
		}
		list = append(list, p)
	}
	return list
}

// bars are a service's days.
func bars(name string, first, now time.Time, counts []api.ServiceDay, all []api.Incident) []api.PublicDay {
	all = slices.DeleteFunc(slices.Clone(all), func(i api.Incident) bool {
		return ofOurs(&i) || !slices.Contains(i.Services, name)
	})
	byDate := map[string]api.Counts{}
	for _, c := range counts {
		if c.Service == name {
			byDate[c.Date] = c.Counts
		}
	}
	list := make([]api.PublicDay, 0, barDays)
	for begin := first; begin.Before(now); begin = begin.Add(day) {
		c := byDate[begin.Format(time.DateOnly)]
		d := api.PublicDay{
			Date: begin.Format(time.DateOnly), State: api.StateOK, Incidents: []string{},
			Checks: c.OK + c.Degraded + c.Failed, Failed: c.Failed,
		}
		if d.Checks == 0 {
			d.State = api.StateNoData
		}
		addIncidents(&d, store.Span{From: begin, To: earlierOf(begin.Add(day), now)}, all)
		list = append(list, d)
	}
	return list
}

// addIncidents adds to a day those of a service's incidents that were on it.
func addIncidents(d *api.PublicDay, of store.Span, all []api.Incident) {
	var down []store.Span
	for _, i := range all {
		until := of.To
		if i.Resolved != nil {
			until = *i.Resolved
		}
		if !i.FirstFailure.Before(of.To) || until.Before(of.From) {
			continue
		}
		d.Incidents = append(d.Incidents, i.ID)
		d.State = worse(d.State, i.Severity)
		if i.Severity != api.SeverityWarning {
			down = append(down, store.Span{From: laterOf(i.FirstFailure, of.From), To: earlierOf(until, of.To)})
		}
	}
	for _, s := range store.Apart(down) {
		d.Down += int(s.To.Sub(s.From) / time.Second)
	}
}
