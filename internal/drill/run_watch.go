package drill

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// polls is how often the hub is asked in an interval.
const polls = 8

// A moment is something that happens at a time of the drill.
type moment struct {
	at time.Time
	do func()
}

// watch waits until all is well, lets the outage happen and asks the hub what
// it makes of it.
func (d *stage) watch(ctx context.Context) (Result, error) {
	if err := d.settle(ctx); err != nil {
		return Result{}, err
	}
	// Certificates know whole seconds.
	begin := time.Now().Add(time.Duration(d.Warmup)*d.Scenario.Interval + time.Second).Truncate(time.Second)
	if err := d.world.Start(begin); err != nil {
		return Result{}, err
	}
	truth, err := d.world.Truth()
	if err != nil {
		return Result{}, err
	}
	c := Course{Begin: begin, End: begin.Add(time.Duration(d.Length) * d.Scenario.Interval), Interval: d.Scenario.Interval}
	d.tell("every target was run by every agent; %s in %.0f s", d.outage(), time.Until(begin).Seconds())
	if err := d.follow(ctx, &c, truth); err != nil {
		return Result{}, err
	}
	if err := d.confirmable(ctx, &c, truth); err != nil {
		return Result{}, err
	}
	r := Score(d.Scenario, truth, c)
	d.tell("%s %s", r.verdict(), strings.Join(r.Wrong, ", "))
	return r, nil
}

func (d *stage) outage() string {
	if d.Truth.None {
		return "nothing is to be raised from then on:"
	}
	return "the outage begins"
}

// settle waits until every target was run by every agent that is to.
func (d *stage) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for runs of every target by every agent: %w", context.Cause(ctx))
		case <-tick.C:
			m, err := d.client.Matrix(ctx, api.Query{From: d.started})
			if err != nil {
				return err
			}
			a, err := d.client.Agents(ctx, api.Query{From: d.started})
			if err != nil {
				return err
			}
			if len(a.Agents) >= len(d.Agents) && len(m.Cells) >= d.cells() {
				return nil
			}
		}
	}
}

// cells is how many pairs of region and target there are to be runs of.
func (d *stage) cells() (n int) {
	for _, t := range d.Targets {
		for _, g := range d.Regions {
			if t.Regions == nil || slices.Contains(t.Regions, g.Name) {
				n++
			}
		}
	}
	return n
}

// follow asks the hub for incidents until the drill is over.
func (d *stage) follow(ctx context.Context, c *Course, truth Truth) error {
	tick := time.NewTicker(d.Scenario.Interval / polls)
	defer tick.Stop()
	moments := d.moments(c)
	last := c.End.Add(time.Duration(d.Recovery) * d.Scenario.Interval)
	for now := time.Now(); now.Before(last) && !c.over(now, truth); {
		waiting := time.Now()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			c.Late = max(c.Late, time.Since(waiting)-d.Scenario.Interval/polls)
		}
		a, err := d.client.Incidents(ctx, api.Query{From: d.started}, "")
		if err != nil {
			return err
		}
		now = time.Now()
		for len(moments) > 0 && now.After(moments[0].at) {
			moments[0].do()
			moments = moments[1:]
		}
		d.report(*c, a.Incidents, now)
		c.See(now, a.Incidents)
	}
	return nil
}

// moments are what happens in the course of c, in order.
func (d *stage) moments(c *Course) []moment {
	all := staging(d.Scenario, c.Begin, d.tell)
	for _, r := range d.Restarts {
		all = append(all, moment{c.Begin.Add(r.At), func() {
			d.tell("the agent %s is started again", r.Agent)
			d.restart[r.Agent] <- struct{}{}
		}})
	}
	slices.SortStableFunc(all, moment.compare)
	return all
}

func (m moment) compare(other moment) int { return m.at.Compare(other.at) }

