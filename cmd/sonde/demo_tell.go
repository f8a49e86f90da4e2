package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/drill"
	"github.com/sonde-media/sonde/probes"
)

// A teller tells people what happens in the demo and what the hub makes of it.
type teller struct {
	out     io.Writer
	live    bool   // out is a terminal: a last line is rewritten
	base    string // URL of the hub
	hub     *api.Client
	begin   time.Time
	expires time.Time

	complete bool // it was told that all regions report
	told     map[problem]sighting
}

func newTeller(out io.Writer, base string, hub *api.Client) *teller {
	_, live := terminal(out)
	return &teller{
		out: out, live: live, base: base, hub: hub,
		begin: time.Now(), told: map[problem]sighting{},
	}
}

// introduce tells what there is to see; try is a command to type.
func (t *teller) introduce(length time.Duration, try string) {
	end := "Ctrl-C ends it."
	if length > 0 {
		end = fmt.Sprintf("It ends after %v.", length)
	}
	fmt.Fprintf(t.out, `Agents in Virginia, Ireland and Mumbai probe two podcasts and a storefront,
every %v. All of it is simulated on this machine. %s

  status page  %s/
  all runs     %[3]s/runs
  as JSON      %[3]s/api/v1/matrix

To probe this world yourself, as %[4]s sees it, type in another terminal:

  %[5]s

`, demoInterval, end, t.base, demoHit[0], try)
	t.tell("staged: edges of %s in %s serve a certificate that ends in %v",
		drill.CastleCDN, and(demoHit), t.expires.Sub(t.begin).Truncate(time.Second))
}

// run asks the hub each second until ctx is done.
func (t *teller) run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	expiry := time.NewTimer(time.Until(t.expires))
	defer expiry.Stop()
	for {
		select {
		case <-ctx.Done():
			t.tell("stopping")
			return nil
		case <-expiry.C:
			t.tell("the certificate of %s expires in %s", drill.CastleCDN, and(demoHit))
		case <-tick.C:
			m, err := t.hub.Matrix(ctx, api.Query{From: t.begin})
			if err == nil {
				t.look(m)
			} else if ctx.Err() == nil {
				return fmt.Errorf("ask the hub: %w", err)
			}
		}
	}
}

// look tells what is new in m.
func (t *teller) look(m api.Matrix) {
	if n := len(demoRegions) * len(m.Targets); !t.complete && n > 0 && len(m.Cells) == n {
		t.complete = true
		t.tell("hub: all %d regions report on all %d targets", len(demoRegions), len(m.Targets))
	}
	seen := sightings(m)
	for _, p := range slices.SortedFunc(maps.Keys(seen), problem.compare) {
		if s := seen[p]; len(s) > len(t.told[p]) {
			t.report(p, s)
			t.told[p] = s
		}
	}
	if t.live {
		fmt.Fprintf(t.out, "\r\033[K%s %s ", t.clock(), tally(m))
	}
}

// report tells of a problem, when it was seen and where to look into it.
func (t *teller) report(p problem, s sighting) {
	verb := verbs[p.outcome][min(len(s), 2)-1]
	t.tell("hub: %d of %d regions %s: %s at %s", len(s), len(demoRegions), verb, p.code, p.host)
	for _, region := range slices.Sorted(maps.Keys(s)) {
		if _, told := t.told[p][region]; told {
			continue
		}
		r := s[region]
		when := ""
		if took := r.Received.Sub(t.expires); p.outcome == probes.Failed && took > 0 {
			when = fmt.Sprintf(" %.1f s after the expiry", took.Seconds())
		}
		fmt.Fprintf(t.out, "      %s met it%s: %s/runs/%s\n", region, when, t.base, r.TraceID)
	}
}

func (t *teller) tell(format string, args ...any) {
	if t.live {
		fmt.Fprint(t.out, "\r\033[K")
	}
	fmt.Fprintf(t.out, "%s %s\n", t.clock(), fmt.Sprintf(format, args...))
}

// clock is the time since the demo's begin.
func (t *teller) clock() string {
	s := int(time.Since(t.begin).Seconds())
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// A problem is what hurts listeners, or soon will.
type problem struct {
	outcome probes.Outcome
	code    probes.Code
	host    string
}

// verbs say what one region does that meets a problem, and what several do.
var verbs = map[probes.Outcome][2]string{
	probes.Failed: {"fails", "fail"}, probes.Degraded: {"warns", "warn"}, probes.Unknown: {"can't tell", "can't tell"},
}

// compare puts failures first.
func (p problem) compare(q problem) int {
	order := func(p problem) string { return fmt.Sprint(p.outcome != probes.Failed, p.code, p.host) }
	return strings.Compare(order(p), order(q))
}

// problems are those of one run.
func problems(r api.Run) (list []problem) {
	switch r.Outcome {
	case probes.Failed, probes.Unknown:
		return []problem{{r.Outcome, r.Code, r.Culprit}}
	case probes.Degraded:
		for _, f := range r.Findings {
			if p := (problem{r.Outcome, f.Code, f.Host}); f.Warns() && !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
	}
	return list
}

// A sighting is where a problem is seen: by region the first of the runs that
// are the newest of their target.
type sighting map[string]api.Run

func sightings(m api.Matrix) map[problem]sighting {
	seen := map[problem]sighting{}
	for _, c := range m.Cells {
		for _, p := range problems(c.Newest) {
			if seen[p] == nil {
				seen[p] = sighting{}
			}
			if first, ok := seen[p][c.Region]; !ok || c.Newest.Started.Before(first.Started) {
				seen[p][c.Region] = c.Newest
			}
		}
	}
	return seen
}

// tally is all runs until now by outcome.
func tally(m api.Matrix) string {
	var n api.Counts
	for _, c := range m.Cells {
		n.OK += c.Counts.OK
		n.Degraded += c.Counts.Degraded
		n.Failed += c.Counts.Failed
		n.Unknown += c.Counts.Unknown
	}
	return fmt.Sprintf("%d runs: %d ok, %d degraded, %d failed", n.Total(), n.OK, n.Degraded, n.Failed)
}

// and joins words as people do.
func and(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
