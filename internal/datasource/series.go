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

// maxGap is how many intervals without a run are no silence yet.
const maxGap = 3

// A series is what one region says over time.
type series struct {
	region string
	newest time.Time     // when its newest run of the day before the range's end began
	gone   bool          // nothing is probed there any more
	pace   time.Duration // the shortest interval of a target there; 0: unknown
	all    points
	these  points // only of outcomes, codes and culprits asked for
}

// points are the runs of buckets by their begins, in nanoseconds since the epoch.
type points map[int64]api.Counts

func (p points) at(t time.Time) api.Counts { return p[t.UnixNano()] }

// series answers as one frame a region, or as one frame of states.
func (d *Source) series(ctx context.Context, q question) (data.Frames, error) {
	regions, err := d.paces(ctx, q)
	if err != nil {
		return nil, err
	}
	q.Step = step(q, regions)
	if err := d.fill(ctx, q.Query, regions); err != nil {
		return nil, err
	}
	times := buckets(q.From, q.To, q.Step)
	names := make([]string, 0, len(regions))
	for name := range regions {
		names = append(names, name)
	}
	slices.Sort(names)
	var frames data.Frames
	if q.panel.Form() == api.FormatState {
		frames = data.Frames{stateFrame(names, regions, times, q.Query)}
	} else {
		frames = measureFrames(names, regions, times, cmp.Or(q.panel.Measure, api.MeasureFailureRatio))
	}
	asked(frames[0], "series", q.Query)
	return frames, nil
}

// paces returns the regions of the day before the range's end, each with the
// interval of its busiest target: how fine steps may be, and when a region has
// fallen silent.
func (d *Source) paces(ctx context.Context, q question) (map[string]*series, error) {
	day := q.Query
	day.From = q.To.Add(-api.Recalled)
	day.Outcomes, day.Codes, day.Culprits = nil, nil, nil
	m, err := d.hubMatrix(ctx, day)
	if err != nil {
		return nil, err
	}
	regions := map[string]*series{}
	for _, c := range m.Cells {
		r := child(regions, c.Region)
		if c.Current() {
			r.pace = shorter(r.pace, c.Newest.Interval)
		}
		if c.Newest.Started.After(r.newest) {
			r.newest = c.Newest.Started
		}
	}
	// What is no longer probed sets the pace only of who has gone altogether.
	for _, c := range m.Cells {
		if r := regions[c.Region]; c.Silent && (r.pace == 0 || r.gone) {
			r.pace, r.gone = shorter(r.pace, c.Newest.Interval), true
		}
	}
	return regions, nil
}

// shorter returns the shorter of two intervals, of which 0 means none.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

func child(regions map[string]*series, name string) *series {
	if regions[name] == nil {
		regions[name] = &series{region: name}
	}
	return regions[name]
}

// fill asks for the runs of the range, and for those alone that the filters
// select: a ratio is theirs to all.
func (d *Source) fill(ctx context.Context, q api.Query, regions map[string]*series) error {
	all := q
	all.Outcomes, all.Codes, all.Culprits = nil, nil, nil
	answer, err := d.hubSeries(ctx, all)
	if err != nil {
		return err
	}
	for _, s := range answer.Series {
		r := child(regions, s.Region)
		r.all = byTime(s.Points)
		r.these = r.all
	}
	if len(q.Outcomes)+len(q.Codes)+len(q.Culprits) == 0 {
		return nil
	}
	if answer, err = d.hubSeries(ctx, q); err != nil {
		return err
	}
	for _, r := range regions {
		r.these = nil
	}
	for _, s := range answer.Series {
		child(regions, s.Region).these = byTime(s.Points)
	}
	return nil
}

func (d *Source) hubSeries(ctx context.Context, q api.Query) (api.Series, error) {
	s, err := d.client.Series(ctx, q)
	if err == nil && s.To.IsZero() {
		err = errNotHub
	}
	return s, err
}

