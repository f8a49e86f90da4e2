package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/sonde-media/sonde/internal/drill"
)

// A drillRun is drills, one after the other or side by side.
type drillRun struct {
	all, json, verbose bool
	parallel           int
	interval           time.Duration
	keep               string

	mu       sync.Mutex // guards what follows, and what is written
	out, err io.Writer
	results  []drill.Result
}

func drillRunCommand() *cobra.Command {
	d := &drillRun{}
	c := &cobra.Command{
		Use:   "run NAME... | --all",
		Short: "Run drills, and print the score",
		Long: `Run drills, and print the score.

Each drill starts a hub and agents as processes of this program, lets them probe
a simulated world, stages an outage there, and asks the hub's API what it makes
of it: in each interval, from before the outage until it recovered. What is told
is compared with the truth: code, cause, culprit, scope, severity, regions,
services hit and not hit, targets. It must be told within two intervals after
the failure could be confirmed, and the recovery within four intervals after the
outage ended; and nothing else may be told. How a drill goes is told on standard
error, the score is printed on standard output.

The exit status is 0 where all is correct, 1 where something is wrong, 3 where a
drill could not be run.`,
		Example: `  sonde drill run --all
  sonde drill run megaphone --keep /tmp/look
  sonde drill run --all --json | jq 'select(.correct | not)'`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			d.out, d.err = c.OutOrStdout(), c.ErrOrStderr()
			return d.run(c.Context(), args)
		},
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.BoolVar(&d.all, "all", false, "run all drills")
	fs.BoolVar(&d.json, "json", false, "print one JSON document a line instead of the table")
	fs.DurationVar(&d.interval, "interval", 0, "between two runs of a target, at least 1s (default: the drill's own)")
	fs.IntVar(&d.parallel, "parallel", 2*runtime.NumCPU(), "how many `WORLDS` run side by side, each of which waits most of the time")
	fs.StringVar(&d.keep, "keep", "", "keep stores, configurations and logs below this `DIR`")
	fs.BoolVar(&d.verbose, "verbose", false, "tell what hub and agents log, too")
	return c
}

func (d *drillRun) run(ctx context.Context, names []string) error {
	chosen, err := d.choose(names)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(d.parallel)
	for _, s := range slices.SortedStableFunc(slices.Values(chosen), longest) {
		g.Go(func() error {
			if ctx.Err() == nil {
				d.done(drill.Run(ctx, s, drill.Options{Interval: d.interval, Keep: d.keep, Tell: d.tell}))
			}
			return nil
		})
	}
	g.Wait()
	return d.score(ctx, chosen)
}

// longest has the drills that take longest begin first.
func longest(a, b drill.Scenario) int { return cmp.Compare(b.Takes(), a.Takes()) }

func (d *drillRun) choose(names []string) ([]drill.Scenario, error) {
	switch {
	case d.all == (len(names) > 0):
		return nil, usageError{errors.New("want names of drills, or --all; sonde drill list lists them")}
	case d.interval != 0 && d.interval < time.Second:
		return nil, usageError{fmt.Errorf("--interval %v: want at least 1s", d.interval)}
	case d.parallel < 1:
		return nil, usageError{fmt.Errorf("--parallel %d: want at least 1", d.parallel)}
	case d.all:
		return drill.Scenarios(), nil
	}
	slices.Sort(names)
	return scenarios(slices.Compact(names))
}

// done takes in a result.
func (d *drillRun) done(r drill.Result) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.results = append(d.results, r)
	if d.json {
		if err := writeJSON(d.out, r); err != nil {
			fmt.Fprintf(d.err, "sonde: %s: %v\n", r.Drill, err)
		}
	}
}

// score prints the table and says by the exit status what it comes to.
func (d *drillRun) score(ctx context.Context, chosen []drill.Scenario) error {
	slices.SortFunc(d.results, func(a, b drill.Result) int { return strings.Compare(a.Drill, b.Drill) })
	if !d.json {
		if err := drill.WriteTable(d.out, d.results); err != nil {
			return err
		}
	}
	status := exitOK
	for _, r := range d.results {
		switch {
		case r.Error != "":
			status = cmp.Or(status, exitUnknown)
		case !r.Correct:
			status = exitFailed
		}
	}
	if ctx.Err() != nil && len(d.results) < len(chosen) {
		status = cmp.Or(status, exitUnknown)
	}
	if status != exitOK {
		return exitError(status)
	}
	return nil
}

// tell tells how a drill goes.
func (d *drillRun) tell(e drill.Event) {
	if e.Process != "" && !d.verbose {
		return
	}
	from := ""
	switch {
	case e.Hub:
		from = "hub tells: "
	case e.Process != "":
		from = e.Process + ": "
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(d.err, "%6.1f s  %-14s %s%s\n", e.At.Seconds(), e.Drill, from, e.Text)
}
