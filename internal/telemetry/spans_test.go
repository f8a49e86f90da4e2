package telemetry

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/sonde-media/sonde/probes"
)

// draw returns spans as text: one line a span, indented by depth, with start
// and duration relative to the root, then one line an attribute.
func draw(spans []sdktrace.ReadOnlySpan) string {
	var b strings.Builder
	depth := map[trace.SpanID]int{}
	for _, s := range spans {
		d := 0
		if s.Parent().IsValid() {
			d = depth[s.Parent().SpanID()] + 1
		}
		depth[s.SpanContext().SpanID()] = d
		indent := strings.Repeat("  ", d)
		fmt.Fprintf(&b, "%s%s [%s %v+%v]", indent, s.Name(), s.SpanKind(), s.StartTime().Sub(spans[0].StartTime()), s.EndTime().Sub(s.StartTime()))
		if s.Status().Code == codes.Error {
			fmt.Fprintf(&b, " !%s", s.Status().Description)
		}
		b.WriteByte('\n')
		for _, a := range s.Attributes() {
			fmt.Fprintf(&b, "%s  - %s=%s\n", indent, a.Key, a.Value.String())
		}
	}
	return b.String()
}

func TestSpansOfARunThatWentWell(t *testing.T) {
	want := `probe enclosure [internal 0s+400ms]
  - sonde.finding_details=["9 days left"]
  - sonde.finding_hosts=["cdn.example"]
  - sonde.finding_severities=["notice"]
  - sonde.findings=["cert_expiring"]
  - sonde.hop.count=1
  - sonde.interval=60
  - sonde.kind=enclosure
  - sonde.label.team=audio
  - sonde.outcome=ok
  - sonde.run.confirms=00000000000000000000000000000009
  - sonde.scheduled=2026-03-01T11:59:59.98Z
  - sonde.service=Podcasts
  - sonde.step=probe enclosure
  - sonde.target=cdn.example/ep1.mp3
  GET [client 10ms+300ms]
    - http.request.method=GET
    - http.response.status_code=206
    - server.address=cdn.example
    - sonde.hop.index=0
    - sonde.kind=enclosure
    - sonde.step=hop
    - sonde.target=cdn.example/ep1.mp3
    dns [internal 10ms+20ms]
      - dns.answers=["192.0.2.1","192.0.2.2"]
      - sonde.step=dns
    tls [internal 30ms+20ms]
      - sonde.finding_details=["9 days left"]
      - sonde.finding_hosts=["cdn.example"]
      - sonde.finding_severities=["notice"]
      - sonde.findings=["cert_expiring"]
      - sonde.step=tls
      - tls.server.not_after=2026-03-10T12:00:00Z
  decode [internal 310ms+5ms]
    - sonde.media.codec=mp3
    - sonde.media.startup_ms=120.5
    - sonde.step=decode
`
	if diff := cmp.Diff(want, draw(Spans(okRun(), Resource{}))); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}

func TestSpansOfAFailedRun(t *testing.T) {
	want := `probe page [internal 0s+90ms] !certificate expired on 2026-02-01
  - error.type=tls_expired
  - sonde.cause=AB12
  - sonde.culprit=static.example
  - sonde.detail=certificate expired on 2026-02-01
  - sonde.finding_details=["a stylesheet"]
  - sonde.finding_hosts=["static.example"]
  - sonde.finding_severities=["warning"]
  - sonde.findings=["page_blocking"]
  - sonde.kind=page
  - sonde.outcome=failed
  - sonde.scheduled=2026-03-01T11:59:59.98Z
  - sonde.step=probe page
  - sonde.target=shop.example
  document [internal 0s+30ms]
    - sonde.step=document
  asset [internal 40ms+30ms] !certificate expired on 2026-02-01
    - error.type=tls_expired
    - sonde.asset.blocking=true
    - sonde.detail=certificate expired on 2026-02-01
    - sonde.finding_details=["a stylesheet"]
    - sonde.finding_hosts=["static.example"]
    - sonde.finding_severities=["warning"]
    - sonde.findings=["page_blocking"]
    - sonde.kind=page
    - sonde.step=asset
    - sonde.target=shop.example
    GET [client 40ms+30ms] !certificate expired on 2026-02-01
      - error.type=tls_expired
      - http.request.method=GET
      - server.address=static.example
      - sonde.detail=certificate expired on 2026-02-01
      - sonde.kind=page
      - sonde.step=hop
      - sonde.target=shop.example
      tls [internal 50ms+10ms] !certificate expired on 2026-02-01
        - error.type=tls_expired
        - sonde.detail=certificate expired on 2026-02-01
        - sonde.fault=AB12
        - sonde.step=tls
        - tls.server.not_after=2026-02-01T00:00:00Z
`
	if diff := cmp.Diff(want, draw(Spans(failedRun(), Resource{}))); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}

func TestIDsAreThoseOfTheRun(t *testing.T) {
	run := okRun()
	for i, s := range Spans(run, Resource{}) {
		if got := s.SpanContext().TraceID().String(); got != run.ID.String() {
			t.Errorf("span %d: trace %s, want %s", i, got, run.ID)
		}
		if got, want := s.SpanContext().SpanID().String(), run.ID.Span(i).String(); got != want {
			t.Errorf("span %d: ID %s, want %s", i, got, want)
		}
	}
}

func TestSpansOfARealRunLieWithinTheirParents(t *testing.T) {
	run := probes.Do(t.Context(), func(_ context.Context, s *probes.Step, _ probes.Target) (err error) {
		for range 3 {
			c := s.Begin("document")
			c.Begin("parse").Done(nil)
			c.Done(&err)
		}
		return nil
	}, probes.Target{Name: "t", Kind: "page"})
	ends := map[trace.SpanID][2]time.Time{}
	for _, s := range Spans(run, Resource{}) {
		ends[s.SpanContext().SpanID()] = [2]time.Time{s.StartTime(), s.EndTime()}
		if p, ok := ends[s.Parent().SpanID()]; ok && (s.StartTime().Before(p[0]) || s.EndTime().After(p[1])) {
			t.Errorf("%s lies outside its parent", s.Name())
		}
	}
}

func TestResource(t *testing.T) {
	r := Resource{Version: "v1", Instance: "i1", Region: "eu-west", Located: true, Lat: 53.3, Lon: -6.3}
	got := Spans(okRun(), r)[0].Resource().String()
	want := "geo.location.lat=53.3,geo.location.lon=-6.3,service.instance.id=i1,service.name=sonde-agent,service.version=v1,sonde.region=eu-west"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestStrangersTextIsBoundedAndValid(t *testing.T) {
	for _, text := range []string{
		"", "plain", "caf\xe9", strings.Repeat("é", probes.MaxText), strings.Repeat("\xff", probes.MaxText),
		"x" + strings.Repeat("日", probes.MaxText), strings.Repeat("a\xff", probes.MaxText),
	} {
		got := probes.Bounded(text)
		if len(got) > probes.MaxText || !utf8.ValidString(got) {
			t.Errorf("%.10q: %d bytes, valid %v", text, len(got), utf8.ValidString(got))
		}
		if len(text) < 20 && utf8.ValidString(text) && got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	run := okRun()
	run.Root.Attrs["k\xff"] = strings.Repeat("\xff", 10_000)
	run.Root.Attrs["list"] = make([]string, 1000)
	run.Root.Attrs["odd"] = struct{}{}
	body := newEncoder(Resource{Region: "\xff"}).encode(nil, run)
	if !utf8.ValidString(draw(Spans(run, Resource{}))) || len(body) > 20_000 {
		t.Errorf("%d bytes", len(body))
	}
}
