package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// The stored form: one file a UTC day, 2006-01-02.db, by when the span of a
// row began. Times and durations are nanoseconds, times since 1970.
//
//	runs       a root span             key trace_id
//	hops       a hop or an asset       key trace_id, span_id
//	traces     some spans of a run     key trace_id, hash
//	           as gzip of OTLP's protobuf; hash: SHA-256 of what was packed
//	agents     a minute of an agent    key agent, region, minute
//	           in which it was seen, by a run or a heartbeat;
//	           beat: what the heartbeat told, api.Beat as JSON
//	cells      a target from a region  key region, target
//	           what is known of it by its newest run of the day
//
// A row that is there already stays as it is, so that a request sent twice
// changes nothing; in agents and cells what is newer wins, in whatever order
// it comes. Absent text is ”; findings and labels are JSON or ”.
const schema = `
BEGIN;
CREATE TABLE IF NOT EXISTS runs (
	trace_id BLOB PRIMARY KEY, started INTEGER, scheduled INTEGER, received INTEGER,
	region TEXT, agent TEXT, target TEXT, kind TEXT, service TEXT, labels TEXT, interval INTEGER,
	duration INTEGER, outcome TEXT, code TEXT, culprit TEXT, cause TEXT, detail TEXT, confirms TEXT,
	findings TEXT, hops INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS runs_time ON runs (started);
CREATE INDEX IF NOT EXISTS runs_cell ON runs (region, target, started, outcome, confirms);
CREATE TABLE IF NOT EXISTS hops (
	trace_id BLOB, span_id BLOB, step TEXT, started INTEGER, duration INTEGER, region TEXT, agent TEXT,
	target TEXT, kind TEXT, hop INTEGER, host TEXT, previous TEXT, address TEXT, code TEXT, status INTEGER,
	cert TEXT, cert_not_after TEXT, cdn TEXT, role TEXT, url TEXT,
	PRIMARY KEY (trace_id, span_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS traces (
	trace_id BLOB, hash BLOB, spans BLOB,
	PRIMARY KEY (trace_id, hash)
) STRICT;
CREATE TABLE IF NOT EXISTS agents (
	agent TEXT, region TEXT, minute INTEGER, seen INTEGER, version TEXT, lat REAL, lon REAL,
	beat_at INTEGER, targets INTEGER, beat TEXT,
	PRIMARY KEY (agent, region, minute)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cells (
	region TEXT, target TEXT, seen INTEGER, kind TEXT, service TEXT, url TEXT,
	PRIMARY KEY (region, target)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
COMMIT;`

const (
	schemaVersion = 1
	tables        = 5
)

const (
	insertRun = `INSERT OR IGNORE INTO runs VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`
	insertHop = `INSERT OR IGNORE INTO hops VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`
	insertBit = `INSERT OR IGNORE INTO traces VALUES (?,?,?)`

	upsertCell = `INSERT INTO cells VALUES (?,?,?,?,?,?) ON CONFLICT DO UPDATE SET
		seen = excluded.seen, kind = excluded.kind, service = excluded.service, url = excluded.url
		WHERE excluded.seen > seen`

	upsertSeen = `INSERT INTO agents VALUES (?,?,?,?,?,?,?,0,0,'') ON CONFLICT DO UPDATE SET
		seen = excluded.seen, version = excluded.version, lat = excluded.lat, lon = excluded.lon
		WHERE excluded.seen > seen`

	updateBeat = `UPDATE agents SET beat_at = ?, targets = ?, beat = ?
		WHERE agent = ? AND region = ? AND minute = ? AND beat_at < ?`
)

const (
	maxPending = 4096 // requests that wait
	maxRows    = 1000 // about as many rows as one transaction holds
)

// A pending batch waits to be committed.
type pending struct {
	batch  *Batch
	weight int64
	done   chan error
}

// Write stores a batch and returns when it is on disk. ErrFull means that
// nothing was stored because too much waits already. The batch belongs to the
// store from then on. Where ctx ends first, the rows may be stored or not.
func (s *Store) Write(ctx context.Context, b *Batch) error {
	if b.rows() == 0 {
		return nil
	}
	p := &pending{b, b.weight(), make(chan error, 1)}
	if err := s.enqueue(p); err != nil {
		return err
	}
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) enqueue(p *pending) error {
	s.wmu.RLock()
	defer s.wmu.RUnlock()
	if s.closed {
		return ErrClosed
	}
	// A batch larger than the whole queue passes when it is alone.
	if n := s.queued.Add(p.weight); n > s.limit && n != p.weight {
		s.queued.Add(-p.weight)
		return ErrFull
	}
	select {
	case s.queue <- p:
		return nil
	default:
		s.queued.Add(-p.weight)
		return ErrFull
	}
}

// writer commits what comes, in groups, until the queue is closed.
func (s *Store) writer() {
	hourly := time.NewTicker(time.Hour)
	defer hourly.Stop()
	for {
		select {
		case p, ok := <-s.queue:
			if !ok {
				return
			}
			s.settle()
			s.commitGroup(s.gather(p))
		case i := <-s.ill:
			s.part(i)
		case now := <-hourly.C:
			s.note(s.expire(now))
		}
	}
}

// gather adds to p what waits already, up to a transaction's size.
func (s *Store) gather(p *pending) []*pending {
	group := []*pending{p}
	for rows := p.batch.rows(); rows < maxRows; {
		select {
		case p, ok := <-s.queue:
			if !ok {
				return group
			}
			group = append(group, p)
			rows += p.batch.rows()
		default:
			return group
		}
	}
	return group
}

