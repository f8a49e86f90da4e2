package hub

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

func since(before time.Duration) time.Time { return pagesNow.Add(-before) }

func sinceThen(before time.Duration) *time.Time {
	t := since(before)
	return &t
}

// expiry is the incident of outage, as the fold tells it.
func expiry() api.Incident {
	return api.Incident{
		ID: "9f86d081884c", Severity: api.SeverityMajor, Code: probes.TLSExpired, Cause: "9F86D081", Culprit: "cdn.tonal.example",
		Title: "cdn.tonal.example: a certificate has expired; 2 targets fail in eu-west and us-east",
		Scope: api.ScopeRegional, Regions: []string{"eu-west", "us-east"}, Targets: []string{sixTargets[1].Name, sixTargets[0].Name},
		Services: []string{"Podcasts"}, ServicesUnaffected: []string{"Storefront"}, Hosts: []string{"cdn.tonal.example"},
		FirstFailure: since(21 * time.Minute), LastFailure: since(12 * time.Second), Detected: since(20 * time.Minute),
		PerRegion: []api.IncidentState{
			{Region: "eu-west", Started: since(18 * time.Minute)}, {Region: "us-east", Started: since(21 * time.Minute), Recovered: sinceThen(2 * time.Minute)},
		},
		Traces: []api.IncidentTrace{{Region: "eu-west", TraceID: failedTrace}},
		Advice: probes.TLSExpired.Advice(), Runs: 78, Using: 2, Codes: []api.CodeCount{{Code: probes.TLSExpired, Runs: 78}}, Detail: certDetail,
	}
}

// flaw is an incident that is over; silentAgent is one of ours.
func flaw() api.Incident {
	i := expiry()
	i.ID, i.Severity, i.Code, i.Cause, i.Culprit = "60303ae22b99", api.SeverityWarning, probes.MediaSlow, "edge3.tonal.example", "edge3.tonal.example"
	i.Hosts, i.Targets, i.Scope = []string{i.Culprit}, []string{sixTargets[2].Name}, api.ScopeGlobal
	i.FirstFailure, i.Detected, i.Resolved, i.End = since(50*time.Hour), since(50*time.Hour), sinceThen(47*time.Hour), api.EndRecovered
	i.PerRegion = nil
	return i
}

func silentAgent() api.Incident {
	i := expiry()
	i.ID, i.Severity, i.Code, i.Scope = "fd61a03af4f7", api.SeverityWarning, probes.LocalNetwork, api.ScopeAgent
	i.Cause, i.Culprit, i.Title, i.Detail = "agent-7f3a", "agent-7f3a", "The agent in eu-west is silent: nothing is known of what it probes", "nothing came"
	i.Services, i.Hosts, i.Regions = []string{}, []string{}, []string{"eu-west"}
	return i
}

var twoNotes = []api.Note{
	{At: since(15 * time.Minute), Text: "Ask Jo who holds the key to the vault."},
	{At: since(10 * time.Minute), Text: "We are renewing a certificate.", Workaround: "Downloaded episodes play.", Estimate: sinceThen(-30 * time.Minute), Public: true},
}

// incidents is a source with an outage, a flaw that is over and a silent agent.
func incidents() *answers {
	a := &answers{matrix: outage(), incidents: []api.Incident{expiry(), silentAgent(), flaw()}}
	a.notes = map[string][]api.Note{expiry().ID: twoNotes}
	for n := range 40 {
		date := pagesNow.Add(-time.Duration(n) * day).Format(time.DateOnly)
		c := api.Counts{OK: 8640 - n, Failed: n % 3}
		if n == 0 {
			c = api.Counts{OK: 1000, Failed: 78}
		}
		a.days = append(a.days, api.ServiceDay{Service: "Podcasts", Date: date, Counts: c})
		if n < 20 {
			a.days = append(a.days, api.ServiceDay{Service: "Storefront", Date: date, Counts: api.Counts{OK: 4320}})
		}
	}
	return a
}

func TestStatusTellsIncidentsInPlainWordsFirst(t *testing.T) {
	text := read(t, incidents(), "/", 200)
	wantAll(t, text,
		"Podcasts: some episodes can't be played in Ireland and Virginia since 02:41 UTC", "A certificate has expired.",
		"We are renewing a certificate.", "Until then: Downloaded episodes play.", "Expected to be over by 03:32 UTC",
		"tls_expired at cdn.tonal.example",
		"Podcasts: one show may stall in all regions", "resolved after 3 h",
		"Partly out", "2 days with incidents", "1,078 checks, 78 failed; 1 incident; not all served for 21 min",
		"The agent in eu-west is silent",
	)
	wantNone(t, text, "Ask Jo", "Fails in eu-west, us-east") // the incident says it
	plain, code := strings.Index(text, "some episodes can't"), strings.Index(text, "tls_expired at cdn")
	if plain > code {
		t.Error("codes come before plain words")
	}
}

