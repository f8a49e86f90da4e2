package probes

import (
	"fmt"
	"time"
)

// Roughly tells a duration to people, in the largest unit of which there are
// two: "36 hours", "3 days". Below two minutes that is seconds.
func Roughly(d time.Duration) string {
	unit, name := time.Second, "second"
	switch {
	case d >= 48*time.Hour:
		unit, name = 24*time.Hour, "day"
	case d >= 2*time.Hour:
		unit, name = time.Hour, "hour"
	case d >= 2*time.Minute:
		unit, name = time.Minute, "minute"
	}
	if n := int(d / unit); n != 1 {
		return fmt.Sprintf("%d %ss", n, name)
	}
	return "1 " + name
}
