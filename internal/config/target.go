package config

import (
	"cmp"
	"errors"
	"math"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sonde-media/sonde/probes"
)

const (
	maxWord   = 256 // bytes of a name or a label's value
	maxLabels = 32  // of a target
)

var labelKey = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,62}$`)

// targets reads the list of targets into c.
func (r *reader) targets(n *yaml.Node, c *Config, d defaults) {
	n = r.follow(n)
	if n.ShortTag() == "!!null" {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.want(n, "a list")
		return
	}
	r.taken = make(map[string]mark, r.itemCount(n))
	c.Targets = make([]probes.Target, 0, r.itemCount(n))
	for item := range r.items(n) {
		r.add(item, c, d)
	}
}

// add reads a target into c. Names of targets must differ.
func (r *reader) add(item *yaml.Node, c *Config, d defaults) {
	t, where, at := r.target(item, d)
	if t.Name != "" {
		if m, ok := r.taken[t.Name]; ok {
			r.fail(at, "the name %s is taken by the target at %s; give one of them a name of its own", show(t.Name), m.from(r.file))
		} else {
			if r.taken == nil {
				r.taken = map[string]mark{}
			}
			r.taken[t.Name] = mark{r.file, at.Line}
		}
	}
	c.Targets = append(c.Targets, t)
	c.put(where)
}

// target reads one target, and tells where it is probed and where its name
// stands.
func (r *reader) target(n *yaml.Node, d defaults) (t probes.Target, where *place, at *yaml.Node) {
	n = r.follow(n)
	if n.Kind != yaml.MappingNode {
		r.want(n, "a target such as {feed: URL}")
		return t, nil, n
	}
	r.secret = nil
	t = probes.Target{Interval: d.interval, Timeout: d.timeout}
	k := common{}
	rest := r.fields(n, r.common(&t, &k, d))
	r.settle(&t, k, d)
	rest, url := r.kind(n, rest, &t)
	if url == nil {
		return t, k.where, n
	}
	at = k.name
	if at == nil {
		at = n
		if t.URL != "" {
			t.Name, at = within(t.URL, t.Hide(defaultName(r.follow(url), t.URL))), url
		}
	}
	r.options(url, rest, &t)
	t.Secrets = append(t.Secrets, r.secret...)
	return t, k.where, at
}

// common is what was read of a target's keys besides the target.
type common struct {
	name, confirm *yaml.Node // nil where left out
	where         *place
}

// common returns the keys that targets of all kinds have.
func (r *reader) common(t *probes.Target, k *common, d defaults) []field {
	return []field{
		{"name", func(n *yaml.Node) { t.Name, k.name = r.word(n), n }},
		{"service", func(n *yaml.Node) { t.Service = r.service(n, d.services) }},
		{"labels", func(n *yaml.Node) { t.Labels = r.labels(n) }},
		{"interval", func(n *yaml.Node) { t.Interval = r.duration(n, minInterval) }},
		{"timeout", func(n *yaml.Node) { t.Timeout = r.duration(n, minTimeout) }},
		{"confirm", func(n *yaml.Node) { t.Confirm, k.confirm = r.confirm(n), n }},
		{"paused", func(n *yaml.Node) { t.Paused = r.boolean(n) }},
		{"maintenance", func(n *yaml.Node) { t.Windows = r.shareWindows(r.windows(n)) }},
		{"regions", func(n *yaml.Node) { k.where = r.place(n, false) }},
		{"except", func(n *yaml.Node) {
			if k.where != nil {
				r.fail(n, "regions and except are two ways to say the same; keep one")
			}
			k.where = r.place(n, true)
		}},
		{"record_query", func(n *yaml.Node) { t.RecordQuery = r.boolean(n) }},
		{"secrets", func(n *yaml.Node) { t.Secrets = r.secrets(n) }},
	}
}

// settle decides when t's failures are confirmed. What is said for all targets
// holds where it is well before the next run.
func (r *reader) settle(t *probes.Target, k common, d defaults) {
	switch {
	case k.confirm == nil && d.confirm < t.Interval/2:
		t.Confirm = d.confirm
	case k.confirm != nil && t.Interval > 0 && t.Confirm >= t.Interval:
		r.fail(k.confirm, "%s is not shorter than the interval, %s", t.Confirm, t.Interval)
	}
}

// secrets reads texts that are not to be recorded, such as a token in a path.
func (r *reader) secrets(n *yaml.Node) (list []string) {
	n = r.follow(n)
	if n.Kind != yaml.SequenceNode {
		r.want(n, "a list of texts")
		return nil
	}
	for _, item := range n.Content {
		s, ok := r.text(item)
		if ok && len(s) < probes.MinSecret {
			r.fail(item, "want at least %d characters: shorter texts stand in everything", probes.MinSecret)
		}
		list = append(list, s)
	}
	return list
}

// kind reads the one key that names a kind and holds the URL, which it
// returns; the other entries are left.
func (r *reader) kind(n *yaml.Node, entries []entry, t *probes.Target) (rest []entry, url *yaml.Node) {
	var kindLine int
	for _, e := range entries {
		switch {
		case r.kindOf(e.key) == "":
			rest = append(rest, e)
		case url != nil:
			r.fail(e.at, "a second kind, %s, beside %s at line %d; a target has one", e.key, t.Kind, kindLine)
		default:
			t.Kind, t.URL, url, kindLine = r.kindOf(e.key), r.url(e.value), e.value, e.at.Line
		}
	}
	if url == nil {
		r.fail(n, "no kind: one key must be %s, with the URL", strings.Join(names(r.kinds), ", "))
		r.misspelt(rest)
	}
	return rest, url
}

// misspelt points at keys that look like a kind, where there is none.
func (r *reader) misspelt(entries []entry) {
	for _, e := range entries {
		if k := nearest(e.key, names(r.kinds)); k != "" {
			r.fail(e.at, "unknown key %s; did you mean %s?", show(e.key), k)
		}
	}
}

// service reads a service's name. Services need not be listed, but one that
// looks like a listed one misspelt is an error.
func (r *reader) service(n *yaml.Node, listed []string) string {
	name := r.pool.word(r.word(n))
	if slices.Contains(listed, name) {
		return name
	}
	if k := nearest(name, listed); k != "" {
		r.fail(n, "services has no %s; did you mean %s? If not, list it there", describe(r.follow(n)), show(k))
	}
	return name
}

func (r *reader) labels(n *yaml.Node) map[string]string {
	entries := r.mapping(n)
	if len(entries) > maxLabels {
		r.fail(n, "%d labels; at most %d are kept", len(entries), maxLabels)
	}
	labels := make(map[string]string, len(entries))
	for _, e := range entries {
		if !labelKey.MatchString(e.key) {
			r.fail(e.at, "bad label %s: want a letter, then letters, digits, _ . or -, at most 63", show(e.key))
		}
		labels[e.key] = r.word(e.value)
	}
	return r.pool.sameLabels(labels)
}

// defaultName names a target that was given no name. Variables stay out of it.
func defaultName(n *yaml.Node, url string) string {
	if n.Value == url {
		return probes.DefaultName(url)
	}
	return probes.DefaultName(nameable(n.Value))
}

// options hands what is left to the constructor of the kind, which checks it.
func (r *reader) options(at *yaml.Node, entries []entry, t *probes.Target) {
	if len(entries) > 0 {
		t.Options = make(probes.Options, len(entries))
	}
	values := make(map[string]entry, len(entries))
	for _, e := range entries {
		errs := len(r.errs) + r.more
		if v := r.value(e.value, 0); len(r.errs)+r.more == errs {
			t.Options[e.key] = v
			values[e.key] = e
		}
	}
	if r.budget < 0 || r.pool.accepts(t) {
		return
	}
	trial := *t
	trial.URL = cmp.Or(t.URL, "https://host.invalid/") // its error is noted already
	_, err := construct(r.kinds, nil, trial)
	if err == nil {
		r.pool.accept(t)
	}
	for _, err := range flatten(err) {
		r.optionError(at, values, err)
	}
}

// optionError notes what a constructor said at the key it is about.
func (r *reader) optionError(at *yaml.Node, values map[string]entry, err error) {
	o, ok := errors.AsType[*probes.OptionError](err)
	if !ok {
		r.fail(at, "%v", err)
		return
	}
	key, _, _ := strings.Cut(o.Key, ".")
	e, ok := values[key]
	switch hidden := ok && secretive(e.value, 0); {
	case !ok:
		r.fail(at, "%s: %v", o.Key, o.Err)
	case hidden:
		r.fail(e.at, "%s: not accepted with the variables it names", o.Key)
	default:
		r.fail(e.at, "%s: %v%s", o.Key, o.Err, commonHint(key))
	}
}

// commonKeys are those of [reader.common].
var commonKeys = func() (keys []string) {
	for _, f := range new(reader).common(nil, nil, defaults{}) {
		keys = append(keys, f.key)
	}
	return keys
}()

// commonHint points from a misspelt key to one that all kinds have, which a
// constructor can't know.
func commonHint(key string) string {
	if k := nearest(key, commonKeys); k != "" {
		return "; did you mean " + k + "?"
	}
	return ""
}

// flatten returns the errors that err joins.
func flatten(err error) (all []error) {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	return []error{err}
}

// value reads an option as encoding/json would, whole numbers as int.
func (r *reader) value(n *yaml.Node, depth int) any {
	n = r.follow(n)
	switch {
	case depth > maxDepth:
		r.fail(n, "nests deeper than %d, or contains itself", maxDepth)
	case n.Kind == yaml.MappingNode:
		m := map[string]any{}
		for _, e := range r.mapping(n) {
			m[e.key] = r.value(e.value, depth+1)
		}
		return m
	case n.Kind == yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = r.value(item, depth+1)
		}
		return list
	default:
		return r.scalar(n)
	}
	return nil
}

func (r *reader) scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		r.want(n, "a value")
		return nil
	case "!!bool":
		return r.boolean(n)
	case "!!timestamp":
		return n.Value
	case "!!int":
		var i int
		if n.Decode(&i) == nil {
			return i
		}
		return r.number(n, math.Inf(-1), math.Inf(1))
	case "!!float":
		return r.number(n, -math.MaxFloat64, math.MaxFloat64)
	}
	s, _ := r.text(n)
	return s
}
