package hub

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

var pagesNow = time.Date(2026, 11, 3, 3, 2, 10, 0, time.UTC)

// answers is a source that gives what a test made by hand.
type answers struct {
	matrix api.Matrix
	runs   api.Runs
	traces map[string]api.Trace
	agents api.Agents
	err    error
	asked  []api.Query

	incidents []api.Incident // nil: none, and read
	detail    api.IncidentDetail
	notes     map[string][]api.Note
	impact    api.Impact
	days      []api.ServiceDay
	reading   bool
}

func (a *answers) Incidents(time.Time) []api.Incident {
	if a.reading {
		return nil
	}
	return append([]api.Incident{}, a.incidents...)
}

func (a *answers) Incident(_ context.Context, id string) (api.IncidentDetail, error) {
	if !strings.HasPrefix(a.detail.ID, id) || id == "" {
		return api.IncidentDetail{}, errNoIncident(id)
	}
	return a.detail, a.err
}

func (a *answers) Notes(id string) ([]api.Note, error) { return a.notes[id], a.err }

func (a *answers) Impact(context.Context, string) (api.Impact, error) { return a.impact, a.err }

func (a *answers) Days(context.Context, time.Time, time.Time) ([]api.ServiceDay, time.Time, error) {
	return a.days, time.Time{}, a.err
}

func (a *answers) Targets() map[string]api.TargetInfo {
	all := map[string]api.TargetInfo{}
	for _, t := range a.matrix.Targets {
		all[t.Name] = t
	}
	return all
}

func (a *answers) RegionName(region string) string {
	return cmp.Or(map[string]string{"eu-west": "Ireland", "us-east": "Virginia"}[region], region)
}

func (a *answers) Matrix(_ context.Context, q api.Query) (api.Matrix, error) {
	a.asked = append(a.asked, q)
	return a.matrix, a.err
}

func (a *answers) Agents(context.Context, api.Query) (api.Agents, error) { return a.agents, a.err }

func (a *answers) Runs(_ context.Context, q api.Query) (api.Runs, error) {
	a.asked = append(a.asked, q)
	return a.runs, a.err
}

func (a *answers) Trace(_ context.Context, id string) (api.Trace, error) {
	t, ok := a.traces[id]
	if !ok && a.err == nil {
		return t, fmt.Errorf("trace %s: %w", id, fs.ErrNotExist)
	}
	return t, a.err
}

// world is a matrix in which all is well: every target is probed each minute
// from every region, and its newest run began 12 s ago.
func world(targets []api.TargetInfo, regions ...string) api.Matrix {
	m := api.Matrix{From: pagesNow.Add(-time.Hour), To: pagesNow, Targets: targets}
	for _, r := range regions {
		m.Regions = append(m.Regions, api.Region{Name: r})
	}
	for _, t := range targets {
		for _, r := range regions {
			m.Cells = append(m.Cells, api.Cell{
				Region: r, Target: t.Name, Counts: api.Counts{OK: 60},
				Newest: api.Run{
					TraceID: fmt.Sprintf("%032x", len(m.Cells)+1), Region: r, Target: t.Name, Kind: t.Kind, Service: t.Service,
					Agent: "agent-" + r, Started: pagesNow.Add(-12 * time.Second), Scheduled: pagesNow.Add(-12 * time.Second),
					Interval: time.Minute, Duration: 184 * time.Millisecond, Outcome: probes.OK,
				},
			})
		}
	}
	return m
}

var sixTargets = []api.TargetInfo{
	{Name: "cdn.tonal.example/ep1.mp3", Kind: "enclosure", Service: "Podcasts"},
	{Name: "feeds.tonal.example/night-shift.xml", Kind: "feed", Service: "Podcasts"},
	{Name: "feeds.tonal.example/the-long-way-round.xml", Kind: "feed", Service: "Podcasts"},
	{Name: "login.tonal.example", Kind: "page", Service: "Storefront"},
	{Name: "www.tonal.example", Kind: "page", Service: "Storefront"},
	{Name: "archive.example/show.xml", Kind: "feed", Service: ""},
}

