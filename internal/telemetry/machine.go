package telemetry

import (
	"bytes"
	"os"
	"runtime"
	runtimes "runtime/metrics"
	"strconv"
)

// machineLoad is the load average over a minute, a CPU, where the system tells
// it as Linux does.
func machineLoad() (float64, bool) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, false
	}
	first, _, _ := bytes.Cut(text, []byte(" "))
	load, err := strconv.ParseFloat(string(first), 64)
	return load / float64(runtime.NumCPU()), err == nil
}

// memoryHeld is how many bytes of memory the process holds: resident, as Linux
// tells it, else what Go's runtime has of the system.
func memoryHeld() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if fields := bytes.Fields(text); err == nil && len(fields) > 1 {
		if pages, err := strconv.ParseInt(string(fields[1]), 10, 64); err == nil {
			return pages * int64(os.Getpagesize())
		}
	}
	s := []runtimes.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	runtimes.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}