func TestStatusSaysThatIncidentsAreBeingRead(t *testing.T) {
	src := incidents()
	src.reading = true
	text := read(t, src, "/", 200)
	wantAll(t, read(t, src, "/history", 503), "still being read")
	wantAll(t, text, "Incidents are still being read", "2 of 6 targets fail", "Fails in eu-west, us-east")
}

func TestStatusOfASelectionHasNoBars(t *testing.T) {
	_, body := visit(t, incidents(), "/?region=eu-west")
	wantNone(t, body, `class="bars"`)
}

// Whoever can't see the bars is told the same in words, and whoever can't tell
// their colours by how high they are.
func TestBarsNeedNoColours(t *testing.T) {
	_, body := visit(t, incidents(), "/")
	wantAll(t, body,
		`role="img" aria-label="Podcasts in the last 90 days: 99.96% of checks were good; incidents on 2 days, listed below; no data of 50 days."`,
		`<rect class="major" x="356" y="10" width="3" height="22"/>`,
	)
	if got, want := strings.Count(body, `<g><title>`), 3*barDays; got != want {
		t.Errorf("got %d bars, want %d", got, want)
	}
}

func detail() api.IncidentDetail {
	return api.IncidentDetail{
		Incident: expiry(), Notes: twoNotes,
		Factors: []api.Factor{
			{Dimension: "certificate", Value: "9F86D081", FailingWith: 78, Failing: 78, Healthy: 240, Score: 1},
			{Dimension: "region", Value: "us-east", FailingWith: 40, Failing: 78, HealthyWith: 48, Healthy: 240, Score: 0.31},
		},
		Divergences: []api.Divergence{{
			Failing: api.Run{TraceID: failedTrace, Region: "eu-west", Target: sixTargets[1].Name, Started: since(12 * time.Second)},
			Healthy: api.Run{TraceID: "beef", Region: "ap-south", Target: sixTargets[1].Name, Started: since(20 * time.Second)},
			First:   2,
			Steps: []api.DivergedStep{
				{Path: "feed/hop/dns", Failing: true, Healthy: true, Facts: []api.DivergedFact{{Name: "host", Failing: "feeds.tonal.example", Healthy: "feeds.tonal.example"}}},
				{Path: "feed/hop/connect", Failing: true, Healthy: true, Facts: []api.DivergedFact{{Name: "address", Failing: "203.0.113.9", Healthy: "203.0.113.10", Differs: true}}},
				{Path: "episode/hop 2/tls", Failing: true, Healthy: true, Facts: []api.DivergedFact{
					{Name: "certificate", Failing: "9F86D081", Healthy: "AB12CD34", Differs: true},
					{Name: "expires", Failing: "2026-11-03T00:01:00Z", Healthy: "2027-01-30T00:00:00Z", Differs: true},
				}},
			},
		}},
		Shows:    []api.AffectedShow{{Target: sixTargets[1].Name, Title: "Night Shift", Publisher: "Tonal", Service: "Podcasts", Enclosures: 214}, {Target: sixTargets[0].Name, Service: "Podcasts"}},
		Evidence: []api.Evidence{{Region: "eu-west", TraceID: failedTrace, Path: "episode/hop 2/tls", Facts: [][2]string{{"code", "tls_expired"}, {"certificate 1", "CN=cdn.tonal.example, issued by CN=R11,O=Example CA"}}}},
		Timeline: []api.Moment{{At: since(21 * time.Minute), Text: "first failure, in us-east: a certificate has expired"}, {At: since(20 * time.Minute), Text: "detected, 1m0s after the first failure"}},
	}
}

func TestIncidentPage(t *testing.T) {
	src := incidents()
	src.detail = detail()
	text := read(t, src, "/incidents/"+expiry().ID, 200)
	wantAll(t, text,
		"Podcasts: some episodes can't be played in Ireland and Virginia", "since 02:41 UTC, for 21 min", "not hit: Storefront",
		"tls_expired at cdn.tonal.example : a certificate has expired", certDetail,
		"for operators only", "Ask Jo", "We are renewing a certificate.",
		"certificate 9F86D081 78 of 78 0 of 240 100%", "eu-west beside ap-south", "The first step that differs is episode/hop 2/tls",
		"AB12CD34", "1 other step with differences", "203.0.113.9", "1 step alike in both", "Night Shift", "214", "detected, 1m0s after", "issued by CN=R11",
		"Detected 60 s after it", "sonde incident note "+expiry().ID,
	)
	_, body := visit(t, src, "/incidents/"+expiry().ID)
	wantAll(t, body, `href="/runs/`+failedTrace+`"`, `href="/runs/beef"`, "culprit=cdn.tonal.example")
	wantAll(t, read(t, src, "/incidents/beef", 404), "There is no such incident", `"beef"`)
}

