package hub

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// A serviceView is a service with its bars, drawn.
type serviceView struct {
	api.PublicService
	Outcome  string // which its state is drawn as
	Word     string
	Regions  []regionView
	Width    int // of the drawing
	Height   int
	Bars     []bar
	Alt      string // the bars in words
	Good     string // share of checks; "" where none told anything
	Unknown  int    // days without data
	Troubled []troubledDay
}

type regionView struct{ Name, Outcome, Word string }

// A bar is a day. Where all was well it is as high as can be; how high the dark
// part is says how bad it was, so that nobody needs its colour.
type bar struct {
	X, Y, H int
	State   string
	Title   string
}

// A troubledDay is told in words too.
type troubledDay struct {
	Date      time.Time
	Outcome   string
	Text      string
	Incidents []told
}

const (
	barWidth, barGap = 3, 1
	barHeight        = 32
)

// barHeights is how much of a bar a state takes.
var barHeights = map[string]int{
	api.StateNoData: 3, api.StateOK: 0,
	api.SeverityWarning: 12, api.SeverityMajor: 22, api.SeverityCritical: barHeight,
}

// serviceViews draws services; incidents are told by ID.
func serviceViews(sum *api.Summary, incidents map[string]told) []serviceView {
	list := make([]serviceView, len(sum.Services))
	for i, p := range sum.Services {
		v := serviceView{
			PublicService: p, Outcome: outcomeOf(p.State), Word: stateWords[p.State],
			Width: len(p.Days)*(barWidth+barGap) - barGap, Height: barHeight,
		}
		for _, r := range p.Regions {
			v.Regions = append(v.Regions, regionView{r.Name, outcomeOf(r.State), stateWords[r.State]})
		}
		v.draw(incidents)
		list[i] = v
	}
	return list
}

func (v *serviceView) draw(incidents map[string]told) {
	checks, failed := 0, 0
	for i, d := range v.Days {
		checks, failed = checks+d.Checks, failed+d.Failed
		date, _ := time.Parse(time.DateOnly, d.Date)
		h := barHeights[d.State]
		v.Bars = append(v.Bars, bar{X: i * (barWidth + barGap), Y: barHeight - h, H: h, State: d.State, Title: date.Format("Jan 2") + ": " + dayText(d)})
		if d.State == api.StateNoData {
			v.Unknown++
		}
		if len(d.Incidents) == 0 {
			continue
		}
		t := troubledDay{Date: date, Outcome: outcomeOf(d.State), Text: dayText(d)}
		for _, id := range d.Incidents {
			if one, ok := incidents[id]; ok {
				t.Incidents = append(t.Incidents, one)
			}
		}
		v.Troubled = append([]troubledDay{t}, v.Troubled...) // the newest first
	}
	v.Good = goodShare(checks, failed)
	v.Alt = v.inWords()
}

// dayText is a day in words.
func dayText(d api.PublicDay) string {
	if d.State == api.StateNoData {
		return "no data"
	}
	says := []string{count(d.Checks, "check")}
	if d.Failed > 0 {
		says[0] += fmt.Sprintf(", %s failed", thousands(d.Failed))
	}
	switch {
	case len(d.Incidents) == 0:
		says = append(says, "no incident")
	default:
		says = append(says, count(len(d.Incidents), "incident"))
	}
	if d.Down > 0 {
		says = append(says, "not all served for "+span(time.Duration(d.Down)*time.Second))
	}
	return strings.Join(says, "; ")
}

// goodShare never rounds a failure away.
func goodShare(checks, failed int) string {
	if checks == 0 {
		return ""
	}
	if failed == 0 {
		return "100%"
	}
	good := float64(checks-failed) / float64(checks) * 100
	return fmt.Sprintf("%.2f%%", math.Floor(good*100)/100)
}

// inWords is what the bars show for those who don't see them.
func (v *serviceView) inWords() string {
	says := fmt.Sprintf("%s in the last %d days: ", v.Name, len(v.Days))
	if v.Unknown == len(v.Days) {
		return says + "no data."
	}
	if v.Good != "" {
		says += v.Good + " of checks were good; "
	}
	if len(v.Troubled) == 0 {
		says += "no incidents"
	} else {
		says += "incidents on " + count(len(v.Troubled), "day") + ", listed below"
	}
	if v.Unknown > 0 {
		says += "; no data of " + count(v.Unknown, "day")
	}
	return says + "."
}
