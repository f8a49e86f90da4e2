package telemetry

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/sonde-media/sonde/probes"
)

// counts are how many runs ended how: the one metric that has a series a
// target. The SDK keeps a kilobyte of each for every reader, which is more than
// all else that an agent has of a target; here it is a place in a map. Readers
// get them as from the SDK, as cumulative sums.
type counts struct {
	region attribute.KeyValue
	since  time.Time
	most   int // series

	mu     sync.Mutex // guards what follows
	series map[ending]*count
	over   int64 // runs that there was no series for
}

// An ending is what series of runs differ by.
type ending struct {
	target, kind, service string
	outcome               probes.Outcome
	code                  probes.Code
}

type count struct {
	n      int64
	newest *example // nil where the runs went well
}

// An example is a run that a number leads to.
type example struct {
	trace probes.TraceID
	at    time.Time
}

func newCounts(region attribute.KeyValue) *counts {
	return &counts{region: region, since: time.Now(), most: maxSeries, series: map[ending]*count{}}
}

// add counts run.
func (c *counts) add(run *probes.Run) {
	t := run.Target
	key := ending{probes.Bounded(t.Name), probes.Bounded(t.Kind), probes.Bounded(t.Service), run.Outcome, run.Code}
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.series[key]
	if one == nil {
		if len(c.series) >= c.most {
			c.over++
			return
		}
		key.target = strings.Clone(key.target) // outlives the configuration that it is a piece of
		one = new(count)
		c.series[key] = one
	}
	one.n++
	if run.Outcome != probes.OK {
		one.newest = &example{run.ID, run.Root.Start}
	}
}

// Produce implements the SDK's interface for sums that it doesn't keep.
func (c *counts) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	points := c.points()
	if len(points) == 0 {
		return nil, nil
	}
	return []metricdata.ScopeMetrics{{
		Scope: instrumentation.Scope{Name: scopeName},
		Metrics: []metricdata.Metrics{{
			Name: "sonde.runs", Unit: "{run}", Description: "Finished runs.",
			Data: metricdata.Sum[int64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality, IsMonotonic: true},
		}},
	}}, nil
}

func (c *counts) points() []metricdata.DataPoint[int64] {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	points := make([]metricdata.DataPoint[int64], 0, len(c.series)+1)
	for key, one := range c.series {
		points = append(points, metricdata.DataPoint[int64]{
			Attributes: c.attributes(key), StartTime: c.since, Time: now, Value: one.n, Exemplars: one.exemplars(),
		})
	}
	if c.over > 0 { // as the SDK has it past its limit
		points = append(points, metricdata.DataPoint[int64]{
			Attributes: attribute.NewSet(attribute.Bool("otel.metric.overflow", true)), StartTime: c.since, Time: now, Value: c.over,
		})
	}
	return points
}

func (c *counts) attributes(key ending) attribute.Set {
	return set(attribute.String("target", key.target), attribute.String("kind", key.kind), attribute.String("service", key.service),
		c.region, attribute.String("outcome", string(key.outcome)), errorType(key.code))
}

// exemplars lead to the newest run that didn't go well.
func (c *count) exemplars() []metricdata.Exemplar[int64] {
	if c.newest == nil {
		return nil
	}
	root := c.newest.trace.Span(0)
	return []metricdata.Exemplar[int64]{{Time: c.newest.at, Value: 1, TraceID: c.newest.trace[:], SpanID: root[:]}}
}
