package enclosure

import (
	"fmt"
	"time"
)

// startBuffer is how many seconds of sound a player waits for before it
// begins, as Media3's DefaultLoadControl has it.
const startBuffer = 2.5

// patience is how long sound may stay away before anybody is told: less is
// also what a busy prober makes of a good transfer.
const patience = time.Second

// A pace plays along while a file comes: does sound come before its time? It
// plays on as soon as anything is there again, so what it waits is the least
// that any player waits.
type pace struct {
	playing bool
	since   time.Duration // when playing began, by the clock of the listen
	waited  time.Duration // since then, all in all
	first   float64       // second of the sound at which it waited first
	there   float64       // seconds of sound that have come
}

// came notes that at the time now there are seconds of sound.
func (p *pace) came(now time.Duration, seconds float64) {
	if p.playing {
		p.wait(now)
	} else if seconds >= startBuffer {
		p.playing, p.since = true, now
	}
	p.there = seconds
}

// wait adds the time for which a player had nothing to play by now.
func (p *pace) wait(now time.Duration) {
	played := now - p.since - p.waited
	if lack := played - seconds(p.there); lack > 0 {
		if p.waited == 0 {
			p.first = p.there
		}
		p.waited += lack
	}
}

// stalls says where sound came too late, nil where it came in time.
func (p *pace) stalls() error {
	if p.waited < patience {
		return nil
	}
	return fmt.Errorf("stalls after %.1f s of sound; until the end a listener waits %.1f s", p.first, p.waited.Seconds())
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// outruns says how sound of a bit rate is played faster than size bytes of it
// came in took, nil where it isn't. What was there at once tells nothing of how
// it would go on: a transfer begins slowly.
func outruns(bitrate int, size int64, took time.Duration) error {
	rate := float64(size) * 8 / took.Seconds()
	if took < patience || rate >= float64(bitrate) {
		return nil
	}
	return fmt.Errorf("%d bytes came in %.1f s, which is %.0f kbit/s, for sound of %.0f kbit/s", size, took.Seconds(), rate/1000, float64(bitrate)/1000)
}
