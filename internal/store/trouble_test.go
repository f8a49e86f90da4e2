package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// What is acknowledged after somebody deleted or replaced a day's file is in
// the file of that name.
func TestLostFile(t *testing.T) {
	s := openTest(t, Options{})
	write(t, s, Batch{Runs: []Run{run(1, 0, probes.OK), run(2, -time.Hour, probes.OK)}})
	path := filepath.Join(s.dir, dayName(midnight)+dayExt)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Runs(t.Context(), around); err != nil || got.Total != 1 {
		t.Errorf("got %d runs and %v, want the other day's one", got.Total, err)
	}
	write(t, s, Batch{Runs: []Run{run(3, time.Second, probes.OK)}})
	if got, err := s.Runs(t.Context(), around); err != nil || got.Total != 2 || got.Runs[0].TraceID != hexID(3, 32) {
		t.Errorf("got %+v and %v", got, err)
	}
	other := openTest(t, Options{})
	write(t, other, Batch{Runs: []Run{run(4, 0, probes.OK), run(5, 0, probes.OK)}})
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(other.dir, dayName(midnight)+dayExt), path); err != nil { // a backup
		t.Fatal(err)
	}
	write(t, s, Batch{Runs: []Run{run(6, time.Second, probes.OK)}})
	if got, err := s.Runs(t.Context(), around); err != nil || got.Total != 4 {
		t.Errorf("got %+v and %v, want those of the backup, the new and the other day's", got, err)
	}
}

// A hundred ask while runs are written and old days go.
func TestReadersWriterAndRetention(t *testing.T) {
	s := openTest(t, Options{Keep: 3 * 24 * time.Hour})
	for day := range 3 {
		write(t, s, Batch{Runs: []Run{run(day, -time.Duration(day)*24*time.Hour, probes.Failed)}})
	}
	var readers, others sync.WaitGroup
	q := api.Query{From: midnight.Add(-5 * 24 * time.Hour), To: midnight.Add(24 * time.Hour)}
	for range 100 {
		readers.Go(func() {
			for range 5 {
				_, err1 := s.Matrix(t.Context(), q)
				_, err2 := s.Runs(t.Context(), q)
				_, err3 := s.Trace(t.Context(), hexID(0, 32))
				if err := errors.Join(err1, err2, err3); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	others.Go(func() {
		for n := 10; ; n++ {
			select {
			case <-done:
				return
			default:
				b := Batch{Runs: []Run{run(n, time.Duration(n)*time.Millisecond, probes.OK)}}
				if err := s.Write(t.Context(), &b); err != nil {
					t.Error(err)
				}
			}
		}
	})
	others.Go(func() {
		for ahead := range 4 {
			if err := s.expire(time.Now().Add(time.Duration(ahead) * 24 * time.Hour)); err != nil {
				t.Error(err)
			}
		}
	})
	readers.Wait()
	close(done)
	others.Wait()
}

// What a stranger sends under one trace ID is told in bounds, also where each
// span stands in the next.
func TestHugeTrace(t *testing.T) {
	s := openTest(t, Options{})
	const each = 20_000
	for part := range 4 {
		td := ptrace.NewTraces()
		spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		for i := range each {
			sp := spans.AppendEmpty()
			n := part*each + i
			sp.SetSpanID([8]byte{1, 5: byte(n >> 16), 6: byte(n >> 8), 7: byte(n)})
			if n--; n >= 0 {
				sp.SetParentSpanID([8]byte{1, 5: byte(n >> 16), 6: byte(n >> 8), 7: byte(n)})
			}
		}
		f, err := Pack(hexID(7, 32), midnight, td)
		if err != nil {
			t.Fatal(err)
		}
		write(t, s, Batch{Fragments: []Fragment{f}})
	}
	got, err := s.Trace(t.Context(), hexID(7, 32))
	if err != nil || len(got.Spans) != maxSpans {
		t.Errorf("got %d spans and %v", len(got.Spans), err)
	}
	if last := fmt.Sprintf("%016x", uint64(1)<<56+maxSpans-1); got.Spans[maxSpans-1].ID != last {
		t.Errorf("the last is %s, want %s", got.Spans[maxSpans-1].ID, last)
	}
}
