package store

import (
	"fmt"
	"slices"
	"time"
)

// The times a hub was up stand in records.db too, in a table of their own:
// what didn't come while nobody took it in proves nothing.
//
//	up         a hub was there     key at, run
//	           at    ns since 1970
//	           run   a process of a hub, as it named itself
//
// Rows are added, one a minute, and deleted when what they tell of is no
// longer kept.
const upSchema = `CREATE TABLE IF NOT EXISTS up (at INTEGER, run TEXT, PRIMARY KEY (at, run)) STRICT, WITHOUT ROWID;`

// upGap is how far apart two signs of one process may be: a machine that slept
// was not up.
const upGap = 3 * time.Minute

// A Span is a time in which a hub was up.
type Span struct{ From, To time.Time }

// NoteUp records that the process called run is there at a time, and forgets
// what is older than keep.
func (r *Records) NoteUp(run string, at time.Time, keep time.Duration) error {
	if _, err := r.db.Exec("INSERT OR IGNORE INTO up VALUES (?,?)", at.UnixNano(), run); err != nil {
		return fmt.Errorf("record that the hub is up: %w", err)
	}
	if _, err := r.db.Exec("DELETE FROM up WHERE at < ?", at.Add(-keep).UnixNano()); err != nil {
		return fmt.Errorf("forget when the hub was up: %w", err)
	}
	return nil
}

// Up returns the times in which a hub was up, in order and apart.
func (r *Records) Up() ([]Span, error) {
	rows, err := r.db.Query("SELECT at, run FROM up ORDER BY at")
	if err != nil {
		return nil, fmt.Errorf("read when hubs were up: %w", err)
	}
	defer rows.Close()
	var all []Span
	newest := map[string]int{} // span of a process, by index
	for rows.Next() {
		var nanos int64
		var run string
		if err := rows.Scan(&nanos, &run); err != nil {
			return nil, fmt.Errorf("read when hubs were up: %w", err)
		}
		t := at(nanos)
		if i, ok := newest[run]; ok && t.Sub(all[i].To) <= upGap {
			all[i].To = t
			continue
		}
		newest[run] = len(all)
		all = append(all, Span{t, t})
	}
	return Apart(all), rows.Err()
}

// Apart joins spans that overlap, and puts them in order.
func Apart(all []Span) (apart []Span) {
	all = slices.SortedFunc(slices.Values(all), func(a, b Span) int { return a.From.Compare(b.From) })
	for _, s := range all {
		if n := len(apart); n > 0 && !s.From.After(apart[n-1].To) {
			if s.To.After(apart[n-1].To) {
				apart[n-1].To = s.To
			}
			continue
		}
		apart = append(apart, s)
	}
	return apart
}
