package api_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/internal/api"
)

var now = time.Date(2026, 6, 8, 12, 0, 0, 0, time.UTC)

func TestQueryReturnsFromItsParameters(t *testing.T) {
	q := api.Query{
		From: now.Add(-2 * time.Hour), To: now.Add(-time.Hour), Regions: []string{"eu", "us"}, Targets: []string{"a b&c=d"},
		Services: []string{"Podcasts"}, Kinds: []string{"feed"}, Outcomes: []string{"failed"}, Codes: []string{"tls_expired"},
		Culprits: []string{"cdn.example"}, Step: time.Minute, Limit: 7,
	}
	got, err := api.ParseQuery(q.Values(), now)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(q, got); d != "" {
		t.Error(d)
	}
}

func TestQueryDefaults(t *testing.T) {
	got, err := api.ParseQuery(nil, now)
	want := api.Query{From: now.Add(-api.DefaultRange), To: now, Step: time.Minute, Limit: api.DefaultLimit}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestQueryTimes(t *testing.T) {
	for text, want := range map[string]time.Time{
		"-15m": now.Add(-15 * time.Minute), "1780920000": time.Unix(1780920000, 0), "2026-06-08T10:00:00+02:00": now.Add(-4 * time.Hour),
	} {
		got, err := api.ParseQuery(url.Values{"from": {text}, "to": {now.Add(24 * time.Hour).Format(time.RFC3339)}}, now)
		if err != nil || !got.From.Equal(want) {
			t.Errorf("%s: got %v, %v, want %v", text, got.From, err, want)
		}
	}
}

// Whatever is asked for, the buckets of a series stay few.
func TestStepFitsTheRange(t *testing.T) {
	for span := time.Second; span < api.MaxRange; span *= 2 {
		q, err := api.ParseQuery(api.Query{From: now.Add(-span), To: now}.Values(), now)
		if err != nil || span/q.Step > api.MaxBuckets {
			t.Errorf("%v: step %v, %v", span, q.Step, err)
		}
	}
}

func TestBadQueries(t *testing.T) {
	for text, want := range map[string]string{
		"from=yesterday":              "from: want RFC 3339",
		"from=-1h&to=-2h":             "from: must be before to",
		"from=-87600h":                "longer than 400 days",
		"step=1ms":                    "step: must be positive",
		"step=-1s":                    "step: must be positive",
		"limit=-1":                    "limit: must be from 1 to 10000",
		"limit=20000":                 "limit: must be from 1",
		"limit=x":                     "limit:",
		"regoin=eu":                   "regoin: unknown parameter",
		"from=NaN":                    "from:",
		"from=1e300":                  "from:",
		"to=9e18":                     "to:",
		"from=-1h&regoin=eu&limit=-1": "limit:",
	} {
		v, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = api.ParseQuery(v, now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}
