package main

import (
	"fmt"
	"time"

	"github.com/sonde-media/sonde/probes"
)

const (
	patience = time.Second // before waiting is worth a word
	tick     = 200 * time.Millisecond
)

// await returns the run from results. Where it takes long, stderr says so if
// that is a terminal.
func (c *check) await(rawURL string, results <-chan result) (*probes.Run, error) {
	begin := time.Now()
	waiting := false
	beat := time.NewTicker(tick)
	defer beat.Stop()
	for {
		select {
		case r := <-results:
			if waiting {
				fmt.Fprint(c.stderr, "\r\x1b[K")
			}
			return r.run, r.err
		case <-beat.C:
			if _, ok := terminal(c.stderr); ok && time.Since(begin) > patience {
				waiting = true
				url := printable(probes.RecordURLText(rawURL, c.recordQuery))
				fmt.Fprintf(c.stderr, "\r\x1b[K… %s  %.0f s", fit(url, minimalWidth), time.Since(begin).Seconds())
			}
		}
	}
}
