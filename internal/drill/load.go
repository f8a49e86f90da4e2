package drill

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Load reads a scenario. Its errors name file and line, all of them:
//
//	title     A certificate expires
//	interval  1s        warmup 7      length 12     …
//	region    us-east name=Virginia lat=38.9 lon=-77.4 agents=2
//	cert      music names=*.music.example
//	store     old-devices root=old
//	host      cdn.castle.example alias=castle.edges.example cdn=fastly cert=music edges=2
//	show      nights title="Castle Nights" author="Castle Radio" feed=HOST media=HOST via=HOST,HOST count=4
//	page      shop title="The Shop" host=HOST assets=HOST widget=HOST
//	target    feed "Castle Nights" of=nights service=Podcasts regions=us-east opt.episodes=2
//	fault     http_status at=0 for=12 host=HOST value=503
//	restart   us-east at=4
//	truth     code=http_status cause=HOST culprit=HOST scope=global …
//
// Times of faults are in intervals after the begin of the outage.
func Load(name string, text []byte) (Scenario, error) {
	r := &reader{file: name + ".txt"}
	r.s = Scenario{Name: name, Interval: time.Second, Warmup: 7, Length: 12, Recovery: 8}
	lines := r.words(string(text))
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(slices.Index(order, a.word), slices.Index(order, b.word)) })
	for _, l := range lines {
		if read := r.directives()[l.word]; read != nil {
			read(l)
		} else {
			r.fail(l.at, "unknown word %q; known are %s", l.word, strings.Join(order, ", "))
		}
	}
	r.s.Timeout = cmp.Or(r.s.Timeout, 5*time.Second)
	r.finish()
	return r.s, errors.Join(r.errs...)
}

// order is the order in which lines are read, wherever they stand: what others
// refer to comes first.
var order = []string{
	"title", "interval", "timeout", "warmup", "length", "recovery", "region", "store", "cert", "host", "show", "page",
	"target", "fault", "restart", "truth",
}

type reader struct {
	file string
	s    Scenario
	errs []error
}

const maxErrors = 50

func (r *reader) fail(at int, format string, args ...any) {
	if len(r.errs) < maxErrors {
		r.errs = append(r.errs, fmt.Errorf("%s:%d: %s", r.file, at, fmt.Sprintf(format, args...)))
	}
}

func (r *reader) directives() map[string]func(line) {
	return map[string]func(line){
		"title":    func(l line) { r.s.Title = strings.Join(l.args, " "); r.only(l, nil) },
		"interval": func(l line) { r.duration(l, &r.s.Interval) },
		"timeout":  func(l line) { r.duration(l, &r.s.Timeout) },
		"warmup":   func(l line) { r.number(l, &r.s.Warmup) },
		"length":   func(l line) { r.number(l, &r.s.Length) },
		"recovery": func(l line) { r.number(l, &r.s.Recovery) },
		"region":   r.region,
		"store":    r.store,
		"cert":     r.cert,
		"host":     r.host,
		"show":     r.show,
		"page":     r.page,
		"target":   r.target,
		"fault":    r.fault,
		"restart":  r.restart,
		"truth":    r.truth,
	}
}

// fields are the keys that a line may have, and where their values go.
type fields map[string]func(value string) error

// only reads the pairs of l: each key once, and none that isn't among fs.
func (r *reader) only(l line, fs fields) {
	seen := map[string]bool{}
	for _, p := range l.pairs {
		set, known := fs[p.key]
		if strings.HasPrefix(p.key, "opt.") && fs["opt.*"] != nil {
			set, known = func(v string) error { return fs["opt.*"](p.key[len("opt."):] + "=" + v) }, true
		}
		switch {
		case !known:
			r.fail(l.at, "%s has no key %q; known are %s", l.word, p.key, strings.Join(slices.Sorted(maps.Keys(fs)), ", "))
		case seen[p.key]:
			r.fail(l.at, "%s stands here twice", p.key)
		default:
			if err := set(p.value); err != nil {
				r.fail(l.at, "%s: %v", p.key, err)
			}
		}
		seen[p.key] = true
	}
}

// arg returns the arguments of l, of which there must be n.
func (r *reader) arg(l line, n int) []string {
	if len(l.args) != n {
		r.fail(l.at, "%s: want %d words before its keys, got %d", l.word, n, len(l.args))
		return make([]string, n)
	}
	return l.args
}

func (r *reader) duration(l line, into *time.Duration) {
	d, err := time.ParseDuration(r.arg(l, 1)[0])
	if err != nil || d < time.Millisecond || d > time.Hour {
		r.fail(l.at, "%s: want a time from 1ms to 1h", l.word)
		return
	}
	*into = d
	r.only(l, nil)
}

func (r *reader) number(l line, into *int) {
	if err := whole(into, 1, 1000)(r.arg(l, 1)[0]); err != nil {
		r.fail(l.at, "%s: %v", l.word, err)
	}
	r.only(l, nil)
}

func word(into *string) func(string) error {
	return func(v string) error {
		if *into = v; v == "" {
			return errors.New("must not be empty")
		}
		return nil
	}
}

func list(into *[]string) func(string) error {
	return func(v string) error {
		for _, one := range strings.Split(v, ",") {
			if one = strings.TrimSpace(one); one == "" {
				return errors.New("want a list such as a,b")
			}
			*into = append(*into, one)
		}
		return nil
	}
}

func whole(into *int, least, most int) func(string) error {
	return func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < least || n > most {
			return fmt.Errorf("want a number from %d to %d, got %q", least, most, v)
		}
		*into = n
		return nil
	}
}

func real(into *float64, least, most float64) func(string) error {
	return func(v string) error {
		n, err := strconv.ParseFloat(v, 64)
		if err != nil || !(n >= least && n <= most) {
			return fmt.Errorf("want a number from %g to %g, got %q", least, most, v)
		}
		*into = n
		return nil
	}
}

func yes(into *bool) func(string) error {
	return func(v string) error {
		if *into = v == "yes"; v != "yes" && v != "no" {
			return fmt.Errorf("want yes or no, got %q", v)
		}
		return nil
	}
}

// intervals reads a time in intervals.
func (r *reader) intervals(into *time.Duration) func(string) error {
	return func(v string) error {
		var n float64
		if err := real(&n, -1000, 1000)(v); err != nil {
			return err
		}
		*into = time.Duration(n * float64(r.s.Interval))
		return nil
	}
}
