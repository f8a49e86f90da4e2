package probes

import (
	"iter"
	"slices"
	"sync"
	"time"
)

// A Step is one timed operation; its children are what it consisted of.
//
// While a step is open its methods may be called by several goroutines; the
// fields are to be read only when the run is finished.
type Step struct {
	Name     string         // its step word: hop, dns, connect, …
	Start    time.Time      // wall clock
	Took     time.Duration  // by the monotonic clock; never computed from two stored times
	Attrs    map[string]any // string, int, int64, float64, bool or []string, by the keys of attr.go
	Findings []Finding
	Fail     *Failure // nil where it went well
	Steps    []*Step  // in the order in which they began

	mu   sync.Mutex // guards Attrs, Findings, Fail and Steps while the step is open
	done bool
}

// NewStep opens the root of a tree.
func NewStep(name string) *Step {
	return &Step{Name: name, Start: time.Now(), Attrs: make(map[string]any, rooms[name])}
}

// rooms are how many facts to make room for, of steps that have many.
var rooms = map[string]int{"hop": 28, "tls": 24}

// Begin opens a child. For parallel children call it before starting the
// goroutine, so that the tree keeps their order.
func (s *Step) Begin(name string) *Step {
	c := NewStep(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Steps = append(s.Steps, c)
	return c
}

// Adopt takes over the children of other, which belong to nobody else: so that
// what was done at the same time stands in an order that doesn't depend on it.
func (s *Step) Adopt(other *Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Steps = append(s.Steps, other.Steps...)
}

// Done closes the step with the error that errp points to, as in
//
//	defer s.Done(&err)
//
// An error that is no [*Failure] is the code "internal". A second call does
// nothing.
func (s *Step) Done(errp *error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return
	}
	s.done = true
	s.Took = time.Since(s.Start)
	if errp != nil && *errp != nil {
		s.Fail = AsFailure(*errp)
	}
}

// Set notes a fact. An empty string and a nil list are not noted; texts and
// lists are cut to [MaxText] and [MaxList].
func (s *Step) Set(key string, v any) { s.Share(key, Own(v)) }

// Share notes a fact that many steps have, which [Own] has returned once for
// all of them. Nil is not noted.
func (s *Step) Share(key string, owned any) {
	if owned == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Attrs != nil { // else the run is finished
		s.Attrs[key] = owned
	}
}

// Find adds a finding to the step.
func (s *Step) Find(f Finding) {
	f.Host, f.Detail = own(f.Host), own(f.Detail)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Findings = append(s.Findings, f)
}

// Optional marks the step as one whose failure doesn't fail the run.
func (s *Step) Optional() { s.Set(AttrCritical, false) }

// Text returns the attribute key as a string, "" where there is none.
func (s *Step) Text(key string) string { t, _ := s.Attrs[key].(string); return t }

// Int returns the attribute key as an int, 0 where there is none.
func (s *Step) Int(key string) int {
	switch n := s.Attrs[key].(type) {
	case int:
		return n
	case int64:
		return int(n)
	}
	return 0
}

// All yields the step and everything below it, parents first, in tree order.
func (s *Step) All() iter.Seq[*Step] {
	return func(yield func(*Step) bool) { s.walk(yield) }
}

func (s *Step) walk(yield func(*Step) bool) bool {
	if !yield(s) {
		return false
	}
	for _, c := range s.Steps {
		if !c.walk(yield) {
			return false
		}
	}
	return true
}

// finish closes whatever is still open in the tree, so that a probe that
// panicked or forgot a step leaves a record nonetheless.
func (s *Step) finish(err error) {
	for c := range s.All() {
		c.Done(&err)
	}
}

// snapshot copies the tree as it stands, for readers that must not wait for
// goroutines a probe left behind. It takes the facts away: what comes after is
// not noted.
func (s *Step) snapshot() *Step {
	s.mu.Lock()
	c := &Step{
		Name: s.Name, Start: s.Start, Took: s.Took, Fail: s.Fail, done: s.done,
		Attrs: s.Attrs, Findings: slices.Clone(s.Findings), Steps: slices.Clone(s.Steps),
	}
	s.Attrs = nil
	s.mu.Unlock()
	for i, child := range c.Steps {
		c.Steps[i] = child.snapshot()
	}
	return c
}
