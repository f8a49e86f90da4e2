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
// each file, which may be another of the same day by then. The zero Cursor is
// before everything.
type Cursor map[fileID]int64

// A fileID tells files apart that were opened in turn under one name.
type fileID int64

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
	days, err := s.oldestFirst()
	if err != nil {
		return nil, c, err
	}
	maps.DeleteFunc(next, func(id fileID, _ int64) bool {
		return !slices.ContainsFunc(days, func(d *day) bool { return d.id == id })
	})
	var all []Followed
	for _, d := range days {
		if s.known(d.name) != d || len(all) == limit {
			continue
		}
		var page []Followed
		last := next[d.id]
		err := s.read(ctx, d, func(sn *snapshot) (err error) {
			page, last, err = sn.follow(ctx, next[d.id], limit-len(all))
			return err
		})
		switch {
		case errors.Is(err, fs.ErrClosed): // deleted for its age meanwhile
			continue
		case err != nil:
			return nil, c, fmt.Errorf("read %s: %w", d.path, err)
		}
		all, next[d.id] = append(all, page...), last
	}
	return all, next, nil
}

// Keeps is how long runs are kept.
func (s *Store) Keeps() time.Duration { return s.keep }

// oldestFirst returns the days that are there.
func (s *Store) oldestFirst() ([]*day, error) {
	days, err := s.between(time.Time{}, time.Time{})
	slices.Reverse(days)
	return days, err
}

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
