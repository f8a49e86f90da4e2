package datasource

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// hubMatrix asks for a matrix and makes sure that it is one.
func (d *Source) hubMatrix(ctx context.Context, q api.Query) (api.Matrix, error) {
	m, err := d.client.Matrix(ctx, q)
	if err == nil && m.To.IsZero() {
		err = errNotHub
	}
	return m, err
}

// recalled is the matrix of q, and who fell silent in the day before its end.
// Outcome, code and culprit select cells by their newest run: of the runs of
// one outcome alone it can't be told who is silent.
func (d *Source) recalled(ctx context.Context, q api.Query) (api.Matrix, error) {
	outcomes, codes, culprits := q.Outcomes, q.Codes, q.Culprits
	q.Outcomes, q.Codes, q.Culprits = nil, nil, nil
	m, err := d.hubMatrix(ctx, q)
	if err != nil {
		return m, err
	}
	if q.To.Sub(q.From) < api.Recalled {
		q.From = q.To.Add(-api.Recalled)
		day, err := d.hubMatrix(ctx, q)
		if err != nil {
			return m, err
		}
		m.Recall(day)
	}
	m.Cells = slices.DeleteFunc(m.Cells, func(c api.Cell) bool {
		return !selects(outcomes, c.State()) || !selects(codes, string(c.Newest.Code)) || !selects(culprits, c.Newest.Culprit)
	})
	return m, nil
}

// selects reports whether a filter lets value through.
func selects(filter []string, value string) bool {
	return len(filter) == 0 || slices.Contains(filter, value)
}

func (d *Source) matrix(ctx context.Context, q question) (data.Frames, error) {
	m, err := d.recalled(ctx, q.Query)
	if err != nil {
		return nil, err
	}
	f := d.cells(m)
	if q.panel.Form() == api.FormatGrid {
		f = d.grid(m)
	}
	return data.Frames{asked(f, "matrix", q.Query)}, nil
}

// worst orders states by how much they matter.
var worst = []string{string(probes.Failed), api.Silent, string(probes.Degraded), string(probes.Unknown), string(probes.OK), api.Paused}

// cells is a row a cell, the worst first.
func (d *Source) cells(m api.Matrix) *data.Frame {
	targets := byName(m.Targets)
	cells := slices.SortedStableFunc(slices.Values(m.Cells), func(a, b api.Cell) int {
		return cmp.Or(
			cmp.Compare(slices.Index(worst, a.State()), slices.Index(worst, b.State())),
			cmp.Compare(targets[a.Target].Service, targets[b.Target].Service),
			cmp.Compare(a.Target, b.Target), cmp.Compare(a.Region, b.Region))
	})
	of := func(value func(api.Cell) string) []string { return each(cells, value) }
	ratio := data.FieldConfig{Unit: "percentunit", Description: "Failed runs over those that told something. Runs sent to confirm a failure don't count."}
	return table(
		"matrix",
		column{name: "region", values: of(func(c api.Cell) string { return c.Region })},
		column{name: "service", values: of(func(c api.Cell) string { return targets[c.Target].Service })},
		column{name: "target", values: of(func(c api.Cell) string { return c.Target })},
		column{name: "kind", values: of(func(c api.Cell) string { return targets[c.Target].Kind })},
		column{name: "outcome", values: of(api.Cell.State), FieldConfig: outcome()},
		column{name: "code", values: of(func(c api.Cell) string { return string(c.Newest.Code) })},
		column{name: "culprit", values: of(func(c api.Cell) string { return c.Newest.Culprit })},
		column{name: "failed_since", values: each(cells, func(c api.Cell) *time.Time { return c.FailedSince })},
		column{name: "failure_ratio", values: each(cells, cellRatio), FieldConfig: *ratio.SetMin(0).SetMax(1)},
		column{name: "failed", values: each(cells, func(c api.Cell) int64 { return int64(c.Counts.Failed) })},
		column{name: "runs", values: each(cells, func(c api.Cell) int64 { return int64(c.Counts.Total()) })},
		column{name: "newest", values: each(cells, func(c api.Cell) *time.Time { return some(c.Newest.Started) }), FieldConfig: data.FieldConfig{DisplayNameFromDS: "Newest run"}},
		column{name: "detail", values: of(func(c api.Cell) string { return c.Newest.Detail })},
		column{name: "findings", values: of(func(c api.Cell) string { return findings(c.Newest) })},
		column{name: "advice", values: of(func(c api.Cell) string { return advice(c.Newest.Code) })},
		column{name: "trace_id", values: of(func(c api.Cell) string { return c.Newest.TraceID }), FieldConfig: d.traceLinks()},
	)
}

// grid is a row a target and a column a region; null where a region doesn't
// probe the target.
func (d *Source) grid(m api.Matrix) *data.Frame {
	var targets []api.TargetInfo
	var regions []string
	at := map[[2]string]*string{}
	for _, c := range m.Cells {
		state := c.State()
		at[[2]string{c.Region, c.Target}] = &state
		if !slices.Contains(regions, c.Region) {
			regions = append(regions, c.Region)
		}
	}
	for _, t := range m.Targets {
		if slices.ContainsFunc(m.Cells, func(c api.Cell) bool { return c.Target == t.Name }) {
			targets = append(targets, t)
		}
	}
	slices.Sort(regions)
	columns := []column{
		{name: "service", values: each(targets, func(t api.TargetInfo) string { return t.Service })},
		{name: "target", values: each(targets, func(t api.TargetInfo) string { return t.Name })},
	}
	for _, r := range regions {
		looks := outcome()
		looks.DisplayNameFromDS = r
		looks.Links = []data.DataLink{d.explore("Show the runs", api.PanelQuery{
			Question: api.QuestionRuns, Regions: []string{r}, Targets: []string{"${__data.fields.target}"},
		})}
		columns = append(columns, column{r, each(targets, func(t api.TargetInfo) *string { return at[[2]string{r, t.Name}] }), looks})
	}
	return table("grid", columns...)
}

func cellRatio(c api.Cell) *float64 { return ratio(c.Counts) }

// ratio is null where no run told anything: that isn't a ratio of 0.
func ratio(c api.Counts) *float64 {
	if c.OK+c.Degraded+c.Failed == 0 {
		return nil
	}
	r := c.FailureRatio()
	return &r
}

func byName(targets []api.TargetInfo) map[string]api.TargetInfo {
	m := map[string]api.TargetInfo{}
	for _, t := range targets {
		m[t.Name] = t
	}
	return m
}

// each returns what f says of each, never nil.
func each[T, V any](all []T, f func(T) V) []V {
	values := make([]V, 0, len(all))
	for _, t := range all {
		values = append(values, f(t))
	}
	return values
}

// advice is what to do about a code, or "".
func advice(c probes.Code) string {
	if c == "" {
		return ""
	}
	return c.Advice()
}
