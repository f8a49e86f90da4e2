package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/internal/api"
)

// What became of messages is there after the hub's end, and known to others
// that have the records open.
func TestDeliveries(t *testing.T) {
	dir := t.TempDir()
	here, err := OpenRecords(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := api.Delivery{
		Key: "chat/1/1/0.0", Receiver: "chat", Event: api.EventOpened, Incident: "1", Thread: "1", Round: 1,
		At: time.Unix(1, 0).UTC(), Due: time.Unix(1, 0).UTC(), State: api.DeliveryDue, Snapshot: &api.Incident{ID: "1", Title: "gone"},
	}
	if err := here.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if err := here.Close(); err != nil {
		t.Fatal(err)
	}
	a, b := openTwice(t, dir)
	rows, newest, err := a.Deliveries(t.Context(), 0)
	if diff := cmp.Diff([]api.Delivery{d}, rows); diff != "" || err != nil {
		t.Fatal(err, diff)
	}
	if _, _, err := a.CreateToken(RoleViewer, ""); err != nil { // another kind between
		t.Fatal(err)
	}
	d.State, d.Tries, d.Snapshot = api.DeliverySent, 1, nil
	if err := b.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	rows, later, err := a.Deliveries(t.Context(), newest)
	if diff := cmp.Diff([]api.Delivery{d}, rows); diff != "" || err != nil || later <= newest {
		t.Error(err, later, diff)
	}
	if rows, _, err := a.Deliveries(t.Context(), later); len(rows) > 0 || err != nil {
		t.Errorf("got %v and %v, want nothing new", rows, err)
	}
}

func TestLease(t *testing.T) {
	a, b := openTwice(t, t.TempDir())
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Second)
	for i, step := range []struct {
		r      *Records
		name   string
		holder string
		until  time.Time
		want   bool
	}{
		{a, "x", "a", soon, true},
		{b, "x", "b", soon, false}, // another's
		{b, "y", "b", soon, true},  // another name
		{a, "x", "a", soon, true},  // prolonged
		{a, "x", "a", past, true},  // given back
		{b, "x", "b", soon, true},
		{a, "x", "a", soon, false},
		{b, "x", "b", past, true}, // as if its holder had died long ago
		{a, "x", "a", soon, true},
	} {
		if held, err := step.r.Lease(t.Context(), step.name, step.holder, step.until); held != step.want || err != nil {
			t.Errorf("step %d: got %v and %v, want %v", i, held, err, step.want)
		}
	}
}

// openTwice opens the records in dir as two hubs would.
func openTwice(t *testing.T, dir string) (a, b *Records) {
	t.Helper()
	for _, r := range []**Records{&a, &b} {
		var err error
		if *r, err = OpenRecords(dir); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*r).Close() })
	}
	return a, b
}

// Of messages and leases only what may still matter is kept; of all else
// everything, and the newest row.
func TestRecordsForget(t *testing.T) {
	r := openTestRecords(t)
	now := time.Now()
	told := func(incident, event, state string) {
		d := api.Delivery{Key: incident + event, Receiver: "chat", Incident: incident, Event: event, State: state, At: now}
		if err := r.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	told("over", api.EventOpened, api.DeliverySent)
	told("open", api.EventOpened, api.DeliverySent)
	told("over", api.EventResolved, api.DeliveryDue)
	told("over", api.EventResolved, api.DeliverySent)
	told("waits", api.EventResolved, api.DeliveryDue)
	for name, until := range map[string]time.Time{"held": now.Add(2 * time.Hour), "free": now} {
		if ok, err := r.Lease(t.Context(), name, "a", until); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if err := r.AddNote("over", api.Note{At: now, Text: "stays"}); err != nil {
		t.Fatal(err)
	}
	told("last", api.EventResolved, api.DeliverySent)
	check := func(before time.Time, want ...string) {
		t.Helper()
		if err := r.Forget(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		var left []string
		rows, err := r.db.Query("SELECT kind || ' ' || about FROM records ORDER BY kind, about")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var row string
			if err := rows.Scan(&row); err != nil {
				t.Fatal(err)
			}
			left = append(left, row)
		}
		if diff := cmp.Diff(want, left); diff != "" {
			t.Error(diff)
		}
	}
	check(now.Add(-time.Hour), "delivery lastresolved", "delivery openopened", "delivery overopened", "delivery overresolved",
		"delivery overresolved", "delivery waitsresolved", "lease free", "lease held", "note over")
	check(now.Add(time.Hour), "delivery lastresolved", "delivery openopened", "delivery waitsresolved", "lease held", "note over")
}
