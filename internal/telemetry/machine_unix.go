//go:build unix

package telemetry

import (
	"syscall"
	"time"
)

// cpuUsed is the CPU time that this process has had, of all its threads.
func cpuUsed() (time.Duration, bool) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, false
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), true
}
