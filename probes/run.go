package probes

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// A Func probes t, adding what it did to s. A nil error means that the
// listener would have been served. It must respect ctx, must have closed what
// it opened, and must have ended every goroutine it started.
type Func func(ctx context.Context, s *Step, t Target) error

// A TraceID identifies a run and the trace it becomes (W3C Trace Context).
type TraceID [16]byte

// NewTraceID returns a random trace ID.
func NewTraceID() (id TraceID) {
	rand.Read(id[:])
	return id
}

// String returns 32 lower-case hexadecimal digits.
func (id TraceID) String() string { return hex.EncodeToString(id[:]) }

// A SpanID identifies a step within its run.
type SpanID [8]byte

// String returns 16 lower-case hexadecimal digits.
func (id SpanID) String() string { return hex.EncodeToString(id[:]) }

// Span returns the ID of the n-th step in tree order, the root being 0. It
// depends on nothing else, so that folding a run twice gives the same spans.
func (id TraceID) Span(n int) (span SpanID) {
	var text [len(id) + 8]byte
	copy(text[:], id[:])
	binary.BigEndian.PutUint64(text[len(id):], uint64(n))
	sum := sha256.Sum256(text[:])
	copy(span[:], sum[:])
	return span
}

// A Run is one finished execution of a probe against a target.
type Run struct {
	Target    Target
	ID        TraceID
	Scheduled time.Time // when it was due; the start where nobody scheduled it
	Confirms  string    // trace ID of the run that this one was sent to confirm, or ""
	Root      *Step
	Verdict
}

// Do runs f against t and returns the finished run. It bounds f by the
// target's timeout. A panic in f fails the run as "internal".
func Do(ctx context.Context, f Func, t Target) *Run {
	timeout := t.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	r := &Run{Target: t.recorded(), ID: NewTraceID()}
	root := NewStep("probe " + t.Kind)
	r.Scheduled = root.Start
	root.Set(AttrURL, RecordURLText(t.URL, t.RecordQuery))
	err := Safely(func() error { return f(ctx, root, t) })
	root.Done(&err)
	root.finish(Fail(Internal, errors.New("the step was left open")))
	r.Root = root.snapshot()
	r.Root.hide(t.Secrets)
	r.Verdict = Judge(r.Root)
	return r
}

// Safely returns f's error; a panic in f is the failure "internal". Goroutines
// that a probe starts need it too: a run never takes the agent down.
func Safely(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Fail(Internal, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	return f()
}
