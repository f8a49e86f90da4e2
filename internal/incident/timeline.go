package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// Timeline tells what happened when, in order: the first failure, when it was
// known, its spread and its recovery by region, codes as they came up, notes.
func Timeline(i api.Incident, notes []api.Note) []api.Moment {
	all := []api.Moment{}
	say := func(at time.Time, format string, args ...any) {
		all = append(all, api.Moment{At: at, Text: fmt.Sprintf(format, args...)})
	}
	regions := slices.SortedStableFunc(slices.Values(i.PerRegion), func(a, b api.IncidentState) int { return a.Started.Compare(b.Started) })
	for n, r := range regions {
		if len(i.Codes) == 0 {
			say(r.Started, "last sign of life of the agent in %s", r.Region)
			continue
		}
		if n == 0 {
			say(r.Started, "first failure, in %s: %s", r.Region, i.Code.Explanation())
			continue
		}
		say(r.Started, "first failure in %s", r.Region)
	}
	for _, c := range i.Codes {
		if c.Code != i.Code && c.First.After(i.FirstFailure) {
			say(c.First, "%s: %s", c.Code, c.Code.Explanation())
		}
	}
	say(i.Detected, "detected, %v after the first failure", i.Detected.Sub(i.FirstFailure).Round(time.Second))
	for _, r := range regions {
		if r.Recovered != nil {
			say(*r.Recovered, "good again in %s", r.Region)
		}
	}
	for _, n := range notes {
		say(n.At, "note: %s", said(n))
	}
	switch {
	case i.Resolved == nil:
	case i.End == api.EndRecovered:
		say(*i.Resolved, "resolved")
	default:
		say(*i.Resolved, "ended unverified: nobody probes what it held any more")
	}
	slices.SortStableFunc(all, func(a, b api.Moment) int { return a.At.Compare(b.At) })
	return all
}

// said is a note in one text.
func said(n api.Note) string {
	says := []string{}
	if n.Text != "" {
		says = append(says, n.Text)
	}
	if n.Workaround != "" {
		says = append(says, "workaround: "+n.Workaround)
	}
	if n.Estimate != nil {
		says = append(says, "expected to be over at "+n.Estimate.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return strings.Join(says, "; ")
}