// staging tells when faults begin and end, in order.
func staging(s Scenario, begin time.Time, tell func(format string, args ...any)) (all []moment) {
	for _, f := range s.Faults {
		all = append(all, moment{begin.Add(f.At), func() { tell("staged: %s", f) }})
		if f.For > 0 {
			all = append(all, moment{begin.Add(f.At + f.For), func() { tell("mended: %s", f) }})
		}
	}
	slices.SortStableFunc(all, moment.compare)
	return all
}

// String says what f is and where, for people.
func (f Fault) String() string {
	var where []string
	for _, place := range []string{strings.Join(f.Hosts, ", "), f.Zone, f.Alias, f.CDN, f.Cert} {
		if place != "" {
			where = append(where, "at "+place)
		}
	}
	if f.Edge > 0 {
		where = append(where, fmt.Sprintf("at edge %d", f.Edge))
	}
	if f.Family > 0 {
		where = append(where, fmt.Sprintf("over IPv%d", f.Family))
	}
	if f.Regions != nil {
		where = append(where, "in "+strings.Join(f.Regions, ", "))
	}
	if f.Share > 0 {
		where = append(where, fmt.Sprintf("for %.3g %% of requests", 100*f.Share))
	}
	text := strings.Join(append([]string{strings.ReplaceAll(string(f.Kind), "_", " ")}, where...), " ")
	if f.On > 0 {
		text += fmt.Sprintf(", for %v and then not for %v in turn", f.On, f.Off)
	}
	return text
}

// over reports whether all has been seen: the outage ended, that was told, and
// it stayed so for as long as something could go wrong by recovering.
func (c *Course) over(now time.Time, truth Truth) bool {
	if !truth.Recovers || now.Before(c.End.Add((recoverWithin+1)*c.Interval)) {
		return false
	}
	best := c.best(truth)
	return best >= 0 && !slices.ContainsFunc(c.Sightings, func(s Sighting) bool { return s.Resolved == nil && !s.Withdrawn })
}

// report tells what is new since c about what the hub tells.
func (d *stage) report(c Course, told []api.Incident, now time.Time) {
	for _, i := range slices.Backward(told) {
		at := slices.IndexFunc(c.Sightings, func(s Sighting) bool { return s.ID == i.ID })
		switch {
		case at < 0:
			d.event(Event{Hub: true, Text: fmt.Sprintf("%s %s %s, %+.1f s: %s", i.ID, i.Severity, i.Code, now.Sub(c.Begin).Seconds(), i.Title)})
		case i.Resolved != nil && c.Sightings[at].Resolved == nil:
			d.event(Event{Hub: true, Text: fmt.Sprintf("%s %s, %+.1f s after the end", i.ID, i.End, now.Sub(c.End).Seconds())})
		case i.Resolved == nil && c.Sightings[at].Resolved != nil:
			d.event(Event{Hub: true, Text: i.ID + " goes on"})
		case changed(i, c.Sightings[at].Incident):
			d.event(Event{Hub: true, Text: fmt.Sprintf("%s is now %s %s, %s: %s", i.ID, i.Severity, i.Code, i.Scope, i.Title)})
		}
	}
	for _, s := range c.Sightings {
		if !s.Withdrawn && !slices.ContainsFunc(told, func(i api.Incident) bool { return i.ID == s.ID }) {
			d.event(Event{Hub: true, Text: s.ID + " is withdrawn"})
		}
	}
}

func changed(a, b api.Incident) bool {
	return a.Severity != b.Severity || a.Code != b.Code || a.Scope != b.Scope || a.Title != b.Title
}

// confirmable finds out when the failure could be confirmed, from the runs
// themselves.
func (d *stage) confirmable(ctx context.Context, c *Course, truth Truth) error {
	if truth.None {
		return nil
	}
	runs, err := d.client.Runs(ctx, api.Query{From: c.Begin, To: c.End, Targets: truth.Targets, Limit: api.MaxLimit})
	if err != nil {
		return err
	}
	c.Confirmable = Confirmable(truth, c.Begin, runs.Runs)
	return nil
}