func TestHistoryByMonth(t *testing.T) {
	src := incidents()
	text := read(t, src, "/history", 200)
	wantAll(t, text, "Incidents in November 2026", "some episodes can't be played", "one show may stall")
	wantNone(t, text, "the month after")
	src.incidents[2].FirstFailure, src.incidents[2].Resolved = since(20*day), sinceThen(19*day)
	wantNone(t, read(t, src, "/history?month=2026-11", 200), "may stall")
	text = read(t, src, "/history?month=2026-10", 200)
	wantAll(t, text, "Incidents in October 2026", "one show may stall", "the month after")
	wantNone(t, text, "can't be played")
	for _, bad := range []string{"2027-01", "yesterday"} {
		wantAll(t, read(t, src, "/history?month="+bad, 400), "such as 2026-11")
	}
}

func TestCertificatesByExpiry(t *testing.T) {
	src := &answers{impact: api.Impact{
		Certificates: []api.ImpactCertificate{
			{SHA256: "9F86", Hosts: []string{"cdn.tonal.example"}, NotAfter: since(3 * time.Hour), Targets: []string{"a", "b"}, Services: []string{"Podcasts"}},
			{SHA256: "AB12", Hosts: []string{"www.tonal.example"}, NotAfter: since(-10 * day), Targets: []string{"c"}},
			{SHA256: "CD34", Hosts: []string{"feeds.tonal.example"}, NotAfter: since(-80 * day), Targets: []string{"a"}},
		},
		Differing: []api.DifferingHost{{Host: "edge.tonal.example", Served: []api.ServedCertificate{{Region: "eu-west", SHA256: "01", NotAfter: since(-9 * day)}, {Region: "us-east", SHA256: "02"}}}},
	}}
	text := read(t, src, "/certificates", 200)
	wantAll(t, text, "1 certificate has expired and still is served", "expired 3 h ago", "cdn.tonal.example", "2 targets", "in 10 days", "edge.tonal.example")
	src.impact.Certificates = src.impact.Certificates[2:]
	wantAll(t, read(t, src, "/certificates", 200), "No certificate expires within two weeks")
	wantAll(t, read(t, &answers{}, "/certificates", 200), "No certificate was seen")
}

