package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/sonde-media/sonde/probes"
)

// What we encode is what OpenTelemetry's SDK and its stock exporter make of
// the same spans.
func TestEncodeAsTheSDKDoes(t *testing.T) {
	odd := okRun()
	odd.Root.Attrs["k\xff"] = "\xff"
	odd.Root.Attrs["list"] = make([]string, 1000)
	odd.Root.Attrs["unsound"] = []string{"a", "\xff\xff\xff", strings.Repeat("x", probes.MaxText+1)}
	odd.Root.Attrs["odd"] = struct{}{}
	odd.Root.Attrs["zero"], odd.Root.Attrs["no"], odd.Root.Attrs["empty"] = 0, false, []string{}
	odd.Root.Attrs["negative"], odd.Root.Attrs["float"] = int64(-1), -0.5
	odd.Root.Steps[0].Took = -time.Second
	for _, run := range []*probes.Run{okRun(), failedRun(), odd} {
		res := Resource{Version: "v1", Instance: "i1", Region: "\xff", Located: true, Lat: 53.3}
		want, err := encodeSpans(Spans(run, res))
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(decoded(t, want), decoded(t, newEncoder(res).encode(nil, run)), protocmp.Transform()); diff != "" {
			t.Errorf("requests (-SDK +ours):\n%s", diff)
		}
	}
}

func decoded(t *testing.T, body []byte) *collector.ExportTraceServiceRequest {
	t.Helper()
	var r collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// Spans returns, in the SDK's terms, the spans of a finished run, one a step in tree order, the
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

// attributes returns facts sorted by key, bounded and in valid UTF-8: one
// stray byte would make the whole request unreadable to its receiver.
func attributes(facts map[string]any) []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, len(facts))
	for _, key := range slices.Sorted(maps.Keys(facts)) {
		attrs = append(attrs, attribute.KeyValue{Key: attribute.Key(probes.Bounded(key)), Value: value(facts[key])})
	}
	return attrs
}

func value(v any) attribute.Value {
	switch v := v.(type) {
	case string:
		return attribute.StringValue(probes.Bounded(v))
	case bool:
		return attribute.BoolValue(v)
	case int:
		return attribute.IntValue(v)
	case int64:
		return attribute.Int64Value(v)
	case float64:
		return attribute.Float64Value(v)
	case []string:
		list := make([]string, 0, min(len(v), probes.MaxList))
		for _, text := range v[:min(len(v), probes.MaxList)] {
			list = append(list, probes.Bounded(text))
		}
		return attribute.StringSliceValue(list)
	default:
		return attribute.StringValue(probes.Bounded(fmt.Sprint(v)))
	}
}

// encodeSpans returns spans as an OTLP ExportTraceServiceRequest. Such messages may
// be joined end to end: protobuf reads the result as one request.
func encodeSpans(spans []sdktrace.ReadOnlySpan) ([]byte, error) {
	var c capture
	if err := otlptrace.NewUnstarted(&c).ExportSpans(background, spans); err != nil {
		return nil, err
	}
	return c.body, nil
}

// capture is the client of a stock exporter that keeps what it would send.
type capture struct{ body []byte }

func (c *capture) Start(context.Context) error { return nil }
func (c *capture) Stop(context.Context) error  { return nil }

func (c *capture) UploadTraces(_ context.Context, spans []*tracepb.ResourceSpans) (err error) {
	c.body, err = proto.Marshal(&collector.ExportTraceServiceRequest{ResourceSpans: spans})
	return err
}
