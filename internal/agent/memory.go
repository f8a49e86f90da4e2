package agent

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// What the garbage collector is told. A prober makes much that lives no longer
// than its run, so that collecting a quarter as often costs it a sixth less CPU,
// for some 12 MB. An agent with many targets holds much besides: fivefold that
// would be too much, so that garbage is bounded in bytes, but for what would have
// the collector run all the time.
const (
	gcPercent = 400
	gcSpare   = 16 << 20 // bytes of garbage
	gcLeast   = 25       // percent
)

// SaveCPU has the process collect garbage seldom from now on: call it before a
// configuration is read, whose garbage it bounds. The variable GOGC comes first
// where it is set.
func SaveCPU() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(gcPercent)
	afterGC(gcPercent)
}

// afterGC has the percentage adapted after each collection, percent being the
// one in force.
func afterGC(percent int) {
	// A finalizer runs once its object has been found to be garbage; a new
	// object is then garbage for the next collection to find.
	runtime.SetFinalizer(&cycle{percent: percent}, func(c *cycle) {
		if p := garbage(held()); p < c.percent*9/10 || p > c.percent*11/10 {
			debug.SetGCPercent(p) // which stops the world for a moment
			c.percent = p
		}
		afterGC(c.percent)
	})
}

// A cycle is one of the garbage collector. It is large enough to be an
// allocation of its own, as finalizers want.
type cycle struct {
	percent int
	_       [2]uint64
}

// held is how many bytes the last collection left.
func held() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// garbage is how much garbage there may be, in percent of what is held.
func garbage(held uint64) int {
	return int(min(max(gcSpare*100/max(held, 1), gcLeast), gcPercent))
}