// commitGroup writes a group, a transaction a day, and tells who waits. What
// of a failed group is stored is stored once more when it is sent again, to no
// effect.
func (s *Store) commitGroup(group []*pending) {
	var errs []error
	for name, b := range split(group) {
		if err := s.commit(name, b); err != nil {
			errs = append(errs, fmt.Errorf("write %s%s: %w", name, dayExt, err))
		}
	}
	err := errors.Join(errs...)
	s.note(err)
	for _, p := range group {
		s.queued.Add(-p.weight)
		p.done <- err
	}
}

// commit writes rows of one day, to a fresh file where the one that was there
// turns out to be damaged.
func (s *Store) commit(name string, b *Batch) error {
	d, err := s.day(name)
	if err != nil {
		return err
	}
	if err = d.commit(b); !damaged(err) {
		return err
	}
	s.part(illness{d, err})
	if d, err = s.day(name); err != nil {
		return err
	}
	return d.commit(b)
}

func (s *Store) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastErr = err
}

// split sorts the rows of a group by day.
func split(group []*pending) map[string]*Batch {
	days := map[string]*Batch{}
	day := func(t time.Time) *Batch {
		name := dayName(t)
		if days[name] == nil {
			days[name] = &Batch{}
		}
		return days[name]
	}
	for _, p := range group {
		for _, r := range p.batch.Runs {
			b := day(r.Started)
			b.Runs = append(b.Runs, r)
		}
		for _, h := range p.batch.Hops {
			b := day(h.Started)
			b.Hops = append(b.Hops, h)
		}
		for _, f := range p.batch.Fragments {
			b := day(f.Started)
			b.Fragments = append(b.Fragments, f)
		}
		for _, g := range p.batch.Sightings {
			b := day(g.Seen)
			b.Sightings = append(b.Sightings, g)
		}
	}
	return days
}

// commit writes rows in one transaction. Its context is nobody's request:
// others wait for the same commit.
func (d *day) commit(b *Batch) (err error) {
	tx, err := d.w.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	w := writing{tx: tx, stmts: map[string]*sql.Stmt{}}
	for i := range b.Runs {
		w.run(&b.Runs[i])
	}
	for i := range b.Hops {
		w.hop(&b.Hops[i])
	}
	for _, f := range b.Fragments {
		w.exec(insertBit, id(f.TraceID), f.Hash, f.Packed)
	}
	for _, g := range newest(b.Sightings) {
		w.sighting(g)
	}
	if w.err != nil {
		return w.err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if log, err := os.Stat(d.path + "-wal"); err == nil {
		d.log = log
	}
	return nil
}

// A writing is one transaction; after its first error it does nothing.
type writing struct {
	tx    *sql.Tx
	stmts map[string]*sql.Stmt // the transaction closes them
	err   error
}

func (w *writing) exec(query string, args ...any) {
	if w.err != nil {
		return
	}
	stmt := w.stmts[query]
	if stmt == nil {
		if stmt, w.err = w.tx.Prepare(query); w.err != nil {
			return
		}
		w.stmts[query] = stmt
	}
	_, w.err = stmt.Exec(args...)
}

func (w *writing) run(r *Run) {
	w.exec(insertRun, id(r.TraceID), r.Started.UnixNano(), nanos(r.Scheduled), nanos(r.Received),
		r.Region, r.Agent, r.Target, r.Kind, r.Service, text(r.Labels, len(r.Labels)), int64(r.Interval),
		int64(r.Duration), string(r.Outcome), string(r.Code), r.Culprit, r.Cause, r.Detail, r.Confirms,
		text(r.Findings, len(r.Findings)), r.Hops)
	w.exec(upsertCell, r.Region, r.Target, r.Started.UnixNano(), r.Kind, r.Service, r.URL)
}

func (w *writing) hop(h *Hop) {
	w.exec(insertHop, id(h.TraceID), id(h.SpanID), h.Step, h.Started.UnixNano(), int64(h.Duration),
		h.Region, h.Agent, h.Target, h.Kind, h.Index, h.Host, h.Previous, h.Address, h.Code, h.Status,
		h.Cert, h.CertNotAfter, h.CDN, h.Role, h.URL)
}

func (w *writing) sighting(g Sighting) {
	minute, seen := g.Seen.Unix()/60, g.Seen.UnixNano()
	w.exec(upsertSeen, g.Agent, g.Region, minute, seen, g.Version, g.Lat, g.Lon)
	if g.Beat != nil {
		w.exec(updateBeat, seen, g.Beat.Targets, text(g.Beat, 1), g.Agent, g.Region, minute, seen)
	}
}

// newest leaves of the runs' sightings of each agent only the newest a minute:
// a transaction often holds hundreds of one agent's.
func newest(all []Sighting) []Sighting {
	type key struct {
		agent, region string
		minute        int64
	}
	at := map[key]int{}
	var kept []Sighting
	for _, g := range all {
		k := key{g.Agent, g.Region, g.Seen.Unix() / 60}
		i, ok := at[k]
		switch {
		case g.Beat != nil:
			kept = append(kept, g)
		case !ok:
			at[k] = len(kept)
			kept = append(kept, g)
		case g.Seen.After(kept[i].Seen):
			kept[i] = g
		}
	}
	return kept
}

// id returns the bytes of a hexadecimal ID, or the text where it is none.
func id(text string) []byte {
	if b, err := hex.DecodeString(text); err == nil {
		return b
	}
	return []byte(text)
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// text returns v as JSON, ” where it has no elements.
func text(v any, n int) string {
	if n == 0 {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts and finite numbers always marshal
	}
	return string(b)
}
