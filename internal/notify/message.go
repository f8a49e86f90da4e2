package notify

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// A Message is what templates are given: an incident, whose texts neither
// format nor mention anything in a chat, whoever wrote them.
type Message struct {
	api.Incident
	Event string // opened, again, repeat, resolved or withdrawn
	URL   string // of the incident's page, "" where it isn't known
	At    time.Time
}

func newMessage(d api.Delivery, hub string) Message {
	m := Message{Event: d.Event, At: d.At}
	if d.Snapshot != nil {
		m.Incident = *d.Snapshot
	}
	if hub != "" {
		m.URL = strings.TrimSuffix(hub, "/") + "/incidents/" + url.PathEscape(m.ID)
	}
	return m
}

// Open reports whether the incident goes on.
func (m Message) Open() bool { return !ends(m.Event) }

// Status is firing or resolved.
func (m Message) Status() string {
	if m.Open() {
		return "firing"
	}
	return "resolved"
}

// Word says in a few words what became of the incident.
func (m Message) Word() string {
	switch m.Event {
	case api.EventAgain:
		return "Failing again"
	case api.EventRepeat:
		return "Still open after " + m.Lasted()
	case api.EventWithdrawn:
		return "Withdrawn: part of another incident, or refuted by runs that came late"
	case api.EventResolved:
		if m.End == api.EndUnverified {
			return "Ended unverified after " + m.Lasted() + ": nobody probes it any more"
		}
		return "Resolved after " + m.Lasted()
	}
	return "New"
}

// Lasted is how long it went on, or goes on already.
func (m Message) Lasted() string {
	end := m.At
	if m.Resolved != nil {
		end = *m.Resolved
	}
	return probes.Roughly(max(0, end.Sub(m.FirstFailure)))
}

// When says since when, in UTC, and how soon it was seen.
func (m Message) When() string {
	s := "since " + m.FirstFailure.UTC().Format("2 Jan 15:04:05 UTC")
	if seen := m.Detected.Sub(m.FirstFailure); seen > 0 && !m.Detected.IsZero() {
		s += ", seen after " + probes.Roughly(seen)
	}
	return s
}

// Hit says which services are hit, and which aren't.
func (m Message) Hit() string {
	if len(m.Services) == 0 {
		return ""
	}
	s := listed(m.Services) + " hit"
	if len(m.ServicesUnaffected) > 0 {
		s += ", " + listed(m.ServicesUnaffected) + " not"
	}
	return s
}

// fewNames are named of a list.
const fewNames = 5

// listed names a few, and counts more.
func listed(all []string) string {
	if len(all) <= fewNames {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:fewNames-1], ", "), len(all)-fewNames+1)
}

// maxText bounds one text of a message.
const maxText = 500

// plain returns s in one line without what commands a terminal, bounded.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if short := probes.Clip(s, maxText); short != s {
		s = short + "…"
	}
	return s
}

// harmless returns s as text that chats show as it is: they make links and
// mentions of <…>, @… and [text](URL).
func harmless(s string) string {
	return chatWords.Replace(plain(s))
}

var chatWords = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "@\u200b", "](", "] (", "`", "'")

// with returns m with each text that strangers can have written put through f.
func (m Message) with(f func(string) string) Message {
	all := func(list []string) []string {
		mapped := make([]string, len(list))
		for i, s := range list {
			mapped[i] = f(s)
		}
		return mapped
	}
	m.Title, m.Cause, m.Culprit, m.Detail = f(m.Title), f(m.Cause), f(m.Culprit), f(m.Detail)
	m.Regions, m.Targets, m.Hosts = all(m.Regions), all(m.Targets), all(m.Hosts)
	m.Services, m.ServicesUnaffected = all(m.Services), all(m.ServicesUnaffected)
	states := make([]api.IncidentState, len(m.PerRegion))
	for i, s := range m.PerRegion {
		s.Region = f(s.Region)
		states[i] = s
	}
	traces := make([]api.IncidentTrace, len(m.Traces))
	for i, t := range m.Traces {
		traces[i] = api.IncidentTrace{Region: f(t.Region), TraceID: f(t.TraceID)}
	}
	codes := make([]api.CodeCount, len(m.Codes))
	for i, c := range m.Codes {
		c.Code = probes.Code(f(string(c.Code)))
		codes[i] = c
	}
	m.PerRegion, m.Traces, m.Codes = states, traces, codes
	m.Absorbed = slices.DeleteFunc(slices.Clone(m.Absorbed), func(c probes.Code) bool { return f(string(c)) != string(c) })
	m.ID, m.Severity, m.Code, m.Scope = f(m.ID), f(m.Severity), probes.Code(f(string(m.Code))), api.Scope(f(string(m.Scope)))
	return m
}