func feedOf(t *testing.T, src source) (f atomFeed) {
	t.Helper()
	status, body := visit(t, src, "/feed.atom")
	if status != http.StatusOK {
		t.Fatalf("got status %d: %s", status, body)
	}
	if err := xml.Unmarshal([]byte(body), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// An entry keeps its ID, and changes when what it says does: not with every
// run that fails.
func TestFeed(t *testing.T) {
	src := incidents()
	src.incidents[0].Title, src.incidents[0].Scope = "a\x01<b>", api.ScopeRegional
	before := feedOf(t, src)
	if len(before.Entries) != 3 || before.Entries[0].Title != "Podcasts: some episodes can't be played in Ireland and Virginia" {
		t.Fatalf("got %+v", before.Entries)
	}
	first := before.Entries[0]
	if want := since(2 * time.Minute).Format(time.RFC3339); first.Updated != want || before.Updated != want {
		t.Errorf("updated %s, the feed %s, want %s", first.Updated, before.Updated, want)
	}
	wantAll(t, first.Content.Text, "Good again in Virginia", "We are renewing", "expected to be over")
	wantNone(t, first.Content.Text, "Ask Jo", "cdn.tonal.example")
	src.incidents[0].LastFailure, src.incidents[0].Runs = pagesNow, 90
	again := feedOf(t, src).Entries[0]
	again.Link = first.Link // another port
	if again != first {
		t.Errorf("got %+v after one more run, want %+v", again, first)
	}
	src.incidents[0].Resolved = sinceThen(time.Minute)
	again = feedOf(t, src).Entries[0]
	if again.ID != first.ID || again.Updated == first.Updated {
		t.Errorf("resolved: got ID %s and update %s, before %s and %s", again.ID, again.Updated, first.ID, first.Updated)
	}
	ids := []string{before.ID}
	for _, e := range before.Entries {
		ids = append(ids, e.ID)
	}
	if slices.Sort(ids); len(slices.Compact(ids)) != 4 {
		t.Errorf("IDs aren't unique: %v", ids)
	}
}

func TestEveryWarningIsFeltOrNot(t *testing.T) {
	for _, c := range probes.Codes() {
		if c.Severity() != probes.Warning {
			continue
		}
		if (felt[c] == "") != slices.Contains(unnoticed, c) {
			t.Errorf("%s: want it in felt or in unnoticed", c)
		}
	}
}

func TestPlainWords(t *testing.T) {
	w := words{(&answers{matrix: world(sixTargets, "a")}).Targets(), func(r string) string { return strings.ToUpper(r) }}
	w.targets["odd"] = api.TargetInfo{Name: "odd", Kind: "stream", Service: "Podcasts"}
	for _, c := range []struct {
		want string
		i    api.Incident
	}{
		{"Podcasts: the episode can't be downloaded in all regions", api.Incident{Services: []string{"Podcasts"}, Targets: []string{sixTargets[0].Name}, Scope: api.ScopeGlobal}},
		{"Podcasts: one show can't be played in EU", api.Incident{Services: []string{"Podcasts"}, Targets: []string{sixTargets[1].Name}, Regions: []string{"eu"}, Scope: api.ScopeRegional}},
		{"Storefront: no page can be opened as seen from EU", api.Incident{Services: []string{"Storefront"}, Targets: []string{sixTargets[3].Name, sixTargets[4].Name}, Regions: []string{"eu"}, Scope: api.ScopeSingle}},
		{"Podcasts and Storefront: some of it can't be reached in 4 regions", api.Incident{Services: []string{"Podcasts", "Storefront"}, Targets: []string{sixTargets[1].Name, sixTargets[4].Name}, Regions: strings.Split("a b c d", " "), Scope: api.ScopeRegional}},
		{"Podcasts: none of it can be reached in A, B and C", api.Incident{Services: []string{"Podcasts"}, Targets: []string{"odd"}, Regions: strings.Split("a b c", " "), Scope: api.ScopeRegional}},
		{"Podcasts: no show can be read by apps in all regions", api.Incident{Code: probes.FeedSyntax, Services: []string{"Podcasts"}, Targets: []string{sixTargets[1].Name, sixTargets[2].Name}, Scope: api.ScopeGlobal}},
		{"Podcasts: some of it can't be reached in all regions", api.Incident{Services: []string{"Podcasts"}, Targets: []string{"unheard of"}, Scope: api.ScopeGlobal}},
		{"as it is", api.Incident{Title: "as it is", Code: probes.AddressFailed, Severity: api.SeverityWarning, Services: []string{"Podcasts"}}},
	} {
		if got := w.title(&c.i); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestStrangersTextInIncidentsIsEscaped(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	i := expiry()
	i.Services, i.Hosts, i.Culprit, i.Cause, i.Detail, i.Regions = []string{evil}, []string{evil}, evil, evil, evil, []string{evil}
	i.PerRegion = []api.IncidentState{{Region: evil, Started: pagesNow}}
	d := detail()
	d.Incident, d.Notes = i, []api.Note{{Text: evil, Workaround: evil, Public: true}}
	d.Shows = []api.AffectedShow{{Target: evil, Title: evil, Publisher: evil, Service: evil}}
	d.Factors[0].Value, d.Divergences[0].Steps[2].Facts[0].Failing, d.Evidence[0].Facts[0][1] = evil, evil, evil
	src := &answers{
		matrix: world([]api.TargetInfo{{Name: evil, Kind: "feed", Service: evil}}, evil), incidents: []api.Incident{i}, detail: d,
		notes: map[string][]api.Note{i.ID: d.Notes}, impact: api.Impact{Certificates: []api.ImpactCertificate{{SHA256: evil, Hosts: []string{evil}, NotAfter: pagesNow}}},
	}
	for _, path := range []string{"/", "/incidents/" + i.ID, "/history", "/certificates", "/feed.atom"} {
		status, body := visit(t, src, path)
		if status != 200 {
			t.Errorf("GET %s: got status %d", path, status)
		}
		wantNone(t, body, "<script", "<img", "style=", fmt.Sprintf("%q", evil))
	}
}

// The first page that is asked for after a start has the words too.
func TestIncidentPageCountsTargetsItself(t *testing.T) {
	src := &uncounted{answers: *incidents()}
	src.detail = detail()
	wantAll(t, read(t, src, "/incidents/"+expiry().ID, 200), "some episodes can't be played")
}

// uncounted knows no targets until its days are asked for, as a ledger.
type uncounted struct {
	answers
	asked bool
}

func (u *uncounted) Days(ctx context.Context, from, to time.Time) ([]api.ServiceDay, time.Time, error) {
	u.asked = true
	return u.answers.Days(ctx, from, to)
}

func (u *uncounted) Targets() map[string]api.TargetInfo {
	if !u.asked {
		return nil
	}
	return u.answers.Targets()
}
