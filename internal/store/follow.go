package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// A Cursor is how far somebody has followed the store: the last row read of
// each day. The zero Cursor is before everything.
type Cursor map[string]int64

// A Followed is a run with the exchanges it consisted of.
type Followed struct {
	api.Run
	Hops []Hop // host, address, certificate and its expiry, CDN and code alone
}

// Follow returns runs that were stored since c, at most limit of them, and the
// cursor after them: all where it is the zero Cursor. Runs of one day come in
// the order in which they were stored, older days first; one that came late is
// found in its day like any other. An empty list means that there is nothing
// new.
func (s *Store) Follow(ctx context.Context, c Cursor, limit int) ([]Followed, Cursor, error) {
	next := maps.Clone(c)
	if next == nil {
		next = Cursor{}
	}
	days, err := s.names()
	if err != nil {
		return nil, c, err
	}
	maps.DeleteFunc(next, func(name string, _ int64) bool { return !slices.Contains(days, name) })
	var all []Followed
	for _, name := range days {
		d := s.known(name)
		if d == nil || len(all) == limit {
			continue
		}
		var page []Followed
		last := next[name]
		err := d.read(ctx, func(sn *snapshot) (err error) {
			page, last, err = sn.follow(ctx, next[name], limit-len(all))
			return err
		})
		switch {
		case errors.Is(err, fs.ErrClosed): // deleted for its age meanwhile
			continue
		case err != nil:
			return nil, c, fmt.Errorf("read %s: %w", d.path, err)
		}
		all, next[name] = append(all, page...), last
	}
	return all, next, nil
}

// Keeps is how long runs are kept.
func (s *Store) Keeps() time.Duration { return s.keep }

// names returns the days that are there, the oldest first.
func (s *Store) names() ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.days == nil {
		return nil, ErrClosed
	}
	return slices.Sorted(maps.Keys(s.days)), nil
}

func (s *snapshot) follow(ctx context.Context, after int64, limit int) (all []Followed, last int64, err error) {
	last = after
	at := map[string]int{}
	query := "SELECT r.rowid, " + runColumns + " FROM runs r WHERE r.rowid > ? ORDER BY r.rowid LIMIT ?"
	err = s.rows(ctx, query, []any{after, limit}, func(rows *sql.Rows) error {
		var f Followed
		if err := scanRun(numbered{rows, &last}, &f.Run); err != nil {
			return err
		}
		at[f.TraceID] = len(all)
		all = append(all, f)
		return nil
	})
	if err != nil || len(all) == 0 {
		return nil, after, err
	}
	hops := `SELECT h.trace_id, h.host, h.address, h.cert, h.cert_not_after, h.cdn, h.code FROM runs r JOIN hops h ON h.trace_id = r.trace_id
		WHERE r.rowid > ? AND r.rowid <= ?`
	err = s.rows(ctx, hops, []any{after, last}, func(rows *sql.Rows) error {
		var id []byte
		var h Hop
		if err := rows.Scan(&id, &h.Host, &h.Address, &h.Cert, &h.CertNotAfter, &h.CDN, &h.Code); err != nil {
			return err
		}
		if i, ok := at[hex.EncodeToString(id)]; ok {
			all[i].Hops = append(all[i].Hops, h)
		}
		return nil
	})
	return all, last, err
}

// numbered takes the number of a row before its other columns.
type numbered struct {
	scanner
	row *int64
}

func (n numbered) Scan(dest ...any) error {
	return n.scanner.Scan(append([]any{n.row}, dest...)...)
}
