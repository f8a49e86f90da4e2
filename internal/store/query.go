package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// runColumns are what scanRun reads, of a table runs called r.
const runColumns = `r.trace_id, r.started, r.scheduled, r.received, r.region, r.agent, r.target, r.kind, r.service,
	r.interval, r.duration, r.outcome, r.code, r.culprit, r.cause, r.detail, r.confirms, r.findings`

// A scanner is *sql.Rows, or something that takes columns of its own from it.
type scanner interface{ Scan(dest ...any) error }

func scanRun(rows scanner, r *api.Run) error {
	var id sql.RawBytes
	var started, scheduled, received int64
	var findings string
	err := rows.Scan(&id, &started, &scheduled, &received, &r.Region, &r.Agent, &r.Target, &r.Kind, &r.Service,
		(*int64)(&r.Interval), (*int64)(&r.Duration), (*string)(&r.Outcome), (*string)(&r.Code),
		&r.Culprit, &r.Cause, &r.Detail, &r.Confirms, &findings)
	if err != nil {
		return err
	}
	r.TraceID = hex.EncodeToString(id)
	r.Started, r.Scheduled, r.Received = at(started), at(scheduled), at(received)
	r.Findings = nil
	if findings != "" {
		if err := json.Unmarshal([]byte(findings), &r.Findings); err != nil {
			return err
		}
	}
	if r.Findings == nil {
		r.Findings = []probes.Finding{}
	}
	return nil
}

func at(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

// A selection is a query as SQL about a table runs called r.
type selection struct {
	api.Query
	where string
	args  []any
}

// selecting fills in the defaults of q and checks its limits.
func selecting(q api.Query) (*selection, error) {
	q, err := api.ParseQuery(q.Values(), time.Now())
	if err != nil {
		return nil, err
	}
	s := &selection{Query: q, where: "r.started >= ? AND r.started < ?", args: []any{q.From.UnixNano(), q.To.UnixNano()}}
	s.in("region", q.Regions)
	s.in("target", q.Targets)
	s.in("service", q.Services)
	s.in("kind", q.Kinds)
	s.in("outcome", q.Outcomes)
	s.in("code", q.Codes)
	s.in("culprit", q.Culprits)
	return s, nil
}

func (s *selection) in(column string, values []string) {
	if len(values) == 0 {
		return
	}
	s.where += " AND r." + column + " IN (?" + strings.Repeat(",?", len(values)-1) + ")"
	for _, v := range values {
		s.args = append(s.args, v)
	}
}

// Runs returns the newest runs of a selection, confirming ones included.
func (s *Store) Runs(ctx context.Context, q api.Query) (api.Runs, error) {
	all := api.Runs{Runs: []api.Run{}}
	sel, err := selecting(q)
	if err != nil {
		return all, err
	}
	list := "SELECT " + runColumns + " FROM runs r WHERE " + sel.where + " ORDER BY r.started DESC, r.trace_id LIMIT ?"
	err = s.each(ctx, sel.From, sel.To, func(d *snapshot) error {
		var n int
		if err := d.QueryRowContext(ctx, "SELECT count(*) FROM runs r WHERE "+sel.where, sel.args...).Scan(&n); err != nil {
			return err
		}
		all.Total += n
		left := sel.Limit - len(all.Runs)
		if n == 0 || left == 0 {
			return nil
		}
		return d.rows(ctx, list, append(slices.Clip(sel.args), left), func(rows *sql.Rows) error {
			var r api.Run
			err := scanRun(rows, &r)
			all.Runs = append(all.Runs, r)
			return err
		})
	})
	return all, err
}

// Series returns runs by outcome over time, by region.
func (s *Store) Series(ctx context.Context, q api.Query) (api.Series, error) {
	sel, err := selecting(q)
	if err != nil {
		return api.Series{}, err
	}
	step := int64(sel.Step)
	regions := map[string]map[int64]*api.Counts{}
	query := `SELECT r.region, r.started / ? AS bucket, r.outcome, count(*) FROM runs r
		WHERE ` + sel.where + ` AND r.confirms = '' GROUP BY r.region, bucket, r.outcome`
	err = s.each(ctx, sel.From, sel.To, func(d *snapshot) error {
		return d.rows(ctx, query, append([]any{step}, sel.args...), func(rows *sql.Rows) error {
			var region, outcome string
			var bucket int64
			var n int
			if err := rows.Scan(&region, &bucket, &outcome, &n); err != nil {
				return err
			}
			buckets := child(regions, region)
			if buckets[bucket] == nil {
				buckets[bucket] = &api.Counts{}
			}
			count(buckets[bucket], outcome, n)
			return nil
		})
	})
	return api.Series{From: sel.From, To: sel.To, Step: sel.Step, Series: regionSeries(regions, step)}, err
}

func child[K1, K2 comparable, V any](m map[K1]map[K2]V, k K1) map[K2]V {
	if m[k] == nil {
		m[k] = map[K2]V{}
	}
	return m[k]
}

func regionSeries(regions map[string]map[int64]*api.Counts, step int64) []api.RegionSeries {
	all := []api.RegionSeries{}
	for region, buckets := range regions {
		points := make([]api.Point, 0, len(buckets))
		for bucket, counts := range buckets {
			points = append(points, api.Point{Time: time.Unix(0, bucket*step).UTC(), Counts: *counts})
		}
		slices.SortFunc(points, func(a, b api.Point) int { return a.Time.Compare(b.Time) })
		all = append(all, api.RegionSeries{Region: region, Points: points})
	}
	slices.SortFunc(all, func(a, b api.RegionSeries) int { return cmp.Compare(a.Region, b.Region) })
	return all
}

// Labels returns the values that runs of a selection can be filtered by.
func (s *Store) Labels(ctx context.Context, q api.Query) (api.Labels, error) {
	sel, err := selecting(q)
	if err != nil {
		return api.Labels{}, err
	}
	var values [6]map[string]bool
	for i := range values {
		values[i] = map[string]bool{}
	}
	query := "SELECT DISTINCT r.region, r.target, r.service, r.kind, r.code, r.culprit FROM runs r WHERE " + sel.where
	err = s.each(ctx, sel.From, sel.To, func(d *snapshot) error {
		return d.rows(ctx, query, sel.args, func(rows *sql.Rows) error {
			var v [6]string
			err := rows.Scan(&v[0], &v[1], &v[2], &v[3], &v[4], &v[5])
			for i := range v {
				values[i][v[i]] = true
			}
			return err
		})
	})
	list := func(i int) []string { return words(values[i]) }
	return api.Labels{
		Regions: list(0), Targets: list(1), Services: list(2),
		Kinds: list(3), Codes: list(4), Culprits: list(5),
	}, err
}

// words returns the words of a set in order, never nil and without ”.
func words(set map[string]bool) []string {
	all := make([]string, 0, len(set))
	for w := range set {
		if w != "" {
			all = append(all, w)
		}
	}
	slices.Sort(all)
	return all
}
