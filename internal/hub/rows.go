package hub

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/probes"
)

// agentStep is the root of a heartbeat.
const agentStep = "agent"

// Tallied is what became of the spans of a request.
type tallied struct{ kept, foreign, untimely int }

func (t tallied) total() int { return t.foreign + t.untimely }

func (t tallied) String() string {
	var says []string
	if t.foreign > 0 {
		says = append(says, fmt.Sprintf("%d spans have no %s, or no IDs: the hub keeps an agent's spans only", t.foreign, probes.AttrStep))
	}
	if t.untimely > 0 {
		says = append(says, fmt.Sprintf("%d spans began longer ago than the hub keeps, or in the future: check the agent's clock", t.untimely))
	}
	return strings.Join(says, "; ")
}

// A sender is who sent a request, as far as the request itself tells.
type sender struct {
	region   string        // that its token is bound to, or ""
	offset   time.Duration // of its clock, 0 where it doesn't tell
	received time.Time     // when the request arrived
}

// A fold turns the spans of one request into rows, each from one span alone
// and its resource.
type fold struct {
	clocks
	batch    store.Batch
	tallied  tallied
	received time.Time
	accepts  func(time.Time) bool
	traces   map[pcommon.TraceID]*fragment
	order    []pcommon.TraceID
}

// A fragment is the spans of one run in this request.
type fragment struct {
	traces  ptrace.Traces
	started time.Time // of the earliest span
	from    *observer // of the newest entry of spans
	spans   ptrace.SpanSlice
}

// rows returns what is to be stored of td. It takes td apart.
func rows(td ptrace.Traces, by sender, accepts func(time.Time) bool) (*store.Batch, tallied, error) {
	f := &fold{
		clocks: newClocks(td, by.offset), received: by.received, accepts: accepts,
		traces: map[pcommon.TraceID]*fragment{},
	}
	for _, rs := range td.ResourceSpans().All() {
		from := newObserver(rs.Resource())
		if by.region != "" && from.region != by.region {
			return nil, f.tallied, refusal{http.StatusForbidden, fmt.Errorf(
				"this token is bound to the region %q, and these spans are of the region %q: give each region a token of its own", by.region, from.region)}
		}
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				f.span(from, sp)
			}
		}
	}
	for _, id := range f.order {
		fr := f.traces[id]
		packed, err := store.Pack(id.String(), fr.started, fr.traces)
		if err != nil {
			return nil, f.tallied, err
		}
		f.batch.Fragments = append(f.batch.Fragments, packed)
	}
	return &f.batch, f.tallied, nil
}

func (f *fold) span(from *observer, sp ptrace.Span) {
	f.correct(from, sp)
	s := facts{sp.Attributes()}
	step, started := s.text(probes.AttrStep), sp.StartTimestamp().AsTime()
	switch {
	case step == "" || sp.TraceID().IsEmpty() || sp.SpanID().IsEmpty():
		f.tallied.foreign++
		return
	case !f.accepts(started):
		f.tallied.untimely++
		return
	}
	f.tallied.kept++
	root := sp.ParentSpanID().IsEmpty()
	switch {
	case root && step == agentStep:
		f.batch.Sightings = append(f.batch.Sightings, from.seen(started, f.beat(from, sp)))
		return // the row has all of it
	case root && strings.HasPrefix(step, "probe "):
		f.batch.Runs = append(f.batch.Runs, f.run(from, sp, s))
		f.batch.Sightings = append(f.batch.Sightings, from.seen(started, nil))
	case step == "hop" || step == "asset":
		f.batch.Hops = append(f.batch.Hops, hop(from, sp, s))
	}
	f.keep(from, sp, started)
}

// keep moves a span to the fragment of its run.
func (f *fold) keep(from *observer, sp ptrace.Span, started time.Time) {
	fr := f.traces[sp.TraceID()]
	if fr == nil {
		fr = &fragment{traces: ptrace.NewTraces(), started: started}
		f.traces[sp.TraceID()] = fr
		f.order = append(f.order, sp.TraceID())
	}
	if fr.from != from {
		rs := fr.traces.ResourceSpans().AppendEmpty()
		from.resource.CopyTo(rs.Resource())
		fr.from, fr.spans = from, rs.ScopeSpans().AppendEmpty().Spans()
	}
	if started.Before(fr.started) {
		fr.started = started
	}
	sp.MoveTo(fr.spans.AppendEmpty())
}

func (f *fold) run(from *observer, sp ptrace.Span, s facts) store.Run {
	started := sp.StartTimestamp().AsTime()
	return store.Run{
		Run: api.Run{
			TraceID: sp.TraceID().String(), Region: from.region, Agent: from.agent,
			Target: s.text(probes.AttrTarget), Service: s.text(probes.AttrService),
			Kind:    cmp.Or(s.text(probes.AttrKind), strings.TrimPrefix(s.text(probes.AttrStep), "probe ")),
			Started: started, Scheduled: s.time(probes.AttrScheduled, started), Received: f.received,
			Interval: s.seconds(probes.AttrInterval), Duration: lasted(sp),
			Outcome: outcome(s.text(probes.AttrOutcome)), Code: probes.Code(s.text(probes.AttrErrorType)),
			Culprit: s.text(probes.AttrCulprit), Cause: s.text(probes.AttrCause),
			Detail:   cmp.Or(s.text(probes.AttrDetail), probes.Bounded(sp.Status().Message())),
			Confirms: s.text(probes.AttrConfirms), Findings: s.findings(),
		},
		URL: s.text(probes.AttrURL), Labels: s.labels(), Hops: s.int(probes.AttrHopCount),
	}
}

