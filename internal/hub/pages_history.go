package hub

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// recentDays is how long an incident that is over stays on the status page.
const recentDays = 14

func incidentPath(id string) string { return "/incidents/" + id }

func anyIncident(*api.Incident) bool { return true }

// A nowView is what there is besides the selection of runs.
type nowView struct {
	Reading  bool // incidents aren't known yet
	Open     []told
	Recent   []told
	Services []serviceView
}

// present tells incidents and services as of now.
func (s *site) present(ctx context.Context, now time.Time) (*nowView, []api.Incident, error) {
	all := s.src.Incidents(now)
	if all == nil {
		return &nowView{Reading: true}, nil, nil
	}
	sum, err := s.summarize(ctx, now, anyIncident)
	if err != nil {
		return nil, nil, err
	}
	list := tellAll(sum, incidentPath)
	v := &nowView{Services: serviceViews(sum, byID(list))}
	for n := range list {
		list[n].Engineer = engineer(all, list[n].ID)
	}
	v.Open, v.Recent = split(list)
	v.Recent = slices.DeleteFunc(v.Recent, func(t told) bool { return now.Sub(*t.Resolved) > recentDays*day })
	return v, slices.DeleteFunc(slices.Clone(all), func(i api.Incident) bool { return i.Resolved != nil }), nil
}

// engineer is where an incident is, for those who mend it.
func engineer(all []api.Incident, id string) string {
	for _, i := range all {
		switch {
		case i.ID != id:
			continue
		case i.Code.Ours():
			return i.Detail
		case len(i.Hosts) > 1:
			return string(i.Code) + " at " + some(i.Hosts)
		}
		return string(i.Code) + " at " + i.Culprit
	}
	return ""
}

// without leaves of groups those that no open incident explains.
func without(list []*group, open []api.Incident) (left []*group) {
	for _, g := range list {
		explains := func(i api.Incident) bool {
			return !i.Code.Ours() && slices.Contains(i.Hosts, g.Host) && !slices.ContainsFunc(g.Targets, func(t string) bool {
				return !slices.Contains(i.Targets, t)
			})
		}
		if !slices.ContainsFunc(open, explains) {
			left = append(left, g)
		}
	}
	return left
}

var errMonth = errors.New("month: want one such as 2026-11 that has begun")

type historyView struct {
	Now    time.Time
	Month  time.Time
	Before string // the month before's page; "" where nothing is kept of it
	After  string
	List   []told
}

// history is the incidents of a month: those that were open in it.
func (s *site) history(r *http.Request) (*page, error) {
	now := s.now()
	v := &historyView{Now: now, Month: monthOf(now)}
	if text := r.URL.Query().Get("month"); text != "" {
		begin, err := time.Parse("2006-01", text)
		if err != nil || begin.After(now) {
			return nil, badQuery{errMonth}
		}
		v.Month = begin
	}
	all := s.src.Incidents(now)
	if all == nil {
		return nil, errReading
	}
	sum, err := s.summarize(r.Context(), now, anyIncident)
	if err != nil {
		return nil, err
	}
	next := v.Month.AddDate(0, 1, 0)
	for _, t := range tellAll(sum, incidentPath) {
		if t.Started.Before(v.Month) {
			v.Before = "/history?month=" + v.Month.AddDate(0, -1, 0).Format("2006-01")
		}
		if t.Started.Before(next) && (t.Resolved == nil || !t.Resolved.Before(v.Month)) {
			t.Engineer = engineer(all, t.ID)
			v.List = append(v.List, t)
		}
	}
	if !next.After(now) {
		v.After = "/history?month=" + next.Format("2006-01")
	}
	return &page{template: "history", Section: "history", Title: "Incidents in " + v.Month.Format("January 2006"), Icon: "ok", Body: v}, nil
}
