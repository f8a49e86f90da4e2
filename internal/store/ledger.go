package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

const (
	// recount is how long the count of a day stands in which runs still come.
	recount = time.Minute
	// ledgerPatience is how long one answer counts days that aren't counted yet.
	ledgerPatience = 2 * time.Second
	// maxServices bounds what is kept of a day: strangers name services where
	// nobody is asked for a token.
	maxServices = 1000
)

// A Ledger counts runs by service and day, and keeps what it counted: a day is
// read again only when runs of it have come since. Its methods may be called
// by several goroutines.
type Ledger struct {
	s *Store

	mu   sync.Mutex // guards days, and lets one caller count for all
	days map[string]*ledgerDay
}

// A ledgerDay is what one day's file held when it was counted.
type ledgerDay struct {
	top      int64 // the newest row then
	at       time.Time
	services map[string]api.Counts
	targets  map[string]api.TargetInfo
}

// NewLedger returns a ledger of s in which nothing is counted yet.
func NewLedger(s *Store) *Ledger { return &Ledger{s: s, days: map[string]*ledgerDay{}} }

// Days returns the runs from the day of from to that of to by service and day,
// confirming ones left out, in the order of services, then days. Counted is the
// oldest of these days that is in it: the first time not all days may be, as
// nobody should wait for them.
func (l *Ledger) Days(ctx context.Context, from, to time.Time) (all []api.ServiceDay, counted time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	begin := time.Now()
	kept, oldest := map[string]bool{}, dayName(from)
	err = l.s.each(ctx, from, to, func(d *snapshot) error {
		if time.Since(begin) > ledgerPatience && l.days[d.day.name] == nil {
			return errStop
		}
		oldest = d.day.name
		one, err := l.day(ctx, d)
		if err != nil {
			return err
		}
		kept[d.day.name] = true
		for name, c := range one.services {
			all = append(all, api.ServiceDay{Service: name, Date: d.day.name, Counts: c})
		}
		return nil
	})
	if err != nil {
		return nil, counted, err
	}
	if time.Since(begin) <= ledgerPatience {
		oldest = dayName(from)
	}
	l.forget(from, to, kept)
	slices.SortFunc(all, func(a, b api.ServiceDay) int {
		return strings.Compare(a.Service+"\x00"+a.Date, b.Service+"\x00"+b.Date)
	})
	counted, err = time.Parse(time.DateOnly, oldest)
	return all, counted, err
}

// forget drops the days of a range whose files are gone.
func (l *Ledger) forget(from, to time.Time, kept map[string]bool) {
	for name := range l.days {
		if name < dayName(from) || name <= dayName(to) && !kept[name] {
			delete(l.days, name)
		}
	}
}

// Targets returns what the days that were counted tell of targets, by name;
// of one that changed the newest.
func (l *Ledger) Targets() map[string]api.TargetInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]api.TargetInfo{}
	names := make([]string, 0, len(l.days))
	for name := range l.days {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for target, info := range l.days[name].targets {
			all[target] = info
		}
	}
	return all
}

// day counts a day anew where it has runs that weren't counted.
func (l *Ledger) day(ctx context.Context, d *snapshot) (*ledgerDay, error) {
	var top int64
	if err := d.QueryRowContext(ctx, "SELECT coalesce(max(rowid), 0) FROM runs").Scan(&top); err != nil {
		return nil, err
	}
	known := l.days[d.day.name]
	if known != nil && (known.top == top || time.Since(known.at) < recount) {
		return known, nil
	}
	one := &ledgerDay{top: top, at: time.Now(), services: map[string]api.Counts{}, targets: map[string]api.TargetInfo{}}
	if err := one.read(ctx, d); err != nil {
		return nil, err
	}
	l.days[d.day.name] = one
	return one, nil
}

// countDay walks the index of each cell once; nothing is sorted, and no row of
// runs itself is read.
const countDay = `SELECT c.target, c.kind, c.service, sum(r.outcome = 'ok'), sum(r.outcome = 'degraded'), sum(r.outcome = 'failed'), count(*)
	FROM cells c CROSS JOIN runs r INDEXED BY runs_cell ON r.region = c.region AND r.target = c.target
	WHERE r.confirms = '' GROUP BY c.region, c.target`

func (o *ledgerDay) read(ctx context.Context, d *snapshot) error {
	return d.rows(ctx, countDay, nil, func(rows *sql.Rows) error {
		var t api.TargetInfo
		var c api.Counts
		var total int
		if err := rows.Scan(&t.Name, &t.Kind, &t.Service, &c.OK, &c.Degraded, &c.Failed, &total); err != nil {
			return err
		}
		c.Unknown = total - c.OK - c.Degraded - c.Failed
		o.targets[t.Name] = t
		sum, ok := o.services[t.Service]
		if !ok && len(o.services) >= maxServices {
			return nil
		}
		o.services[t.Service] = api.Counts{
			OK: sum.OK + c.OK, Degraded: sum.Degraded + c.Degraded,
			Failed: sum.Failed + c.Failed, Unknown: sum.Unknown + c.Unknown,
		}
		return nil
	})
}
