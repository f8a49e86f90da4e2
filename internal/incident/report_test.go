package incident_test

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/incident"
	"github.com/sonde-media/sonde/probes"
)

var update = flag.Bool("update", false, "write golden files")

// detailed is an incident of which all is known.
func detailed() api.IncidentDetail {
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	point := func(s int) *time.Time { t := at(s); return &t }
	cert := strings.Repeat("5f3a", 16)
	d := api.IncidentDetail{Incident: api.Incident{
		ID: "3f2a9c1b77aa", Severity: api.SeverityCritical, Title: "cdn.example: a certificate has expired; 3 targets fail in all regions",
		Code: probes.TLSExpired, Cause: cert, Culprit: "cdn.example", Hosts: []string{"cdn.example", "img.example"}, Scope: api.ScopeGlobal,
		Regions: []string{"eu-west", "us-east"}, Targets: []string{"a show", "another show", "a third"}, Using: 4,
		Services: []string{"Podcasts"}, ServicesUnaffected: []string{"Storefront"},
		FirstFailure: at(4), LastFailure: at(2400), Detected: at(45), Resolved: point(2464), End: api.EndRecovered,
		PerRegion: []api.IncidentState{{Region: "eu-west", Started: at(4), Recovered: point(2344)}, {Region: "us-east", Started: at(31), Recovered: point(2464)}},
		Traces:    []api.IncidentTrace{{Region: "eu-west", TraceID: strings.Repeat("a", 32)}, {Region: "us-east", TraceID: strings.Repeat("b", 32)}},
		Advice:    probes.TLSExpired.Advice(), Runs: 240, Detail: "expired at 2026-05-31T00:00:00Z",
		Codes: []api.CodeCount{{Code: probes.TLSExpired, Runs: 239, First: at(4)}, {Code: "http_status", Runs: 1, First: at(90)}}, Absorbed: []probes.Code{"cert_expiring"},
	}}
	d.Factors = []api.Factor{{Dimension: "certificate", Value: cert, FailingWith: 120, Failing: 120, HealthyWith: 0, Healthy: 40, Score: 1}}
	d.Divergences = []api.Divergence{{
		Failing: api.Run{Target: "a show", Region: "us-east", TraceID: strings.Repeat("b", 32)},
		Healthy: api.Run{Target: "a show", Region: "ap-south", TraceID: strings.Repeat("c", 32)}, First: 1,
		Steps: []api.DivergedStep{
			{Path: "feed/hop/tls", Failing: true, Healthy: true, Facts: []api.DivergedFact{{Name: "host", Failing: "feeds.example", Healthy: "feeds.example"}}},
			{Path: "episode/hop 2/tls", Failing: true, Healthy: true, Facts: []api.DivergedFact{
				{Name: "code", Failing: "tls_expired", Differs: true},
				{Name: "host", Failing: "cdn.example", Healthy: "cdn.example"},
				{Name: "certificate", Failing: cert, Healthy: strings.Repeat("77aa", 16), Differs: true},
			}},
		},
	}}
	d.Shows = []api.AffectedShow{{Target: "a show", Title: "A Show", Publisher: "Example Media", Service: "Podcasts", Enclosures: 12}, {Target: "a third", Title: "Third", Service: "Podcasts"}}
	d.Evidence = []api.Evidence{{Region: "eu-west", TraceID: strings.Repeat("a", 32), Path: "episode/hop 2/tls", Facts: [][2]string{
		{"host", "cdn.example"}, {"certificate 1", "CN=cdn.example, issued by CN=R3, until 2026-05-31T00:00:00Z, SHA-256 " + cert},
	}}}
	d.Notes = []api.Note{{At: at(600), Text: "new certificate ordered", Workaround: "use the feed's https alternative", Estimate: point(2700), Public: true}}
	d.Timeline = incident.Timeline(d.Incident, d.Notes)
	return d
}

