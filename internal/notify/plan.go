package notify

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// news is how long ago an incident may have ended that nobody was told of:
// who begins to be told, or was away for days, doesn't get the past.
const news = time.Hour

// plan returns what a receiver is to be told and wasn't: of gone incidents that
// they are none.
func (l *ledger) plan(r *Receiver, incidents []api.Incident, gone map[string]bool, now time.Time) (all []api.Delivery) {
	for i := range incidents {
		if d, ok := l.next(r, &incidents[i], now); ok {
			all = append(all, d)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(gone)) {
		t := l.threads[threadKey{r.Name, id}]
		if t == nil || ends(t.last().Event) {
			continue
		}
		told := api.Incident{ID: id, FirstFailure: t.last().At, Resolved: &now, End: api.EndUnverified}
		if s := t.last().Snapshot; s != nil {
			told = *s
			told.Resolved, told.End = &now, api.EndUnverified
		}
		all = append(all, follow(t.last(), api.EventWithdrawn, &told, now))
	}
	return all
}

// next is what a receiver is to be told of an incident now, if anything.
func (l *ledger) next(r *Receiver, i *api.Incident, now time.Time) (d api.Delivery, ok bool) {
	t := l.threads[threadKey{r.Name, i.ID}]
	if t == nil {
		return l.first(r, i, now)
	}
	last := t.last()
	switch over := i.Resolved != nil; {
	case ends(last.Event) && !over:
		event := api.EventOpened
		if now.Sub(last.At) <= r.Grace {
			event = api.EventAgain
		}
		d = follow(last, event, i, now)
		d.Round, d.Repeat = last.Round+1, 0
		d.Key = key(&d)
		return d, true
	case ends(last.Event):
		return d, false
	case over && (last.Round > 1 || last.Thread != last.Incident) && now.Sub(*i.Resolved) < r.Grace:
		return d, false // it has come back before: wait and see
	case over:
		return follow(last, api.EventResolved, i, now), true
	case r.Repeat > 0 && last.Final() && now.Sub(last.At) >= r.Repeat:
		return follow(last, api.EventRepeat, i, now), true
	}
	return d, false
}

// first is the first message about an incident.
func (l *ledger) first(r *Receiver, i *api.Incident, now time.Time) (d api.Delivery, ok bool) {
	end, event := now, api.EventOpened
	if i.Resolved != nil {
		end, event = *i.Resolved, api.EventResolved
		if now.Sub(end) > news {
			return d, false
		}
	}
	if !r.wants(i) || end.Sub(i.FirstFailure) < r.MinAge {
		return d, false
	}
	d = api.Delivery{
		Receiver: r.Name, Event: event, Incident: i.ID, Thread: i.ID, Round: 1,
		At: now, Due: now, State: api.DeliveryDue, Labels: labels(i), Snapshot: snapshot(i),
	}
	if before := l.forerunner(r, i, now); before != nil {
		d.Thread, d.Labels = before.Thread, before.Labels
		if event == api.EventOpened {
			d.Event = api.EventAgain
		}
	}
	d.Key = key(&d)
	return d, true
}

// forerunner is the message that ended an incident with the same code and cause
// a short while ago, of which i is a relapse to who is told.
func (l *ledger) forerunner(r *Receiver, i *api.Incident, now time.Time) (found *api.Delivery) {
	for key, t := range l.threads {
		last := t.last()
		alike := last.Labels[labelCode] == string(i.Code) && last.Labels[labelCause] == i.Cause
		if key.receiver != r.Name || !alike || last.Event != api.EventResolved || now.Sub(last.At) > r.Grace {
			continue
		}
		if found == nil || last.At.After(found.At) || last.At.Equal(found.At) && last.Key > found.Key {
			found = last
		}
	}
	return found
}

// follow is the message that follows last.
func follow(last *api.Delivery, event string, i *api.Incident, now time.Time) api.Delivery {
	d := api.Delivery{
		Receiver: last.Receiver, Event: event, Incident: last.Incident, Thread: last.Thread, Round: last.Round, Repeat: last.Repeat,
		At: now, Due: now, State: api.DeliveryDue, Labels: last.Labels, Snapshot: snapshot(i),
	}
	if event == api.EventRepeat {
		d.Repeat++
	}
	d.Key = key(&d)
	return d
}

// key names a message alike in every hub.
func key(d *api.Delivery) string {
	return fmt.Sprintf("%s/%s/%d/%d.%d", d.Receiver, d.Incident, d.Round, stage(d.Event), d.Repeat)
}

// Bounds of what is kept of an incident for a message.
const (
	maxTargets = 100
	maxOthers  = 30
)

// snapshot is an incident as a message tells it.
func snapshot(i *api.Incident) *api.Incident {
	s := *i
	s.Targets = s.Targets[:min(len(s.Targets), maxTargets)]
	s.Hosts = s.Hosts[:min(len(s.Hosts), maxOthers)]
	s.Traces = s.Traces[:min(len(s.Traces), maxOthers)]
	s.Codes = s.Codes[:min(len(s.Codes), maxOthers)]
	return &s
}
