package datasource

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// A tag is what Grafana's trace panel calls an attribute.
type tag struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

func (d *Source) trace(ctx context.Context, q question) (data.Frames, error) {
	t, err := d.client.Trace(ctx, q.panel.TraceID)
	if err != nil {
		return nil, err
	}
	if t.Run.TraceID == "" {
		return nil, errNotHub
	}
	f := asked(traceFrame(t), "traces/"+q.panel.TraceID, api.Query{})
	if t.Run.Outcome == "" {
		f.AppendNotices(info("Only a part of this run has arrived at the hub so far; its verdict isn't among it."))
	}
	return data.Frames{f}, nil
}

// traceFrame is the form that the trace panel and Explore draw.
func traceFrame(t api.Trace) *data.Frame {
	spans := t.Spans
	of := func(value func(api.Span) string) []string { return each(spans, value) }
	resource := raw([]tag{{"sonde.region", t.Run.Region}, {"service.instance.id", t.Run.Agent}})
	nothing := json.RawMessage("[]")
	f := data.NewFrame(
		"trace",
		data.NewField("traceID", nil, of(func(api.Span) string { return t.Run.TraceID })),
		data.NewField("spanID", nil, of(func(s api.Span) string { return s.ID })),
		data.NewField("parentSpanID", nil, of(func(s api.Span) string { return s.Parent })),
		data.NewField("operationName", nil, of(operation)),
		data.NewField("serviceName", nil, of(func(api.Span) string { return "sonde-agent" })),
		data.NewField("serviceTags", nil, each(spans, func(api.Span) json.RawMessage { return resource })),
		data.NewField("startTime", nil, each(spans, func(s api.Span) float64 { return float64(s.Start.UnixNano()) / float64(time.Millisecond) })),
		data.NewField("duration", nil, each(spans, func(s api.Span) float64 { return millis(s.Duration) })),
		data.NewField("kind", nil, of(kind)),
		data.NewField("statusCode", nil, each(spans, statusCode)),
		data.NewField("statusMessage", nil, of(statusMessage)),
		data.NewField("logs", nil, each(spans, func(api.Span) json.RawMessage { return nothing })),
		data.NewField("references", nil, each(spans, func(api.Span) json.RawMessage { return nothing })),
		data.NewField("tags", nil, each(spans, func(s api.Span) json.RawMessage { return raw(tags(s)) })),
		data.NewField("warnings", nil, each(spans, func(s api.Span) json.RawMessage { return raw(warnings(s)) })),
	)
	f.Meta = &data.FrameMeta{PreferredVisualization: data.VisTypeTrace}
	return f
}

// operation is the span's name, and where it went to if it went somewhere.
func operation(s api.Span) string {
	switch s.Step {
	case "hop":
		return s.Name + " " + text(s, probes.AttrServerAddress)
	case "asset":
		return s.Name + " " + text(s, probes.AttrURL)
	}
	return s.Name
}

func kind(s api.Span) string {
	if s.Step == "hop" {
		return "client"
	}
	return "internal"
}

// statusCode is 2, an error, where the step failed, and else unset.
func statusCode(s api.Span) int64 {
	if s.Code != "" {
		return 2
	}
	return 0
}

func statusMessage(s api.Span) string {
	if s.Code == "" {
		return ""
	}
	return string(s.Code) + ": " + cmp.Or(text(s, probes.AttrDetail), s.Code.Explanation())
}

func tags(s api.Span) []tag {
	all := make([]tag, 0, len(s.Attrs))
	for _, key := range slices.Sorted(maps.Keys(s.Attrs)) {
		all = append(all, tag{key, s.Attrs[key]})
	}
	return all
}

// warnings says what the code and the findings of a step mean, and what to do.
func warnings(s api.Span) []string {
	all := []string{}
	if s.Code != "" {
		all = append(all, meaning(s.Code, ""))
	}
	codes, _ := s.Attrs[probes.AttrFindings].([]any)
	hosts, _ := s.Attrs[probes.AttrFindingHosts].([]any)
	for i, c := range codes {
		code, _ := c.(string)
		host := ""
		if len(hosts) == len(codes) {
			host, _ = hosts[i].(string)
		}
		all = append(all, meaning(probes.Code(code), host))
	}
	return all
}

func meaning(c probes.Code, host string) string {
	text := string(c)
	if host != "" {
		text += " at " + host
	}
	if c.Known() {
		text += ": " + c.Explanation() + " " + c.Advice()
	}
	return text
}

func text(s api.Span, key string) string {
	v, _ := s.Attrs[key].(string)
	return v
}

// raw is v as JSON, which came out of JSON.
func raw(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
