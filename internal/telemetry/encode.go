package telemetry

import (
	"cmp"
	"fmt"
	"math"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sonde-media/sonde/probes"
)

// An encoder writes finished runs as OTLP, without the SDK's spans between,
// which take eight times as long. The numbers are those of
// opentelemetry/proto/{collector/trace,trace,resource,common}/v1:
//
//	ExportTraceServiceRequest  1 ResourceSpans
//	ResourceSpans              1 Resource  2 ScopeSpans
//	ScopeSpans                 1 InstrumentationScope  2 Span
//	Span                       1 trace_id  2 span_id  4 parent_span_id  5 name  6 kind  7 start  8 end
//	                           9 KeyValue  15 Status  16 flags
//	Status                     2 message  3 code
//	KeyValue                   1 key  2 AnyValue
//	AnyValue                   1 string  2 bool  3 int  4 double  5 ArrayValue
//
// It is safe for concurrent use.
type encoder struct {
	resource []byte // field 1 of ResourceSpans
	scope    []byte // field 1 of ScopeSpans
}

func newEncoder(r Resource) *encoder {
	e := new(encoder)
	e.resource = message(nil, 1, func(b []byte) []byte {
		for _, a := range r.resource().Attributes() {
			b = keyValue(b, 1, string(a.Key), a.Value.AsInterface())
		}
		return b
	})
	e.scope = message(nil, 1, func(b []byte) []byte { return text(b, 1, scopeName) })
	return e
}

// encode appends to b the spans of a finished run, one a step in tree order, the
// root first, as an ExportTraceServiceRequest. It depends on nothing but its
// arguments: encoding a run again gives the same spans with the same IDs. Such
// messages may be joined end to end: protobuf reads the result as one request.
func (e *encoder) encode(b []byte, run *probes.Run) []byte {
	w := encoding{run: run, order: orders.Get().(*order)}
	defer orders.Put(w.order)
	w.order.keys = knownKeys()
	return message(b, 1, func(b []byte) []byte {
		b = append(b, e.resource...)
		return message(b, 2, func(b []byte) []byte {
			b = append(b, e.scope...)
			return w.step(b, run.Root, nil)
		})
	})
}

type encoding struct {
	run   *probes.Run
	spans int // written so far
	order *order
	told  [20]probes.Fact // room
}

// step appends the span of s and those below it, in a ScopeSpans.
func (w *encoding) step(b []byte, s *probes.Step, parent []byte) []byte {
	id := w.run.ID.Span(w.spans)
	w.spans++
	b = message(b, 2, func(b []byte) []byte { return w.span(b, s, id[:], parent) })
	for _, c := range s.Steps {
		b = w.step(b, c, id[:])
	}
	return b
}

func (w *encoding) span(b []byte, s *probes.Step, id, parent []byte) []byte {
	name, kind := s.Name, tracepb.Span_SPAN_KIND_INTERNAL
	if s.Name == "hop" {
		name, kind = probes.Bounded(cmp.Or(s.Text(probes.AttrMethod), "HTTP")), tracepb.Span_SPAN_KIND_CLIENT
	}
	start := w.at(s.Start)
	b = bytesField(b, 1, w.run.ID[:])
	b = bytesField(b, 2, id)
	if parent != nil {
		b = bytesField(b, 4, parent)
	}
	b = text(b, 5, name)
	b = varint(b, 6, uint64(kind))
	b = fixed64(b, 7, uint64(start.UnixNano()))
	b = fixed64(b, 8, uint64(start.Add(max(0, s.Took)).UnixNano()))
	b = w.attributes(b, s)
	b = message(b, 15, func(b []byte) []byte {
		code, detail := w.run.Why(s)
		if code == "" {
			return b
		}
		return varint(text(b, 2, probes.Bounded(detail)), 3, uint64(tracepb.Status_STATUS_CODE_ERROR))
	})
	b = protowire.AppendTag(b, 16, protowire.Fixed32Type)
	return protowire.AppendFixed32(b, spanFlags)
}

// spanFlags say that the run is sampled and that no parent is remote.
const spanFlags = 1 | uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)

// at places t on the wall clock as it stood when the run began, by the
// monotonic clock: a wall clock that jumps within a run must not tear
// children out of their parents.
func (w *encoding) at(t time.Time) time.Time {
	return w.run.Root.Start.Add(t.Sub(w.run.Root.Start))
}

// attributes appends the facts of s, sorted by key.
func (w *encoding) attributes(b []byte, s *probes.Step) []byte {
	for key, v := range s.Attrs {
		w.order.put(key, v)
	}
	for _, f := range w.run.AppendTold(w.told[:0], s) {
		w.order.put(f.Key, f.Value)
	}
	return w.order.take(b)
}

func keyValue(b []byte, field protowire.Number, key string, v any) []byte {
	return message(b, field, func(b []byte) []byte {
		return message(text(b, 1, key), 2, func(b []byte) []byte { return anyValue(b, v) })
	})
}

// anyValue appends v in an AnyValue.
func anyValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return text(b, 1, probes.Bounded(v))
	case bool:
		return varint(b, 2, protowire.EncodeBool(v))
	case int:
		return varint(b, 3, uint64(v))
	case int64:
		return varint(b, 3, uint64(v))
	case float64:
		return fixed64(b, 4, math.Float64bits(v))
	case []string:
		return message(b, 5, func(b []byte) []byte {
			for _, t := range v[:min(len(v), probes.MaxList)] {
				b = message(b, 1, func(b []byte) []byte { return text(b, 1, probes.Bounded(t)) })
			}
			return b
		})
	default:
		return text(b, 1, probes.Bounded(fmt.Sprint(v)))
	}
}

// message appends a field whose length is known only when f has appended it.
func message(b []byte, field protowire.Number, f func([]byte) []byte) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	begin := len(b)
	b = f(append(b, 0)) // room for a length of one byte, as most have
	size := len(b) - begin - 1
	if extra := protowire.SizeVarint(uint64(size)) - 1; extra > 0 {
		b = append(b, make([]byte, extra)...)
		copy(b[begin+1+extra:], b[begin+1:])
	}
	protowire.AppendVarint(b[:begin], uint64(size))
	return b
}

func text(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func bytesField(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func varint(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func fixed64(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), v)
}
