package datasource

import (
	"flag"
	"net/url"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/experimental"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

var update = flag.Bool("update", false, "write the golden frames")

func answers() map[string]any {
	confirming := run("eu", "show", 6, probes.Failed)
	confirming.Confirms = run("eu", "show", 1, probes.Failed).TraceID
	degraded := run("us", "show", 5, probes.Degraded)
	degraded.Findings = []probes.Finding{probes.Note(probes.MediaSlow, "edge.example", "96 kbit/s arrive")}
	return map[string]any{
		"matrix": outage(),
		"series": tenMinutes,
		"runs":   api.Runs{Total: 2345, Runs: []api.Run{confirming, run("eu", "show", 1, probes.Failed), degraded}},
		"labels": api.Labels{Regions: []string{"ap", "eu", "us"}, Targets: []string{"show"}},

		"traces/" + trace().Run.TraceID: trace(),
	}
}

func TestGoldenFrames(t *testing.T) {
	d := source(t, newHub(t, answers()).URL, "", "")
	for name, text := range map[string]string{
		"matrix":         `{"question":"matrix"}`,
		"matrix_failing": `{"question":"matrix","outcomes":["failed","silent"]}`,
		"grid":           `{"question":"matrix","format":"grid"}`,
		"series":         `{"question":"series"}`,
		"series_code":    `{"question":"series","codes":["tls_expired"]}`,
		"series_runs":    `{"question":"series","measure":"runs"}`,
		"state":          `{"question":"series","format":"state"}`,
		"runs":           `{"question":"runs","limit":3}`,
		"trace":          `{"question":"trace","traceId":"00000000000000000000000000000001"}`,
		"labels":         `{"question":"labels","label":"region"}`,
	} {
		t.Run(name, func(t *testing.T) {
			r := ask(t, d, query(text, 10*time.Minute))["A"]
			experimental.CheckGoldenJSONResponse(t, "testdata", name, &r, *update)
		})
	}
}

// Alerting takes a series as typed and labelled, and knows an empty answer by
// a frame without fields.
func TestSeriesAreFitForAlerting(t *testing.T) {
	h := newHub(t, answers())
	d := source(t, h.URL, "", "")
	r := ask(t, d, query(`{"question":"series"}`, 10*time.Minute))["A"]
	if len(r.Frames) != 3 {
		t.Fatalf("got %d frames", len(r.Frames))
	}
	for _, f := range r.Frames {
		if s := f.TimeSeriesSchema(); s.Type != data.TimeSeriesTypeWide || f.Meta.Type != data.FrameTypeTimeSeriesMulti || f.Meta.TypeVersion != (data.FrameTypeVersion{0, 1}) {
			t.Errorf("%s: got %v, %+v", f.Name, s.Type, f.Meta)
		}
		if f.Fields[1].Labels["region"] != f.Name || f.Fields[0].Len() != 10 {
			t.Errorf("%s: got %v, %d points", f.Name, f.Fields[1].Labels, f.Fields[0].Len())
		}
	}
	h.answers["matrix"] = api.Matrix{To: noon}
	h.answers["series"] = api.Series{To: noon}
	r = ask(t, d, query(`{"question":"series"}`, 10*time.Minute))["A"]
	if len(r.Frames) != 1 || len(r.Frames[0].Fields) != 0 || r.Frames[0].Meta.Type != data.FrameTypeTimeSeriesMulti {
		t.Errorf("got %+v", r)
	}
}

func TestTenYears(t *testing.T) {
	h := newHub(t, answers())
	d := source(t, h.URL, "", "")
	for _, text := range []string{`{"question":"matrix"}`, `{"question":"series"}`, `{"question":"runs"}`, `{"question":"labels","label":"kind"}`} {
		r := ask(t, d, query(text, 10*365*24*time.Hour))["A"]
		if r.Error != nil {
			t.Fatalf("%s: %v", text, r.Error)
		}
		var told bool
		for _, n := range r.Frames[0].Meta.Notices {
			told = told || n.Text == "Only the last 400 days of the range are shown: a hub answers no longer one."
		}
		if !told {
			t.Errorf("%s: got %+v", text, r.Frames[0].Meta.Notices)
		}
	}
	for range len(h.asked) {
		if _, err := api.ParseQuery((<-h.asked).Query(), noon); err != nil {
			t.Error(err)
		}
	}
}

// A dashboard whose range ends tonight doesn't see everybody silent.
func TestTheFutureIsNotAsked(t *testing.T) {
	h := newHub(t, answers())
	q := query(`{"question":"runs"}`, 0)
	q.TimeRange.From, q.TimeRange.To = time.Now().Add(-time.Hour), time.Now().Add(12*time.Hour)
	ask(t, source(t, h.URL, "", ""), q)
	if p, err := api.ParseQuery((<-h.asked).Query(), time.Now()); err != nil || p.To.After(time.Now()) {
		t.Errorf("got %v, %v", p.To, err)
	}
}

func TestFiltersReachTheHub(t *testing.T) {
	h := newHub(t, answers())
	ask(t, source(t, h.URL, "", ""), query(`{"refId":"A","datasource":{},"question":"runs","regions":["{eu,us}"],"services":["$__all"],
		"targets":["[\"a,b\"]"],"kinds":["feed"],"outcomes":["failed"],"codes":["tls_expired"],"culprits":[""],"limit":7}`, time.Hour))
	got := (<-h.asked).Query()
	want := url.Values{
		"from": {"2026-06-08T11:00:00Z"}, "to": {"2026-06-08T12:00:00Z"}, "limit": {"7"}, "region": {"eu", "us"},
		"target": {"a,b"}, "kind": {"feed"}, "outcome": {"failed"}, "code": {"tls_expired"},
	}
	if got.Encode() != want.Encode() {
		t.Errorf("got %v, want %v", got, want)
	}
}
