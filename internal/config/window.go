package config

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"
	"weak"

	"github.com/hashicorp/cronexpr"
	"go.yaml.in/yaml/v4"

	"github.com/sonde-media/sonde/probes"
)

const (
	minWindow  = time.Minute
	maxWindow  = 7 * 24 * time.Hour
	maxWindows = 100 // in a list
	maxCron    = 200 // bytes of an expression
)

// A spec is all that tells one window from another.
type spec struct {
	cron  string
	lasts time.Duration
	name  string // of the time zone
}

// A window opens at the times of a cron expression in its zone. A local time
// that a change of clocks leaves out opens none; one that comes twice opens
// two.
type window struct {
	spec
	zone *time.Location

	mu       sync.Mutex           // guards what follows
	starts   *cronexpr.Expression // its Next writes to it
	from, to time.Time            // between these, to left out, Until is end
	end      time.Time
}

// live are the windows in use, one for each spec. Equal windows are one value,
// so that an unchanged target of a new configuration equals its former self,
// although windows remember what they found.
var live struct {
	sync.Mutex // guards what follows
	windows    map[spec]weak.Pointer[window]
}

// Until returns when the occurrence that t lies in ends, the zero time where t
// lies in none. Where several overlap it is the first end.
func (w *window) Until(t time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.Before(w.from) || !t.Before(w.to) {
		w.find(t)
	}
	return w.end
}

// find notes the occurrence that t lies in, else the one to come.
func (w *window) find(t time.Time) {
	start := w.starts.Next(t.Add(-w.lasts).In(w.zone))
	w.from, w.to, w.end = t, start, time.Time{}
	switch {
	case start.IsZero():
		w.to = t.Add(maxWindow) // there are none after 2099
	case !start.After(t):
		w.end = start.Add(w.lasts)
		w.to = w.end
	}
}

// makeWindow returns the window that s describes. The errors tell of its cron.
func makeWindow(s spec) (*window, error) {
	live.Lock()
	defer live.Unlock()
	if w := live.windows[s].Value(); w != nil {
		return w, nil
	}
	w, err := compile(s)
	if err != nil {
		return nil, err
	}
	if live.windows == nil {
		live.windows = map[spec]weak.Pointer[window]{}
	}
	live.windows[s] = weak.Make(w)
	runtime.AddCleanup(w, forget, s)
	return w, nil
}

// forget drops what is left of a window that nobody uses, unless there is a
// new one.
func forget(s spec) {
	live.Lock()
	defer live.Unlock()
	if live.windows[s].Value() == nil {
		delete(live.windows, s)
	}
}

func compile(s spec) (w *window, err error) {
	const wanted = "want five fields (minute hour day month weekday) or @daily and the like"
	fields := len(strings.Fields(s.cron))
	if named := strings.HasPrefix(s.cron, "@"); len(s.cron) > maxCron || named && fields != 1 || !named && fields != 5 {
		return nil, fmt.Errorf("%s, got %s", wanted, show(s.cron))
	}
	zone, err := time.LoadLocation(s.name)
	if err != nil {
		return nil, err
	}
	w = &window{spec: s, zone: zone}
	if w.starts, err = cronexpr.Parse(s.cron); err != nil {
		return nil, fmt.Errorf("%s: %w", wanted, err)
	}
	if w.starts.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, fmt.Errorf("%s never comes", show(s.cron))
	}
	return w, nil
}

// windows reads a list of windows.
func (r *reader) windows(n *yaml.Node) (list []probes.Window) {
	for _, item := range r.list(n, "windows such as {cron: \"0 2 * * *\", duration: 1h}", maxWindows) {
		if w := r.window(item, nil); w != nil {
			list = append(list, w)
		}
	}
	return list
}

// window reads one window, which may have more keys; nil where it is wrong.
func (r *reader) window(n *yaml.Node, more []field) probes.Window {
	s := spec{name: "UTC"}
	var cron *yaml.Node
	errs := r.count()
	r.only(n, append([]field{
		{"cron", func(n *yaml.Node) { cron, s.cron = n, r.word(n) }},
		{"duration", func(n *yaml.Node) { s.lasts = r.lasting(n) }},
		{"timezone", func(n *yaml.Node) { s.name = r.timezone(n) }},
	}, more...))
	if r.count() > errs || r.budget < 0 {
		return nil
	}
	switch {
	case cron == nil:
		r.fail(n, "a window needs cron: when it begins, such as \"0 2 * * sun\"")
	case s.lasts == 0:
		r.fail(n, "a window needs duration: how long it lasts, such as 2h")
	default:
		w, err := makeWindow(s)
		if err == nil {
			return w
		}
		r.fail(cron, "%v", err)
	}
	return nil
}

// lasting reads how long a window lasts.
func (r *reader) lasting(n *yaml.Node) time.Duration {
	d := r.duration(n, minWindow)
	if d > maxWindow {
		r.fail(n, "%s is longer than 168h, a week", r.follow(n).Value)
	}
	return d
}

// timezone reads the name of a time zone. The local one is none: it is another
// on every machine.
func (r *reader) timezone(n *yaml.Node) string {
	s := r.word(n)
	if _, err := time.LoadLocation(s); err != nil || s == "Local" {
		r.want(r.follow(n), "a time zone such as Europe/Berlin")
	}
	return s
}
