package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// Kinds of records about notifications:
//
//	delivery   about: the key of a message   body: an api.Delivery, as far as it got
//	lease      about: what is leased         body: a lease
const (
	kindDelivery = "delivery"
	kindLease    = "lease"
)

// aboutSchema finds what is told of one thing among all that ever happened.
const aboutSchema = `
CREATE INDEX IF NOT EXISTS records_about ON records (kind, about);`

// A lease says who does something alone, and until when.
type lease struct {
	Holder string `json:"holder"`
	Until  int64  `json:"until"` // ns since 1970
}

// Deliver records how far a message got.
func (r *Records) Deliver(ctx context.Context, d api.Delivery) error {
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if err := r.record(ctx, kindDelivery, d.Key, string(body)); err != nil {
		return fmt.Errorf("record delivery: %w", err)
	}
	return nil
}

// Deliveries returns what was recorded of messages after the row after, and
// the newest row; a message has a row for each thing that became of it. What
// can't be read is left out.
func (r *Records) Deliveries(ctx context.Context, after int64) (rows []api.Delivery, newest int64, err error) {
	found, err := r.db.QueryContext(ctx, "SELECT seq, body FROM records WHERE seq > ? AND kind = ? ORDER BY seq", after, kindDelivery)
	if err != nil {
		return nil, after, fmt.Errorf("read deliveries: %w", err)
	}
	defer found.Close()
	newest = after
	for found.Next() {
		var body string
		if err := found.Scan(&newest, &body); err != nil {
			return nil, after, fmt.Errorf("read deliveries: %w", err)
		}
		var d api.Delivery
		if json.Unmarshal([]byte(body), &d) == nil && d.Key != "" {
			rows = append(rows, d)
		}
	}
	if err := found.Err(); err != nil {
		return nil, after, fmt.Errorf("read deliveries: %w", err)
	}
	return rows, newest, nil
}

// Lease gives name to holder until a time, unless another holds it now; who
// holds it may prolong it, or end it by a time that has passed.
func (r *Records) Lease(ctx context.Context, name, holder string, until time.Time) (held bool, err error) {
	body, err := json.Marshal(lease{holder, until.UnixNano()})
	if err != nil {
		return false, err
	}
	now := time.Now().UnixNano()
	// One statement, so that two processes can't both find it free.
	res, err := r.db.ExecContext(ctx, `INSERT INTO records (at, kind, about, body)
		SELECT ?, ?, ?, ? WHERE NOT EXISTS (
			SELECT 1 FROM (SELECT body FROM records WHERE kind = ? AND about = ? ORDER BY seq DESC LIMIT 1) newest
			WHERE json_extract(newest.body, '$.holder') <> ? AND json_extract(newest.body, '$.until') > ?)`,
		now, kindLease, name, string(body), kindLease, name, holder, now)
	if err != nil {
		return false, fmt.Errorf("lease %s: %w", name, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// Forget deletes leases that are over, and the messages about incidents of
// which a receiver was last told before a time that they ended. The newest row
// stays: its number is what others have read up to.
func (r *Records) Forget(ctx context.Context, before time.Time) error {
	const old = "DELETE FROM records WHERE at < ? AND seq < (SELECT max(seq) FROM records) AND kind = ? AND "
	_, err := r.db.ExecContext(ctx, old+"json_extract(body, '$.until') < ?", before.UnixNano(), kindLease, before.UnixNano())
	if err != nil {
		return fmt.Errorf("forget leases: %w", err)
	}
	all, _, err := r.Deliveries(ctx, 0)
	if err != nil {
		return err
	}
	for _, key := range over(all, before) {
		if _, err := r.db.ExecContext(ctx, old+"about = ?", before.UnixNano(), kindDelivery, key); err != nil {
			return fmt.Errorf("forget deliveries: %w", err)
		}
	}
	return nil
}

// over returns the keys of messages about incidents that a receiver was told
// the end of before a time, and nothing since.
func over(all []api.Delivery, before time.Time) (keys []string) {
	type thread struct{ receiver, incident string }
	last := map[thread]api.Delivery{}
	for _, d := range all {
		of := thread{d.Receiver, d.Incident}
		if o, known := last[of]; !known || !d.At.Before(o.At) {
			last[of] = d
		}
	}
	for _, d := range all {
		l := last[thread{d.Receiver, d.Incident}]
		ended := l.Event == api.EventResolved || l.Event == api.EventWithdrawn
		if ended && l.Final() && l.At.Before(before) {
			keys = append(keys, d.Key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys) // each thing that became of a message has a row
}

func (r *Records) record(ctx context.Context, kind, about, body string) error {
	_, err := r.db.ExecContext(ctx, "INSERT INTO records (at, kind, about, body) VALUES (?,?,?,?)", time.Now().UnixNano(), kind, about, body)
	return err
}
