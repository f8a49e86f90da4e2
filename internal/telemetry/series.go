package telemetry

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// bounds are those of all histograms' buckets, in seconds.
var bounds = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}

// A series is one of a histogram. Its attributes are made once, since sorting
// them is most of what recording costs.
type series struct {
	options  []metric.RecordOption
	examples [16]atomic.Int64 // by bucket, when the newest was offered, in ns since 1970
}

// exampleEvery is how often a bucket gets another example: readers ask every
// few seconds, and offering one takes longer than recording.
const exampleEvery = time.Second

func newSeries(attributes attribute.Set) *series {
	return &series{options: []metric.RecordOption{metric.WithAttributeSet(attributes)}}
}

// record records what the step that w is at took, in h. Where the bucket wants
// an example it leads to the step's span.
func (s *series) record(w *walk, h metric.Float64Histogram, seconds float64) {
	ctx := background
	bucket, _ := slices.BinarySearch(bounds, seconds)
	newest, now := &s.examples[bucket], w.run.Root.Start.UnixNano()
	if before := newest.Load(); now-before >= int64(exampleEvery) || now < before {
		newest.Store(now)
		ctx = w.span()
	}
	h.Record(ctx, seconds, s.options...)
}

// seriesBy are series by what they differ by, which our code and the
// configuration bound. The zero value is empty.
type seriesBy[K comparable] struct {
	mu sync.RWMutex // guards by
	by map[K]*series
}

// of returns the series of key, with what attributes says where it is new.
func (b *seriesBy[K]) of(key K, attributes func(K) attribute.Set) *series {
	b.mu.RLock()
	s := b.by[key]
	b.mu.RUnlock()
	if s != nil {
		return s
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.by[key]; s != nil {
		return s
	}
	if b.by == nil {
		b.by = map[K]*series{}
	}
	s = newSeries(attributes(key))
	b.by[key] = s
	return s
}
