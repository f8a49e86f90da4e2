package notify

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

var begin = time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC)

// open is an incident that opened in minute from of the story.
func open(id string, from int) api.Incident {
	i := Sample(begin)
	i.ID, i.FirstFailure, i.Detected = id, begin.Add(time.Duration(from)*time.Minute), begin.Add(time.Duration(from)*time.Minute)
	return i
}

func over(id string, from, to int) api.Incident {
	i := open(id, from)
	end := begin.Add(time.Duration(to) * time.Minute)
	i.Resolved, i.End = &end, api.EndRecovered
	return i
}

// A moment is what the hub knows in a minute of the story.
type moment struct {
	minute    int
	incidents []api.Incident
	gone      string
}

// told plays a story in which every message is sent at once, and returns what
// a receiver was told: minute, incident, event.
func told(t *testing.T, r *Receiver, story ...moment) string {
	t.Helper()
	l := newLedger()
	var all []string
	for _, m := range story {
		now := begin.Add(time.Duration(m.minute) * time.Minute)
		gone := map[string]bool{}
		if m.gone != "" {
			gone[m.gone] = true
		}
		for _, d := range l.plan(r, m.incidents, gone, now) {
			all = append(all, fmt.Sprintf("%d %s %s", m.minute, d.Incident, d.Event))
			l.take(d)
			d.State, d.Snapshot = api.DeliverySent, nil
			l.take(d)
		}
	}
	return strings.Join(all, ", ")
}

func list(all ...api.Incident) []api.Incident { return all }

