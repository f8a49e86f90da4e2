package agent

import (
	"math"
	"os"
	"runtime/debug"
)

// What the garbage collector is told. A prober makes much that lives no longer
// than its run, so that collecting a quarter as often costs it a sixth less CPU,
// for some 12 MB. The limit keeps an agent that holds much from growing fivefold.
const (
	gcPercent = 400
	gcLimit   = 1 << 30 // bytes
)

// SaveCPU has the process collect garbage seldom. The variables GOGC and
// GOMEMLIMIT come first where they are set.
func SaveCPU() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" && debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(gcLimit)
	}
}
