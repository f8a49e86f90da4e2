package store

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// zips holds compressors: a new one costs more than packing a run.
var zips = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is right
	}
	return z
}}

// Pack returns the spans of one run as a fragment.
func Pack(traceID string, started time.Time, spans ptrace.Traces) (Fragment, error) {
	plain, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(spans)
	if err != nil {
		return Fragment{}, err
	}
	sum := sha256.Sum256(plain)
	var packed bytes.Buffer
	z := zips.Get().(*gzip.Writer)
	defer zips.Put(z)
	z.Reset(&packed)
	if _, err := z.Write(plain); err != nil {
		return Fragment{}, err
	}
	if err := z.Close(); err != nil {
		return Fragment{}, err
	}
	return Fragment{TraceID: traceID, Started: started, Hash: sum[:16], Packed: packed.Bytes()}, nil
}

func unpack(packed []byte) (ptrace.Traces, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return ptrace.Traces{}, err
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		return ptrace.Traces{}, err
	}
	return (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(plain)
}

// Trace returns the spans of one run. Where the root hasn't come yet, all of
// its Run but the ID is empty. The error wraps fs.ErrNotExist where nothing of
// the run is stored.
func (s *Store) Trace(ctx context.Context, traceID string) (api.Trace, error) {
	t := api.Trace{Run: api.Run{TraceID: traceID}, Spans: []api.Span{}}
	found := time.Time{}
	err := s.each(ctx, time.Time{}, time.Time{}, func(d *snapshot) error {
		date, _ := time.Parse(time.DateOnly, d.day.name)
		if !found.IsZero() && found.Sub(date) > 24*time.Hour {
			return errStop // a run goes on over one midnight at most
		}
		n, err := d.trace(ctx, id(traceID), &t)
		if n > 0 {
			found = date
		}
		return err
	})
	if err != nil {
		return t, err
	}
	if found.IsZero() {
		return t, fmt.Errorf("no run has the trace ID %s, or it is older than the hub keeps: %w", traceID, fs.ErrNotExist)
	}
	t.Spans = inOrder(t.Spans)
	t.ConfirmedBy, err = s.confirming(ctx, &t.Run)
	return t, err
}

// confirmedWithin is how long after a run the one is looked for that was sent
// to confirm it, at least: it comes before the next one is due.
const confirmedWithin = time.Hour

// confirming returns the trace ID of the run that was sent to confirm r, "" for
// none.
func (s *Store) confirming(ctx context.Context, r *api.Run) (traceID string, err error) {
	if r.Started.IsZero() {
		return "", nil // its root hasn't come
	}
	until := r.Started.Add(max(confirmedWithin, r.Interval))
	query := `SELECT trace_id FROM runs WHERE region = ? AND target = ? AND started >= ? AND started < ? AND confirms = ? LIMIT 1`
	err = s.each(ctx, r.Started, until, func(d *snapshot) error {
		var id []byte
		err := d.QueryRowContext(ctx, query, r.Region, r.Target, r.Started.UnixNano(), until.UnixNano(), r.TraceID).Scan(&id)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return nil
		case err != nil:
			return err
		}
		traceID = hex.EncodeToString(id)
		return errStop
	})
	return traceID, err
}

// trace adds what one day has of a run and returns how many rows that were.
func (s *snapshot) trace(ctx context.Context, id []byte, t *api.Trace) (n int, err error) {
	err = s.rows(ctx, "SELECT "+runColumns+" FROM runs r WHERE trace_id = ?", []any{id}, func(rows *sql.Rows) error {
		n++
		return scanRun(rows, &t.Run)
	})
	if err != nil {
		return n, err
	}
	err = s.rows(ctx, "SELECT spans FROM traces WHERE trace_id = ? ORDER BY rowid", []any{id}, func(rows *sql.Rows) error {
		n++
		if len(t.Spans) >= maxSpans {
			return nil
		}
		var packed sql.RawBytes
		if err := rows.Scan(&packed); err != nil {
			return err
		}
		spans, err := unpack(packed)
		if err != nil {
			return fmt.Errorf("trace %x: %w", id, err)
		}
		t.Spans = appendSpans(t.Spans, spans)
		return nil
	})
	return n, err
}

// maxSpans of one run are told. A page of two hundred assets has some two
// thousand; more would be a stranger's, who could fill the memory with them.
const maxSpans = 50_000

func appendSpans(to []api.Span, from ptrace.Traces) []api.Span {
	for _, rs := range from.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				if len(to) == maxSpans {
					return to
				}
				to = append(to, span(sp))
			}
		}
	}
	return to
}

func span(sp ptrace.Span) api.Span {
	attrs := sp.Attributes()
	return api.Span{
		ID:       sp.SpanID().String(),
		Parent:   sp.ParentSpanID().String(),
		Name:     sp.Name(),
		Step:     str(attrs, probes.AttrStep),
		Start:    sp.StartTimestamp().AsTime(),
		Duration: max(0, sp.EndTimestamp().AsTime().Sub(sp.StartTimestamp().AsTime())),
		Code:     probes.Code(str(attrs, probes.AttrErrorType)),
		Attrs:    finite(attrs.AsRaw()).(map[string]any),
	}
}

// finite replaces numbers that JSON doesn't have by their names.
func finite(v any) any {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	case []any:
		for i := range v {
			v[i] = finite(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = finite(v[key])
		}
	}
	return v
}

func str(attrs pcommon.Map, key string) string {
	if v, ok := attrs.Get(key); ok {
		return v.Str()
	}
	return ""
}

// inOrder returns each span once, parents first and children in the order in
// which they began. What has no parent here stands at the top. What strangers
// sent may lead in circles; it comes last.
func inOrder(spans []api.Span) []api.Span {
	byID := map[string]api.Span{}
	for _, sp := range spans {
		if _, ok := byID[sp.ID]; !ok {
			byID[sp.ID] = sp
		}
	}
	below := map[string][]api.Span{}
	for _, sp := range byID {
		parent := sp.Parent
		if _, ok := byID[parent]; !ok {
			parent = ""
		}
		below[parent] = append(below[parent], sp)
	}
	for _, children := range below {
		slices.SortFunc(children, older)
	}
	ordered := make([]api.Span, 0, len(byID))
	var add func(parent string)
	add = func(parent string) {
		children := below[parent]
		delete(below, parent)
		for _, sp := range children {
			ordered = append(ordered, sp)
			add(sp.ID)
		}
	}
	add("")
	var circles []api.Span
	for _, children := range below {
		circles = append(circles, children...)
	}
	slices.SortFunc(circles, older)
	return append(ordered, circles...)
}

func older(a, b api.Span) int {
	return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
}