func TestPlan(t *testing.T) {
	chatty := Settings{Name: "r", Repeat: 4 * time.Hour, Grace: 10 * time.Minute}
	for name, c := range map[string]struct {
		s     func(*Settings)
		story []moment
		want  string
	}{
		"one that opens and ends": {story: []moment{
			{1, list(open("a", 0)), ""}, {2, list(open("a", 0)), ""}, {3, list(over("a", 0, 3)), ""}, {4, list(over("a", 0, 3)), ""},
		}, want: "1 a opened, 3 a resolved"},
		"repeated": {story: []moment{
			{1, list(open("a", 0)), ""},
			{240, list(open("a", 0)), ""},
			{241, list(open("a", 0)), ""},
			{480, list(open("a", 0)), ""},
			{481, list(open("a", 0)), ""},
			{482, list(over("a", 0, 482)), ""},
		}, want: "1 a opened, 241 a repeat, 481 a repeat, 482 a resolved"},
		"never repeated": {s: func(s *Settings) { s.Repeat = 0 }, story: []moment{
			{1, list(open("a", 0)), ""}, {9999, list(open("a", 0)), ""},
		}, want: "1 a opened"},
		"flapping: its end must last once it came back": {story: []moment{
			{1, list(open("a", 0)), ""},
			{5, list(over("a", 0, 5)), ""},
			{7, list(open("a", 0)), ""},
			{9, list(over("a", 0, 9)), ""},
			{11, list(open("a", 0)), ""},
			{13, list(over("a", 0, 13)), ""},
			{23, list(over("a", 0, 13)), ""},
		}, want: "1 a opened, 5 a resolved, 7 a again, 23 a resolved"},
		"a relapse under another ID": {story: []moment{
			{1, list(open("a", 0)), ""}, {5, list(over("a", 0, 5)), ""}, {9, list(open("b", 8), over("a", 0, 5)), ""}, {30, list(over("b", 8, 12)), ""},
		}, want: "1 a opened, 5 a resolved, 9 b again, 30 b resolved"},
		"long after it is another": {story: []moment{
			{1, list(open("a", 0)), ""}, {5, list(over("a", 0, 5)), ""}, {16, list(open("b", 15)), ""},
		}, want: "1 a opened, 5 a resolved, 16 b opened"},
		"over when it is first seen": {story: []moment{
			{60, list(over("a", 0, 5), over("old", -200, -190)), ""},
		}, want: "60 a resolved"},
		"too young": {s: func(s *Settings) { s.MinAge = 2 * time.Minute }, story: []moment{
			{1, list(open("a", 0)), ""}, {2, list(open("a", 0)), ""}, {3, list(over("short", 1, 2)), ""},
		}, want: "2 a opened"},
		"of other services": {s: func(s *Settings) { s.Services = []string{"Storefront"} }, story: []moment{
			{1, list(open("a", 0)), ""},
		}, want: ""},
		"grown to a severity that is told": {s: func(s *Settings) { s.Severities = []string{api.SeverityCritical} }, story: []moment{
			{1, list(open("a", 0)), ""}, {2, list(severe(open("a", 0))), ""}, {3, list(over("a", 0, 3)), ""},
		}, want: "2 a opened, 3 a resolved"},
		"none any more": {story: []moment{
			{1, list(open("a", 0)), ""}, {9, list(), "a"}, {10, list(), "a"},
		}, want: "1 a opened, 9 a withdrawn"},
	} {
		r := &Receiver{Settings: chatty}
		if c.s != nil {
			c.s(&r.Settings)
		}
		if got := told(t, r, c.story...); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func severe(i api.Incident) api.Incident {
	i.Severity = api.SeverityCritical
	return i
}

// A relapse is the same thing to who pages by groups, and an alert keeps the
// labels it had whatever becomes of the incident.
func TestThreadsKeepTheirLabels(t *testing.T) {
	r := &Receiver{Settings: Settings{Name: "r", Grace: 10 * time.Minute}}
	l := newLedger()
	var all []api.Delivery
	play := func(minute int, i api.Incident) {
		for _, d := range l.plan(r, list(i), nil, begin.Add(time.Duration(minute)*time.Minute)) {
			all = append(all, d)
			l.take(d)
		}
	}
	play(1, open("a", 0))
	play(2, severe(over("a", 0, 2)))
	play(4, severe(open("b", 3)))
	for _, d := range all {
		if d.Thread != "a" || d.Labels["incident"] != "a" || d.Labels["severity"] != api.SeverityMajor {
			t.Errorf("%s: got thread %s and labels %v", d.Event, d.Thread, d.Labels)
		}
	}
	if len(all) != 3 {
		t.Errorf("got %d messages, want 3", len(all))
	}
}

// Two hubs that think of the same message at other times mean one.
func TestKeysAgree(t *testing.T) {
	r := &Receiver{Settings: Settings{Name: "r"}}
	here, there := newLedger(), newLedger()
	a := here.plan(r, list(open("a", 0)), nil, begin.Add(time.Minute))[0]
	b := there.plan(r, list(severe(open("a", 0))), nil, begin.Add(2*time.Minute))[0]
	if a.Key != b.Key {
		t.Fatalf("got keys %s and %s", a.Key, b.Key)
	}
	here.take(a)
	a.State = api.DeliverySent
	here.take(a)
	here.take(b) // recorded by who didn't know yet
	if due := here.due("r", begin.Add(time.Hour)); len(due) > 0 {
		t.Errorf("got %v to be sent again", due)
	}
}

// The end of an incident isn't told before its beginning was, nor the other way
// round.
func TestDueInOrder(t *testing.T) {
	r := &Receiver{Settings: Settings{Name: "r"}}
	l := newLedger()
	for m, i := range []api.Incident{open("a", 0), over("a", 0, 1)} {
		for _, d := range l.plan(r, list(i), nil, begin.Add(time.Duration(m)*time.Minute)) {
			l.take(d)
		}
	}
	now := begin.Add(time.Hour)
	var events []string
	for range 3 {
		for _, d := range l.due("r", now) {
			events = append(events, d.Event)
			d.State = api.DeliverySent
			l.take(d)
		}
	}
	if !slices.Equal(events, []string{api.EventOpened, api.EventResolved}) {
		t.Errorf("got %v", events)
	}
}

// What is kept of messages doesn't grow with time.
func TestLedgerForgets(t *testing.T) {
	r := &Receiver{Settings: Settings{Name: "r"}}
	l := newLedger()
	for n := range 100 {
		i := over(fmt.Sprint(n), 0, 1)
		i.Code = probes.Code(fmt.Sprint(n))
		for _, d := range l.plan(r, list(i), nil, begin.Add(time.Minute)) {
			d.State = api.DeliverySent
			l.take(d)
		}
	}
	l.forget(nil, begin.Add(remembered/2))
	if len(l.threads) != 100 {
		t.Errorf("got %d, want all for a while", len(l.threads))
	}
	l.forget(list(over("7", 0, 1)), begin.Add(2*remembered))
	if len(l.threads) != 1 {
		t.Errorf("got %d, want the one that is still an incident", len(l.threads))
	}
}
