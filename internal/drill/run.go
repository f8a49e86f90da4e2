package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sonde-media/sonde/internal/api"
)

// Options are the choices of a [Runner].
type Options struct {
	Program  Program       // what hub and agents are; zero: [Self]
	Interval time.Duration // between two runs of a target; 0: the scenario's
	Keep     string        // directory in which all that was written stays, one a drill; "": it is removed

	// Tell is told what happens, while it does; nil: nobody is. Drills that run
	// side by side call it from several goroutines.
	Tell func(Event)
}

// An Event is something that happened in a drill.
type Event struct {
	Drill   string
	At      time.Duration // since the drill's begin
	Text    string
	Hub     bool   // the hub tells it by its API
	Process string // that printed it; "": none
}

// startWithin is how long hub and agents may take until every target was run
// in every region, on a machine that has much else to do.
const startWithin = 2 * time.Minute

// Run plays a scenario with a real hub and real agents, processes of their
// own, and scores what the hub tells. It returns when nothing of it is left.
func Run(ctx context.Context, s Scenario, o Options) Result {
	if o.Interval > 0 {
		s = s.every(o.Interval)
	}
	r, err := play(ctx, s, o)
	if ctx.Err() != nil {
		err = errInterrupted
	}
	if err != nil {
		return Result{
			Drill: s.Name, Title: s.Title, Interval: s.Interval.Seconds(), Expected: s.Truth.answer(""),
			Wrong: []string{"run"}, Extra: []Extra{}, Explained: []Extra{}, Error: err.Error(),
		}
	}
	return r
}

var errInterrupted = errors.New("interrupted")

// every is the scenario in another measure of time. How long a run may take
// stays: a machine is as slow as it is.
func (s Scenario) every(interval time.Duration) Scenario {
	scale := func(d *time.Duration) { *d = time.Duration(float64(*d) * float64(interval) / float64(s.Interval)) }
	s.Faults, s.Restarts = slices.Clone(s.Faults), slices.Clone(s.Restarts)
	for i := range s.Faults {
		f := &s.Faults[i]
		for _, d := range []*time.Duration{&f.At, &f.For, &f.On, &f.Off, &f.Delay} {
			scale(d)
		}
	}
	for i := range s.Restarts {
		scale(&s.Restarts[i].At)
	}
	s.Interval = interval
	return s
}

// Takes is how long a drill takes at most, from when every target was run.
func (s Scenario) Takes() time.Duration {
	return time.Duration(s.Warmup+s.Length+s.Recovery) * s.Interval
}

// A stage is what a drill that runs consists of.
type stage struct {
	Scenario
	Options
	world   *World
	dir     string
	config  string // file
	hub     string // base URL
	client  *api.Client
	started time.Time
	restart map[string]chan struct{} // by agent
}

// play sets the stage, plays and leaves nothing behind. World and hub end last,
// so that they are there for what agents have left to do.
func play(ctx context.Context, s Scenario, o Options) (r Result, err error) {
	d := &stage{Scenario: s, Options: o, started: time.Now(), restart: map[string]chan struct{}{}}
	remove, err := d.prepare()
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if d.world, err = s.Open(); err != nil {
		return r, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ground, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, ground := errgroup.WithContext(ground)
	context.AfterFunc(ground, cancel) // a hub that can't serve ends the drill
	base := make(chan string, 1)
	g.Go(func() error { return d.world.Run(ground) })
	g.Go(func() error { return d.serveHub(ground, base) })
	g.Go(func() error {
		defer stop()
		select {
		case d.hub = <-base:
			var err error
			r, err = d.perform(ctx)
			return err
		case <-ctx.Done():
			return nil
		}
	})
	err = g.Wait()
	return r, err
}

// prepare makes the directory of the drill and returns how to tidy up.
func (d *stage) prepare() (remove func() error, err error) {
	if d.Program.Path == "" {
		if d.Program, err = Self(); err != nil {
			return nil, err
		}
	}
	if d.Keep != "" {
		d.dir, remove = filepath.Join(d.Keep, d.Name), func() error { return nil }
		if _, err := os.Stat(d.dir); err == nil {
			return nil, fmt.Errorf("keep what is written: %s is there already", d.dir)
		}
		err = os.MkdirAll(d.dir, 0o755)
	} else {
		d.dir, err = os.MkdirTemp("", "sonde-drill-")
		remove = func() error { return os.RemoveAll(d.dir) }
	}
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	return remove, nil
}

// serveHub runs the hub's process until ctx is done, and tells its URL.
func (d *stage) serveHub(ctx context.Context, base chan<- string) error {
	told := false
	log, err := newLog(d.dir, "hub", func(line string) {
		if url, ok := strings.CutPrefix(line, "status page "); ok && !told {
			told = true
			base <- strings.TrimRight(strings.TrimSpace(url), "/")
		}
		d.event(Event{Process: "hub", Text: line})
	})
	if err != nil {
		return err
	}
	defer log.Close()
	err = d.Program.run(ctx, []string{"hub", "--listen", "127.0.0.1:0", "--data", filepath.Join(d.dir, "hub")}, log)
	return d.with("hub", err)
}

// with adds to err what the process printed last.
func (d *stage) with(log string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w\n%s", err, tail(d.dir, log))
}

// serveAgent runs an agent's process until ctx is done, and starts it again
// when it is told to.
func (d *stage) serveAgent(ctx context.Context, a Agent) error {
	name := "agent-" + a.Name
	log, err := newLog(d.dir, name, func(line string) { d.event(Event{Process: name, Text: line}) })
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{
		"agent", "--config", d.config, "--hub", d.hub, "--region", a.Region,
		"--data", filepath.Join(d.dir, name), "--resolver", d.world.Resolver(a.Region),
	}
	for ctx.Err() == nil {
		life, end := context.WithCancel(ctx)
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			select {
			case <-d.restart[a.Name]:
				end()
			case <-life.Done():
			}
		}()
		err := d.Program.run(life, args, log)
		end()
		<-stopped
		if err != nil {
			return d.with(name, fmt.Errorf("%s: %w", a.Name, err))
		}
	}
	return nil
}

// perform runs the agents, and watches until the drill is over.
func (d *stage) perform(ctx context.Context) (r Result, err error) {
	if d.config, err = d.world.Config(d.dir); err != nil {
		return r, err
	}
	if d.client, err = api.NewClient(d.hub, ""); err != nil {
		return r, err
	}
	defer d.client.Close()
	for _, a := range d.Agents {
		d.restart[a.Name] = make(chan struct{}, 1)
	}
	d.tell("%s, %d targets, hub %s", agents(len(d.Agents)), len(d.Targets), d.hub)
	probing, end := context.WithCancel(ctx)
	defer end()
	g, probing := errgroup.WithContext(probing)
	for _, a := range d.Agents {
		g.Go(func() error { return d.serveAgent(probing, a) })
	}
	g.Go(func() error {
		defer end()
		var err error
		r, err = d.watch(probing)
		return err
	})
	err = g.Wait()
	return r, err
}

func agents(n int) string {
	if n == 1 {
		return "1 agent"
	}
	return fmt.Sprintf("%d agents", n)
}

func (d *stage) tell(format string, args ...any) {
	d.event(Event{Text: fmt.Sprintf(format, args...)})
}

func (d *stage) event(e Event) {
	if d.Tell != nil {
		e.Drill, e.At, e.Text = d.Name, time.Since(d.started), strings.TrimSpace(e.Text)
		d.Tell(e)
	}
}
