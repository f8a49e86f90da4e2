//go:build !unix

package telemetry

import "time"

// cpuUsed isn't told here.
func cpuUsed() (time.Duration, bool) { return 0, false }
