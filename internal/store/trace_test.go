package store

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// spans returns a trace with spans named by their IDs; parents[i] is the
// parent of span i+1, 0 for none.
func spans(trace int, from int, parents ...int) ptrace.Traces {
	td := ptrace.NewTraces()
	list := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i, parent := range parents {
		n := from + i
		sp := list.AppendEmpty()
		sp.SetTraceID(pcommon.TraceID(id(hexID(trace, 32))))
		sp.SetSpanID(pcommon.SpanID(id(hexID(n, 16))))
		if parent > 0 {
			sp.SetParentSpanID(pcommon.SpanID(id(hexID(parent, 16))))
		}
		sp.SetName(fmt.Sprint(n))
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(midnight.Add(time.Duration(n))))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(midnight.Add(time.Duration(n) + time.Second)))
		sp.Attributes().PutStr(probes.AttrStep, "hop")
		sp.Attributes().PutInt("n", int64(n))
	}
	return td
}

func fragment(t *testing.T, trace int, after time.Duration, td ptrace.Traces) Batch {
	t.Helper()
	f, err := Pack(hexID(trace, 32), midnight.Add(after), td)
	if err != nil {
		t.Fatal(err)
	}
	return Batch{Fragments: []Fragment{f}}
}

func names(t api.Trace) string {
	var all []string
	for _, sp := range t.Spans {
		all = append(all, sp.Name)
	}
	return strings.Join(all, " ")
}

func TestTraceInPieces(t *testing.T) {
	s := openTest(t, Options{})
	write(t, s, fragment(t, 7, time.Second, spans(7, 4, 2, 1))) // 4 below 2, 5 below 1; no root yet
	tr, err := s.Trace(t.Context(), hexID(7, 32))
	if err != nil || names(tr) != "4 5" || tr.Run.TraceID != hexID(7, 32) {
		t.Errorf("got %q and %v, want the orphans 4 5", names(tr), err)
	}
	early := fragment(t, 7, -time.Second, spans(7, 1, 0, 1, 2)) // of the day before
	early.Runs = []Run{run(7, -time.Second, probes.OK)}
	for range 2 {
		write(t, s, early)
		write(t, s, fragment(t, 7, time.Second, spans(7, 3, 2, 2))) // 3 and 4 again, in another piece
		tr, err = s.Trace(t.Context(), hexID(7, 32))
		if err != nil || names(tr) != "1 2 3 4 5" {
			t.Errorf("got %q and %v, want 1 2 3 4 5", names(tr), err)
		}
	}
	if d := cmp.Diff(run(7, -time.Second, probes.OK).Run, tr.Run); d != "" {
		t.Error(d)
	}
	want := map[string]any{probes.AttrStep: "hop", "n": int64(2)}
	if d := cmp.Diff(want, tr.Spans[1].Attrs); d != "" || tr.Spans[1].Duration != time.Second {
		t.Error(d, tr.Spans[1].Duration)
	}
}

func TestTraceThatLeadsInCircles(t *testing.T) {
	s := openTest(t, Options{})
	write(t, s, fragment(t, 8, 0, spans(8, 1, 0, 3, 2, 4))) // 2 and 3 below each other, 4 below itself
	tr, err := s.Trace(t.Context(), hexID(8, 32))
	if err != nil || names(tr) != "1 2 3 4" {
		t.Errorf("got %q and %v", names(tr), err)
	}
}

func TestTraceUnknown(t *testing.T) {
	s := openTest(t, Options{})
	if _, err := s.Trace(t.Context(), hexID(1, 32)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}