func byTime(list []api.Point) points {
	m := make(points, len(list))
	for _, p := range list {
		m[p.Time.UnixNano()] = p.Counts
	}
	return m
}

// measureFrames is a frame a region, as alerting and time series panels want
// them. A bucket without runs is null, never 0: that nothing failed is told by
// runs alone. Only of runs themselves none is 0.
func measureFrames(names []string, regions map[string]*series, times []time.Time, m api.Measure) data.Frames {
	kind := &data.FrameMeta{Type: data.FrameTypeTimeSeriesMulti, TypeVersion: data.FrameTypeVersion{0, 1}, PreferredVisualization: data.VisTypeGraph}
	if len(names) == 0 {
		return data.Frames{data.NewFrame("").SetMeta(kind)} // this is how no data is told
	}
	frames := make(data.Frames, 0, len(names))
	for _, name := range names {
		r := regions[name]
		values := each(times, func(t time.Time) *float64 { return r.value(t, m) })
		meta := *kind
		frames = append(frames, data.NewFrame(
			name,
			data.NewField("time", nil, times),
			data.NewField(string(m), data.Labels{"region": name}, values).SetConfig(r.looks(m)),
		).SetMeta(&meta))
	}
	return frames
}

// value is what m comes to in the bucket that begins at t.
func (s *series) value(t time.Time, m api.Measure) *float64 {
	these, all := s.these.at(t), s.all.at(t)
	some := func(n int) *float64 { v := float64(n); return &v }
	switch {
	case m == api.MeasureRuns:
		return some(these.Total())
	case all.OK+all.Degraded+all.Failed == 0:
		return nil
	case m == api.MeasureFailed:
		return some(these.Failed)
	case m == api.MeasureDegraded:
		return some(these.Degraded)
	}
	all.Failed, all.OK = these.Failed, all.OK+all.Failed-these.Failed
	return ratio(all)
}

// looks draws a line over the buckets that have no run because targets aren't
// probed that often, and none over silence.
func (s *series) looks(m api.Measure) *data.FieldConfig {
	c := &data.FieldConfig{DisplayNameFromDS: s.region}
	c.SetMin(0)
	if m == api.MeasureFailureRatio {
		c.Unit = "percentunit"
		c.SetMax(1)
	}
	if s.pace > 0 {
		c.Custom = map[string]any{"spanNulls": float64((maxGap * s.pace).Milliseconds())}
	}
	return c
}

// step is the width of buckets: what the panel has room for, but neither less
// than the shortest interval of the targets nor too many.
func step(q question, regions map[string]*series) time.Duration {
	span, most := q.To.Sub(q.From), int64(api.MaxBuckets)
	if q.points > 0 {
		most = min(most, q.points)
	}
	pace := time.Duration(0)
	for _, r := range regions {
		pace = shorter(pace, r.pace)
	}
	return nice(max(q.interval, span/time.Duration(most), cmp.Or(pace, probes.DefaultInterval)))
}

// nice rounds up to a width that people use.
func nice(d time.Duration) time.Duration {
	const s, m, h = time.Second, time.Minute, time.Hour
	for _, width := range []time.Duration{
		s, 2 * s, 5 * s, 10 * s, 15 * s, 30 * s, m, 2 * m, 5 * m, 10 * m, 15 * m, 30 * m, h, 2 * h, 3 * h, 6 * h, 12 * h,
	} {
		if d <= width {
			return width
		}
	}
	const day = 24 * h
	return (d + day - 1) / day * day
}

// buckets returns the begins of the buckets that a hub cuts a range into.
func buckets(from, to time.Time, step time.Duration) []time.Time {
	var times []time.Time
	begin := from.UnixNano() / int64(step) * int64(step)
	for t := time.Unix(0, begin).UTC(); t.Before(to); t = t.Add(step) {
		times = append(times, t)
	}
	return times
}