func cellOf(m *api.Matrix, region, target string) *api.Cell {
	for i := range m.Cells {
		if m.Cells[i].Region == region && m.Cells[i].Target == target {
			return &m.Cells[i]
		}
	}
	panic("no cell " + region + " " + target)
}

// fail lets a cell fail since the given time before now.
func fail(c *api.Cell, code probes.Code, culprit, detail string, since time.Duration) {
	c.Newest.Outcome, c.Newest.Code = probes.Failed, code
	c.Newest.Culprit, c.Newest.Cause, c.Newest.Detail = culprit, culprit, detail
	run, begin := c.Newest, pagesNow.Add(-since)
	c.Failing, c.FailedSince = &run, &begin
	c.Counts.Failed = min(int(since/time.Minute)+1, 60)
	c.Counts.OK = 60 - c.Counts.Failed
}

const certDetail = "x509: certificate has expired or is not yet valid: current time 2026-11-03T02:44:00Z is after 2026-11-03T02:41:00Z"

// outage: an expired certificate hits two targets in two of three regions, one
// target is degraded, one recovered, one unknown and one silent.
func outage() api.Matrix {
	m := world(sixTargets, "ap-south", "eu-west", "us-east")
	for _, target := range []string{sixTargets[0].Name, sixTargets[1].Name} {
		fail(cellOf(&m, "eu-west", target), probes.TLSExpired, "cdn.tonal.example", certDetail, 18*time.Minute)
		fail(cellOf(&m, "us-east", target), probes.TLSExpired, "cdn.tonal.example", certDetail, 21*time.Minute)
	}
	slow := cellOf(&m, "ap-south", sixTargets[2].Name)
	slow.Newest.Outcome, slow.Counts = probes.Degraded, api.Counts{OK: 50, Degraded: 10}
	slow.Newest.Findings = []probes.Finding{probes.Note(probes.MediaSlow, "edge3.tonal.example", "96 kbit/s arrive, 128 kbit/s play")}
	healed := cellOf(&m, "us-east", "www.tonal.example")
	fail(healed, probes.HTTPStatus, "www.tonal.example", "status 503", 30*time.Minute)
	healed.Failing.Started = pagesNow.Add(-25 * time.Minute)
	healed.FailedSince, healed.Counts = nil, api.Counts{OK: 55, Failed: 5}
	healed.Newest.Outcome, healed.Newest.Code, healed.Newest.Culprit = probes.OK, "", ""
	lost := cellOf(&m, "ap-south", "login.tonal.example")
	lost.Newest.Outcome, lost.Newest.Code = probes.Unknown, probes.LocalResources
	gone := cellOf(&m, "eu-west", "archive.example/show.xml")
	gone.Silent, gone.Newest.Started = true, pagesNow.Add(-14*time.Minute)
	return m
}

const failedTrace = "0af7651916cd43dd8448eb211c80319c"

