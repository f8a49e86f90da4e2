package page_test

import (
	"strings"
	"testing"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// What a browser refuses to fetch leaves no step, yet the page lacks it.
func TestMixedContentIsTold(t *testing.T) {
	w := serve(t, site{
		"/":          `<!doctype html><link rel=stylesheet href=http://old.example/a.css><link rel=stylesheet href=http://old.example/b.css><script src=http://old.example/c.js></script><script src=http://other.example/d.js></script>`,
		"/up":        `<!doctype html><img src=/pixel.png><p>fine`,
		"/pixel.png": "image/png|x",
	}, wiretest.Cert{})
	r := w.run(t, "/", nil)
	var hosts []string
	for _, f := range r.Findings {
		hosts = append(hosts, f.Host)
		if f.Code != probes.PageAsset || f.Severity != probes.Warning {
			t.Errorf("got %+v", f)
		}
	}
	if got := strings.Join(hosts, " "); got != "old.example other.example" || r.Outcome != probes.Degraded {
		t.Fatalf("got %s with findings at %q", r.Outcome, got)
	}
	if got := r.Findings[0].Detail; !strings.HasSuffix(got, "refuse: stylesheet, script") {
		t.Errorf("got %q", got)
	}
	if r := w.run(t, "/up", nil); r.Outcome != probes.OK {
		t.Errorf("got %s: %v", r.Outcome, r.Findings)
	}
}
