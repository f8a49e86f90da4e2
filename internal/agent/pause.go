package agent

import (
	"reflect"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// windows remembers for a moment which windows are open: many targets may share
// one, and finding out costs much more than remembering.
type windows struct {
	at   time.Time // of what is remembered
	open map[probes.Window]bool
}

// windowsHold is how long an answer of a window holds, from a whole second on:
// at which windows begin and end.
const windowsHold = time.Second

// pause reports whether t is not to be probed now.
func (w *windows) pause(t *probes.Target, now time.Time) bool {
	if t.Paused {
		return true
	}
	for _, one := range t.Windows {
		if w.in(one, now) {
			return true
		}
	}
	return false
}

func (w *windows) in(one probes.Window, now time.Time) bool {
	if !reflect.ValueOf(one).Comparable() { // no key of a map
		return !one.Until(now).IsZero()
	}
	if age := now.Sub(w.at); w.open == nil || age < 0 || age >= windowsHold {
		w.at, w.open = now.Truncate(windowsHold), map[probes.Window]bool{}
	}
	open, known := w.open[one]
	if !known {
		open = !one.Until(now).IsZero()
		w.open[one] = open
	}
	return open
}

// forget lets go of windows that no target may have any longer.
func (w *windows) forget() { w.open = nil }