// failedRun is an episode behind an expired certificate, two hops away.
func failedRun() api.Trace {
	begin := pagesNow.Add(-12 * time.Second)
	t := api.Trace{Run: api.Run{
		TraceID: failedTrace, Region: "eu-west", Agent: "agent-7f3a", Target: sixTargets[1].Name, Kind: "feed", Service: "Podcasts",
		Scheduled: begin, Started: begin, Duration: 412 * time.Millisecond, Interval: time.Minute,
		Outcome: probes.Failed, Code: probes.TLSExpired, Culprit: "cdn.tonal.example", Cause: "9F86D081", Detail: certDetail,
		Findings: []probes.Finding{
			probes.Note(probes.FeedEnclosure, "cdn.tonal.example", "the newest episode can't be fetched"),
			probes.Note(probes.InsecureHTTP, "play.prefix.example", "the second hop is plain http"),
		},
	}}
	add := func(id, parent, step string, at, took int, code probes.Code, attrs map[string]any) {
		t.Spans = append(t.Spans, api.Span{
			ID: id, Parent: parent, Name: step, Step: step, Code: code, Attrs: attrs,
			Start: begin.Add(time.Duration(at) * time.Millisecond), Duration: time.Duration(took) * time.Millisecond,
		})
	}
	hop := func(id, parent, host, role string, at int, status float64) {
		add(id, parent, "hop", at, 96, "", map[string]any{
			probes.AttrMethod: "GET", probes.AttrServerAddress: host, probes.AttrStatus: status, probes.AttrHopRole: role,
			probes.AttrURL: "https://" + host + "/night-shift/ep1.mp3?token=REDACTED", probes.AttrServerPort: float64(443),
		})
		add(id+"d", id, "dns", at, 11, "", map[string]any{probes.AttrDNSQuestion: host, probes.AttrDNSAnswers: []any{"203.0.113.9", "203.0.113.10"}})
		add(id+"c", id, "connect", at+11, 14, "", map[string]any{probes.AttrPeerAddress: "203.0.113.9", probes.AttrPeerPort: float64(443)})
		add(id+"t", id, "tls", at+25, 32, "", map[string]any{
			probes.AttrTLSVersion: "1.3", probes.AttrCertSubject: "CN=" + host, probes.AttrCertIssuer: "CN=R11,O=Example CA",
			probes.AttrCertNotBefore: "2026-09-01T00:00:00Z", probes.AttrCertNotAfter: "2026-12-01T00:00:00Z",
		})
		add(id+"r", id, "request", at+57, 28, "", nil)
		add(id+"b", id, "body", at+85, 11, "", map[string]any{probes.AttrBodySize: float64(48213)})
	}
	add("root", "", "probe feed", 0, 412, probes.TLSExpired, map[string]any{probes.AttrTarget: sixTargets[1].Name})
	add("feed", "root", "feed", 0, 110, "", nil)
	hop("h1", "feed", "feeds.tonal.example", "origin", 0, 200)
	add("parse", "feed", "parse", 97, 12, "", map[string]any{probes.AttrFeedFormat: "rss 2.0", probes.AttrFeedTitle: "Night Shift", probes.AttrFeedItems: float64(214)})
	add("ep", "root", "episode", 111, 300, probes.TLSExpired, map[string]any{probes.AttrEpisodeTitle: "Ep. 214: Ships that pass"})
	hop("h2", "ep", "play.prefix.example", "prefix", 111, 302)
	add("h3", "ep", "hop", 210, 200, probes.TLSExpired, map[string]any{probes.AttrMethod: "GET", probes.AttrServerAddress: "cdn.tonal.example", probes.AttrHopRole: "cdn"})
	add("h3d", "h3", "dns", 210, 40, "", map[string]any{probes.AttrDNSQuestion: "cdn.tonal.example", probes.AttrDNSAnswers: []any{"198.51.100.4"}})
	add("h3c", "h3", "connect", 250, 60, "", map[string]any{probes.AttrPeerAddress: "198.51.100.4", probes.AttrPeerPort: float64(443)})
	add("h3t", "h3", "tls", 310, 100, probes.TLSExpired, map[string]any{
		probes.AttrDetail: certDetail, probes.AttrFault: "9F86D081", probes.AttrErrorType: "tls_expired",
		probes.AttrTLSSubject: []any{"CN=cdn.tonal.example", "CN=R11,O=Example CA"},
		probes.AttrTLSIssuer:  []any{"CN=R11,O=Example CA", "CN=Example Root X1"},
		probes.AttrTLSBegin:   []any{"2026-08-05T02:41:00Z", "2024-03-13T00:00:00Z"},
		probes.AttrTLSEnd:     []any{"2026-11-03T00:01:00Z", "2027-03-12T23:59:59Z"},
		probes.AttrTLSSHA256:  []any{"9F86D081", "60303AE2"},
	})
	return t
}

// pages serves a source, as of a time.
func pages(src source, now func() time.Time) http.Handler {
	return (&site{src: src, now: now}).handler()
}
