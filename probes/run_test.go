package probes_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sonde-media/sonde/probes"
)

var target = probes.Target{Name: "x", Kind: "page", URL: "https://www.example.com/"}

func TestDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		r := probes.Do(t.Context(), func(_ context.Context, s *probes.Step, got probes.Target) (err error) {
			if got.URL != target.URL {
				t.Errorf("got target %+v", got)
			}
			h := s.Begin("hop")
			defer h.Done(&err)
			h.Set(probes.AttrServerAddress, "www.example.com")
			time.Sleep(2 * time.Second)
			return probes.Fail(probes.HTTPStatus, nil)
		}, target)
		if r.Outcome != probes.Failed || r.Code != probes.HTTPStatus || r.Culprit != "www.example.com" {
			t.Errorf("got %+v", r.Verdict)
		}
		if r.Root.Name != "probe page" || r.Root.Took != 2*time.Second || !r.Scheduled.Equal(begin) {
			t.Errorf("got root %s, took %v, scheduled %v", r.Root.Name, r.Root.Took, r.Scheduled)
		}
	})
}

func TestDoPanic(t *testing.T) {
	r := probes.Do(t.Context(), func(_ context.Context, s *probes.Step, _ probes.Target) error {
		s.Begin("hop")
		panic("oh")
	}, target)
	if r.Outcome != probes.Unknown || r.Code != probes.Internal {
		t.Errorf("got %+v, want unknown by internal", r.Verdict)
	}
	if d := r.Root.Fail.Detail; !strings.HasPrefix(d, "panic: oh\n") || !strings.Contains(d, "run_test.go") {
		t.Errorf("got detail %q, want the panic and its stack", d)
	}
	if hop := r.Root.Steps[0]; hop.Fail == nil || hop.Fail.Code != probes.Internal {
		t.Errorf("got %v on the step left open, want internal", hop.Fail)
	}
}

func TestDoTimeout(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{0: probes.DefaultTimeout, 5 * time.Second: 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			tt := target
			tt.Timeout = timeout
			r := probes.Do(t.Context(), func(ctx context.Context, _ *probes.Step, _ probes.Target) error {
				<-ctx.Done()
				return probes.Fail(probes.HTTPTimeout, ctx.Err())
			}, tt)
			if r.Root.Took != want || r.Code != probes.HTTPTimeout {
				t.Errorf("got %v, %s, want %v, http_timeout", r.Root.Took, r.Code, want)
			}
		})
	}
}

// A goroutine that a probe left behind must not change the record.
func TestDoSnapshot(t *testing.T) {
	var left *probes.Step
	r := probes.Do(t.Context(), func(_ context.Context, s *probes.Step, _ probes.Target) error {
		left = s.Begin("hop")
		left.Done(nil)
		return nil
	}, target)
	left.Set("late", "x")
	left.Begin("late")
	left.Find(probes.Note(probes.HopCount, "", ""))
	hop := r.Root.Steps[0]
	if hop == left || hop.Text("late") != "" || len(hop.Steps) != 0 || len(hop.Findings) != 0 {
		t.Errorf("got %+v, want the step as it was when the run ended", hop)
	}
	if r.Outcome != probes.OK {
		t.Errorf("got %s, want ok", r.Outcome)
	}
}

func TestTraceIDs(t *testing.T) {
	a, b := probes.NewTraceID(), probes.NewTraceID()
	if a == b || len(a.String()) != 32 {
		t.Errorf("got trace IDs %s and %s", a, b)
	}
	again := a
	if a.Span(1) != again.Span(1) || a.Span(1) == a.Span(2) || a.Span(1) == b.Span(1) || len(a.Span(0).String()) != 16 {
		t.Error("want a span ID to follow from trace ID and place alone")
	}
}
