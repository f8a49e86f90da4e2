package datasource

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

func (d *Source) runs(ctx context.Context, q question) (data.Frames, error) {
	list, err := d.client.Runs(ctx, q.Query)
	if err != nil {
		return nil, err
	}
	if list.Runs == nil {
		return nil, errNotHub
	}
	f := asked(d.runTable(list.Runs), "runs", q.Query)
	if n := len(list.Runs); n < list.Total {
		f.AppendNotices(info(fmt.Sprintf("The newest %s of %s runs are shown: narrow the filters, or raise the limit.", thousands(n), thousands(list.Total))))
	}
	confirming := 0
	for _, r := range list.Runs {
		if r.Confirms != "" {
			confirming++
		}
	}
	if confirming > 0 {
		f.AppendNotices(info(fmt.Sprintf("%s sent to confirm a failure (column Confirms); such runs count in no ratio.", were(confirming))))
	}
	return data.Frames{f}, nil
}

func were(n int) string {
	if n == 1 {
		return "1 run here was"
	}
	return thousands(n) + " runs here were"
}

func (d *Source) runTable(runs []api.Run) *data.Frame {
	of := func(value func(api.Run) string) []string { return each(runs, value) }
	return table(
		"runs",
		column{name: "started", values: each(runs, func(r api.Run) *time.Time { return some(r.Started) })},
		column{name: "region", values: of(func(r api.Run) string { return r.Region })},
		column{name: "service", values: of(func(r api.Run) string { return r.Service })},
		column{name: "target", values: of(func(r api.Run) string { return r.Target })},
		column{name: "kind", values: of(func(r api.Run) string { return r.Kind })},
		column{name: "outcome", values: of(func(r api.Run) string { return string(r.Outcome) }), FieldConfig: outcome()},
		column{name: "code", values: of(func(r api.Run) string { return string(r.Code) })},
		column{name: "culprit", values: of(func(r api.Run) string { return r.Culprit })},
		column{name: "cause", values: of(func(r api.Run) string { return r.Cause })},
		column{name: "duration", values: each(runs, func(r api.Run) float64 { return millis(r.Duration) }), FieldConfig: data.FieldConfig{Unit: "ms"}},
		column{name: "detail", values: of(func(r api.Run) string { return r.Detail })},
		column{name: "advice", values: of(func(r api.Run) string { return advice(r.Code) })},
		column{name: "findings", values: of(findings)},
		column{name: "agent", values: of(func(r api.Run) string { return r.Agent })},
		column{name: "confirms", values: of(func(r api.Run) string { return r.Confirms }), FieldConfig: d.linked("Confirms")},
		column{name: "trace_id", values: of(func(r api.Run) string { return r.TraceID }), FieldConfig: d.linked("Trace")},
	)
}

// linked is a column of trace IDs.
func (d *Source) linked(title string) data.FieldConfig {
	c := d.traceLinks()
	c.DisplayNameFromDS = title
	return c
}

func findings(r api.Run) string { return strings.Join(each(r.Findings, finding), "; ") }

// finding is "warning: media_slow at edge.example: 96 kbit/s arrive".
func finding(f probes.Finding) string {
	text := string(f.Severity) + ": " + string(f.Code)
	if f.Host != "" {
		text += " at " + f.Host
	}
	if f.Detail != "" {
		text += ": " + f.Detail
	}
	return text
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