func hop(from *observer, sp ptrace.Span, s facts) store.Hop {
	return store.Hop{
		TraceID: sp.TraceID().String(), SpanID: sp.SpanID().String(), Step: s.text(probes.AttrStep),
		Started: sp.StartTimestamp().AsTime(), Duration: lasted(sp), Region: from.region, Agent: from.agent,
		Target: s.text(probes.AttrTarget), Kind: s.text(probes.AttrKind), Index: s.int(probes.AttrHopIndex),
		Host: s.text(probes.AttrServerAddress), Previous: s.text(probes.AttrHopPrevious),
		Address: s.text(probes.AttrPeerAddress), Code: s.text(probes.AttrErrorType), Status: s.int(probes.AttrStatus),
		Cert: s.text(probes.AttrCertSHA256), CertNotAfter: s.text(probes.AttrCertNotAfter),
		CDN: s.text(probes.AttrCDNName), Role: cmp.Or(s.text(probes.AttrHopRole), s.text(probes.AttrAssetRole)),
		URL: s.text(probes.AttrURL),
	}
}

func lasted(sp ptrace.Span) time.Duration {
	return max(0, sp.EndTimestamp().AsTime().Sub(sp.StartTimestamp().AsTime()))
}

// outcome takes a word that isn't one of ours as what it tells us: nothing.
func outcome(word string) probes.Outcome {
	for _, o := range probes.Outcomes {
		if string(o) == word {
			return o
		}
	}
	return probes.Unknown
}

// An observer is who sent spans, by their resource.
type observer struct {
	resource               pcommon.Resource
	agent, region, version string
	lat, lon               float64
	offset                 time.Duration // of its clock
	clocked                bool          // the offset is known
}

func newObserver(r pcommon.Resource) *observer {
	s := facts{r.Attributes()}
	o := &observer{
		resource: r, agent: s.text(probes.AttrServiceInstance), region: s.text(probes.AttrRegion), version: s.text(probes.AttrServiceVersion),
		lat: s.float(probes.AttrLatitude), lon: s.float(probes.AttrLongitude),
	}
	o.offset, o.clocked = s.offset()
	return o
}

func (o *observer) seen(at time.Time, beat *api.Beat) store.Sighting {
	return store.Sighting{Agent: o.agent, Region: o.region, Version: o.version, Lat: o.lat, Lon: o.lon, Seen: at, Beat: beat}
}

// Facts are attributes, of which strangers may have sent any type.
type facts struct{ pcommon.Map }

func (s facts) text(key string) string {
	if v, ok := s.Get(key); ok {
		return probes.Bounded(v.Str())
	}
	return ""
}

// maxList is how many findings or labels a row holds; agents keep within it.
const maxList = 256

func (s facts) int(key string) int { return int(max(-1e9, min(s.float(key), 1e9))) }

// float returns a number, 0 where there is none or it is infinite.
func (s facts) float(key string) float64 {
	v, ok := s.Get(key)
	switch {
	case ok && v.Type() == pcommon.ValueTypeInt:
		return float64(v.Int())
	case ok && v.Type() == pcommon.ValueTypeDouble && math.Abs(v.Double()) <= math.MaxFloat64:
		return v.Double()
	}
	return 0
}

func (s facts) seconds(key string) time.Duration {
	const most = 1e9 // some thirty years: more overflows
	return time.Duration(max(0, min(s.float(key), most)) * float64(time.Second))
}

func (s facts) time(key string, otherwise time.Time) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s.text(key))
	if err != nil || t.Sub(otherwise).Abs() > 24*time.Hour {
		return otherwise
	}
	return t
}

func (s facts) list(key string) (all []string) {
	v, ok := s.Get(key)
	if !ok || v.Type() != pcommon.ValueTypeSlice {
		return nil
	}
	for _, e := range v.Slice().All() {
		if len(all) == maxList {
			break
		}
		all = append(all, probes.Bounded(e.Str()))
	}
	return all
}

// findings reads the four lists, as far as all of them go.
func (s facts) findings() []probes.Finding {
	codes, severities := s.list(probes.AttrFindings), s.list(probes.AttrFindingSeverities)
	hosts, details := s.list(probes.AttrFindingHosts), s.list(probes.AttrFindingDetails)
	var all []probes.Finding
	for i := range min(len(codes), len(severities), len(hosts), len(details)) {
		all = append(all, probes.Finding{
			Code: probes.Code(codes[i]), Severity: probes.Severity(severities[i]), Host: hosts[i], Detail: details[i],
		})
	}
	return all
}

func (s facts) labels() map[string]string {
	labels := map[string]string{}
	for key, v := range s.All() {
		if name, ok := strings.CutPrefix(key, probes.AttrLabel); ok && len(labels) < maxList {
			labels[probes.Bounded(name)] = probes.Bounded(v.AsString())
		}
	}
	return labels
}