func TestReport(t *testing.T) {
	got := incident.Report(detailed(), "https://hub.example/", begin.Add(24*time.Hour))
	const golden = "testdata/report.md"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// An incident of which hardly anything is known makes a report too, one that
// goes on says so, and one of an agent that is silent has no code.
func TestReportOfLittle(t *testing.T) {
	d := api.IncidentDetail{Incident: api.Incident{ID: "1", FirstFailure: begin, Detected: begin.Add(3 * time.Minute), Cause: "agent-1", Regions: []string{"eu-west"}, Scope: api.ScopeAgent, Title: "silent"}}
	got := incident.Report(d, "", begin.Add(2*time.Hour))
	for _, want := range []string{"# Open incident: silent", "for 2 hours already, no target is hit", "`agent-1`", "at one agent in eu-west"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	for _, bad := range []string{"``", "%!", "](", "\n\n\n\n"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q stands in\n%s", bad, got)
		}
	}
}

// Whatever strangers wrote, a report shows it in its place: no line begins with
// it, no cell ends in it, and outside of code nothing of it is Markdown.
func TestReportIsEscaped(t *testing.T) {
	bad := "\n# x\r\n| y | <img src=x onerror=alert(1)> [click](https://evil.example) ``code`` **b** @all www.evil.example ![](http://evil.example/p.png) \\| \x1b[31m\u202e" + string([]byte{0xff})
	d := detailed()
	all := []string{bad, bad}
	d.Title, d.Cause, d.Culprit, d.Detail, d.Advice, d.ID = bad, bad, bad, bad, bad, bad
	d.Hosts, d.Regions, d.Targets, d.Services, d.ServicesUnaffected = all, all, all, all, all
	d.Code, d.Severity = probes.Code(bad), bad
	d.Codes, d.Absorbed = []api.CodeCount{{Code: probes.Code(bad)}}, []probes.Code{probes.Code(bad)}
	d.PerRegion, d.Traces = []api.IncidentState{{Region: bad}}, []api.IncidentTrace{{Region: bad, TraceID: bad}}
	d.Factors = []api.Factor{{Dimension: bad, Value: bad}}
	d.Shows = []api.AffectedShow{{Target: bad, Title: bad, Publisher: bad, Service: bad}}
	d.Evidence = []api.Evidence{{Region: bad, TraceID: bad, Path: bad, Facts: [][2]string{{bad, bad}}}}
	d.Divergences[0].Steps[1] = api.DivergedStep{Path: bad, Facts: []api.DivergedFact{{Name: bad, Failing: bad, Healthy: bad, Differs: true}}, Failing: true, Healthy: true}
	d.Divergences[0].Failing, d.Divergences[0].Healthy = api.Run{Target: bad, Region: bad, TraceID: bad}, api.Run{Target: bad, Region: bad, TraceID: bad}
	d.Notes = []api.Note{{Text: bad, Workaround: bad}}
	d.Timeline = []api.Moment{{Text: bad}}
	got := incident.Report(d, "https://hub.example", begin)
	for _, line := range strings.Split(got, "\n") {
		if strings.HasPrefix(line, "# x") || strings.HasPrefix(line, "| y") {
			t.Errorf("a line of a stranger's: %s", line)
		}
		plain := withoutCode(line)
		for _, mark := range []string{"<img", "[click]", "https://evil", "http://evil", "www.", "**", "@all", "\x1b", "\u202e"} {
			if strings.Contains(plain, mark) {
				t.Errorf("%q stands in %s", mark, plain)
			}
		}
		if cells := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); strings.HasPrefix(line, "|") && (cells < 3 || cells > 6) {
			t.Errorf("%d bars in %s", cells, line)
		}
	}
}

// withoutCode drops code spans and what is escaped.
func withoutCode(line string) string {
	var b strings.Builder
	for line != "" {
		fence := 0
		for fence < len(line) && line[fence] == '`' {
			fence++
		}
		if fence == 0 {
			if line[0] == '\\' && len(line) > 1 {
				line = line[2:]
				continue
			}
			b.WriteByte(line[0])
			line = line[1:]
			continue
		}
		mark := line[:fence]
		_, after, ok := strings.Cut(line[fence:], mark)
		if !ok {
			return b.String() + line
		}
		line = after
	}
	return b.String()
}

func TestReportIsBounded(t *testing.T) {
	d := detailed()
	many := make([]string, 10_000)
	for i := range many {
		many[i] = strings.Repeat("x", 5000)
	}
	d.Targets, d.Hosts, d.Services, d.Regions = many, many, many, many
	for _, s := range many {
		d.Shows = append(d.Shows, api.AffectedShow{Target: s, Title: s})
		d.Evidence[0].Facts = append(d.Evidence[0].Facts, [2]string{"a", s})
	}
	if got := incident.Report(d, "", begin); len(got) > 1<<20 {
		t.Errorf("got %d bytes", len(got))
	}
}
