// Package telemetry turns finished runs into spans and metrics and delivers
// them: a pure fold from the tree of steps to spans, one walk for metrics, a
// spool on disk, and an uploader that loses no run while a hub is away. It is
// the only importer of OpenTelemetry's SDK.
package telemetry

import (
	"cmp"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/sonde-media/sonde/probes"
)

// scopeName is the instrumentation scope of all that Sonde sends.
const scopeName = "github.com/sonde-media/sonde"

// A Resource says who observed: what spans and metrics of one agent have in
// common.
type Resource struct {
	Version  string // of the agent
	Instance string // the agent's identity; see [Instance]
	Region   string
	Located  bool // whether Lat and Lon are known
	Lat, Lon float64
}

func (r Resource) resource() *resource.Resource {
	attrs := []attribute.KeyValue{
		attribute.String(probes.AttrServiceName, "sonde-agent"),
		attribute.String(probes.AttrServiceVersion, probes.Bounded(r.Version)),
		attribute.String(probes.AttrServiceInstance, probes.Bounded(r.Instance)),
		attribute.String(probes.AttrRegion, probes.Bounded(r.Region)),
	}
	if r.Located {
		attrs = append(attrs, attribute.Float64(probes.AttrLatitude, r.Lat), attribute.Float64(probes.AttrLongitude, r.Lon))
	}
	return resource.NewSchemaless(attrs...)
}

// Spans returns the spans of a finished run, one a step in tree order, the
// root first. It depends on nothing but its arguments: folding a run again
// gives the same spans with the same IDs.
func Spans(run *probes.Run, res Resource) []sdktrace.ReadOnlySpan {
	return fold(run, res.resource())
}

// fold is Spans with the resource made once for many runs.
func fold(run *probes.Run, res *resource.Resource) []sdktrace.ReadOnlySpan {
	f := folding{run: run, res: res}
	f.step(run.Root, trace.SpanContext{})
	return f.spans
}

type folding struct {
	run   *probes.Run
	res   *resource.Resource
	spans []sdktrace.ReadOnlySpan
}

func (f *folding) step(s *probes.Step, parent trace.SpanContext) {
	start := f.at(s.Start)
	stub := tracetest.SpanStub{
		Name:        s.Name,
		SpanContext: f.next(),
		Parent:      parent,
		SpanKind:    trace.SpanKindInternal,
		StartTime:   start,
		EndTime:     start.Add(max(0, s.Took)),
		Attributes:  attributes(f.run.Facts(s)),
		Resource:    f.res,

		ChildSpanCount:       len(s.Steps),
		InstrumentationScope: instrumentation.Scope{Name: scopeName},
	}
	if s.Name == "hop" {
		stub.SpanKind = trace.SpanKindClient
		stub.Name = probes.Bounded(cmp.Or(s.Text(probes.AttrMethod), "HTTP"))
	}
	if code, detail := f.run.Why(s); code != "" {
		stub.Status = sdktrace.Status{Code: codes.Error, Description: probes.Bounded(detail)}
	}
	f.spans = append(f.spans, stub.Snapshot())
	for _, c := range s.Steps {
		f.step(c, stub.SpanContext)
	}
}

// next returns the context of the span about to be added.
func (f *folding) next() trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID:    trace.TraceID(f.run.ID),
		SpanID:     trace.SpanID(f.run.ID.Span(len(f.spans))),
		TraceFlags: trace.FlagsSampled,
	})
}

// at places t on the wall clock as it stood when the run began, by the
// monotonic clock: a wall clock that jumps within a run must not tear
// children out of their parents.
func (f *folding) at(t time.Time) time.Time {
	return f.run.Root.Start.Add(t.Sub(f.run.Root.Start))
}
