package drill

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// ServeOptions are the choices of [Serve].
type ServeOptions struct {
	Dir      string        // that the configuration and the world's roots are written to
	Interval time.Duration // of targets in the configuration, which the outage's times follow; 0: the scenario's
	After    time.Duration // when the outage begins; 0: at once
	Out      io.Writer     // is told how to probe the world, and what happens there
}

// Serve serves a scenario's world to whoever probes it, lets the outage happen
// once, and goes on until ctx is done.
func Serve(ctx context.Context, s Scenario, o ServeOptions) error {
	if o.Interval > 0 {
		s = s.every(o.Interval)
	}
	w, err := s.Open()
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.Run(ctx) })
	g.Go(func() error { return o.play(ctx, w, s) })
	return g.Wait()
}

func (o *ServeOptions) play(ctx context.Context, w *World, s Scenario) error {
	config, err := w.Config(o.Dir)
	if err != nil {
		return err
	}
	begin := time.Now().Add(o.After + time.Second).Truncate(time.Second) // certificates know whole seconds
	if err := w.Start(begin); err != nil {
		return err
	}
	truth, err := w.Truth()
	if err != nil {
		return err
	}
	o.introduce(w, s, config)
	end := begin.Add(time.Duration(s.Length) * s.Interval)
	moments := staging(s, begin, o.tell)
	moments = append(moments, moment{end, func() { o.tell("over. An honest report says:\n\n%s", truth) }})
	o.tell("the outage begins in %v", time.Until(begin).Round(time.Second))
	for _, m := range moments {
		t := time.NewTimer(time.Until(m.at))
		select {
		case <-t.C:
			m.do()
		case <-ctx.Done():
			t.Stop()
			return nil
		}
	}
	<-ctx.Done()
	return nil
}

// introduce tells how to probe the world.
func (o *ServeOptions) introduce(w *World, s Scenario, config string) {
	fmt.Fprintf(o.Out, `%s

  configuration  %s, %d targets every %v
  roots          %s
`, s.Title, config, len(s.Targets), s.Interval, filepath.Join(o.Dir, "ca.pem"))
	for _, g := range s.Regions {
		fmt.Fprintf(o.Out, "  resolver       %s of %s\n", w.Resolver(g.Name), g.Name)
	}
	fmt.Fprintf(o.Out, "\nA hub, and an agent for each region, on this machine:\n\n  sonde hub --data %s\n", filepath.Join(o.Dir, "hub"))
	for _, a := range s.Agents {
		fmt.Fprintf(o.Out, "  sonde agent --config %s --hub http://127.0.0.1:4318 --region %s --resolver %s --data %s\n",
			config, a.Region, w.Resolver(a.Region), filepath.Join(o.Dir, "agent-"+a.Name))
	}
	fmt.Fprintf(o.Out, "\nOr try one: sonde check --allow-private --ca-file %s --resolver %s %s\n\n",
		filepath.Join(o.Dir, "ca.pem"), w.Resolver(s.Regions[0].Name), w.target(s.Targets[0]))
}

func (o *ServeOptions) tell(format string, args ...any) {
	fmt.Fprintf(o.Out, "%s %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// String is the truth for people.
func (t Truth) String() string {
	if t.None {
		return "  nothing: all of it was noise\n"
	}
	var b strings.Builder
	line := func(name string, values ...string) { fmt.Fprintf(&b, "  %-14s %s\n", name, strings.Join(values, ", ")) }
	line("code", t.Code)
	line("cause", t.Cause)
	line("culprit", strings.Join(t.Culprits, " or "))
	line("scope", t.Scope)
	line("severity", t.Severity)
	line("regions", t.Regions...)
	line("services", t.Services...)
	line("not affected", t.ServicesUnaffected...)
	line("targets", t.Targets...)
	return b.String()
}
