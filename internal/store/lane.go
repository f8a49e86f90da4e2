package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// Lane calls f with all runs of a target by an agent, the oldest first, with
// the exchanges of those that failed, until it returns false.
func (s *Store) Lane(ctx context.Context, region, target, agent string, f func(Followed) bool) error {
	names, err := s.names()
	if err != nil {
		return err
	}
	more := true
	for _, name := range names {
		from, _ := time.Parse(time.DateOnly, name) // it is a day's
		if !more {
			return nil
		}
		err := s.each(ctx, from, from, func(d *snapshot) error {
			day, err := d.lane(ctx, region, target, agent)
			for _, r := range day {
				if more = more && f(r); !more {
					break
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *snapshot) lane(ctx context.Context, region, target, agent string) (all []Followed, err error) {
	query := "SELECT " + runColumns + " FROM runs r WHERE r.region = ? AND r.target = ? AND r.agent = ? ORDER BY r.started, r.trace_id"
	err = s.rows(ctx, query, []any{region, target, agent}, func(rows *sql.Rows) error {
		var f Followed
		err := scanRun(rows, &f.Run)
		all = append(all, f)
		return err
	})
	for i := range all {
		if err != nil || all[i].Outcome != probes.Failed {
			continue
		}
		all[i].Hops, err = s.hops(ctx, all[i].TraceID)
	}
	return all, err
}

func (s *snapshot) hops(ctx context.Context, traceID string) (all []Hop, err error) {
	query := "SELECT host, address, cert, cert_not_after, cdn, code FROM hops WHERE trace_id = ?"
	err = s.rows(ctx, query, []any{id(traceID)}, func(rows *sql.Rows) error {
		var h Hop
		err := rows.Scan(&h.Host, &h.Address, &h.Cert, &h.CertNotAfter, &h.CDN, &h.Code)
		all = append(all, h)
		return err
	})
	return all, err
}

// A Heartbeat is that an agent was heard of.
type Heartbeat struct {
	Region, Agent string
	Received      time.Time
	Interval      time.Duration // between two; 0: it doesn't tell
}

// Heartbeats returns the heartbeats that are stored, the newest of each
// minute of an agent, the oldest first.
func (s *Store) Heartbeats(ctx context.Context) (all []Heartbeat, err error) {
	query := "SELECT region, agent, beat_at, beat FROM agents WHERE beat_at > 0"
	err = s.each(ctx, time.Time{}, time.Time{}, func(d *snapshot) error {
		return d.rows(ctx, query, nil, func(rows *sql.Rows) error {
			var h Heartbeat
			var nanos int64
			var body string
			if err := rows.Scan(&h.Region, &h.Agent, &nanos, &body); err != nil {
				return err
			}
			h.Received = at(nanos)
			var b struct {
				Received *time.Time    `json:"received"`
				Interval time.Duration `json:"interval_ns"`
			}
			if json.Unmarshal([]byte(body), &b) == nil && b.Received != nil {
				h.Received, h.Interval = *b.Received, b.Interval
			}
			all = append(all, h)
			return nil
		})
	})
	slices.SortFunc(all, func(a, b Heartbeat) int { return a.Received.Compare(b.Received) })
	return all, err
}

// NewestHealthy returns the newest run of a target that was served, before a
// time and within a day, in one of regions. ok is false where there is none.
func (s *Store) NewestHealthy(ctx context.Context, target string, regions []string, before time.Time) (r api.Run, ok bool, err error) {
	query := "SELECT " + runColumns + ` FROM runs r WHERE r.region = ? AND r.target = ? AND r.started >= ? AND r.started < ?
		AND r.outcome IN ('ok', 'degraded') ORDER BY r.started DESC LIMIT 1`
	from := before.Add(-remembered)
	err = s.each(ctx, from, before, func(d *snapshot) error {
		for _, region := range regions {
			since := from.UnixNano()
			if ok {
				since = r.Started.UnixNano()
			}
			args := []any{region, target, since, before.UnixNano()}
			err := d.rows(ctx, query, args, func(rows *sql.Rows) error {
				ok = true
				return scanRun(rows, &r)
			})
			if err != nil {
				return err
			}
		}
		if ok {
			return errStop
		}
		return nil
	})
	return r, ok, err
}
