package datasource

import (
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// stateFrame is what a state timeline draws: a field of states a region.
func stateFrame(names []string, regions map[string]*series, times []time.Time, q api.Query) *data.Frame {
	f := data.NewFrame("states", data.NewField("time", nil, times))
	f.Meta = &data.FrameMeta{PreferredVisualizationPluginID: "state-timeline"}
	for _, name := range names {
		config := &data.FieldConfig{DisplayNameFromDS: name, Mappings: states()}
		f.Fields = append(f.Fields, data.NewField("outcome", data.Labels{"region": name}, regions[name].states(times, q)).SetConfig(config))
	}
	return f
}

// states returns the state of each bucket: the worst outcome of its runs.
// Where none is due yet the one before goes on; where one is overdue the
// region is silent. Null is what is before its first run, a bucket whose runs
// the filters don't select, and where nobody knows when a run is due.
func (s *series) states(times []time.Time, q api.Query) []*string {
	states := make([]*string, len(times))
	var last *string
	var seen time.Time
	if s.newest.Before(q.From) {
		seen = s.newest
	}
	for i, t := range times {
		switch {
		case s.all.at(t).Total() > 0:
			last, seen = state(s.these.at(t)), t.Add(q.Step)
			states[i] = last
		case s.pace > 0 && !seen.IsZero() && end(t, q).Sub(seen) >= maxGap*s.pace:
			states[i] = new(api.Silent)
		case s.pace > 0:
			states[i] = last
		}
	}
	return states
}

// end is that of the bucket which begins at t; the last one is cut short.
func end(t time.Time, q api.Query) time.Time {
	if e := t.Add(q.Step); e.Before(q.To) {
		return e
	}
	return q.To
}

// state is the worst outcome among runs; unknown only where all are.
func state(c api.Counts) *string {
	outcome := probes.Unknown
	switch {
	case c.Failed > 0:
		outcome = probes.Failed
	case c.Degraded > 0:
		outcome = probes.Degraded
	case c.OK > 0:
		outcome = probes.OK
	case c.Unknown == 0:
		return nil
	}
	return new(string(outcome))
}
