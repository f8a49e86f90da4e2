package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// kindNote is the kind of records that are operators' notes: about is the ID
// of an incident, body the note as JSON.
const kindNote = "note"

// AddNote records what an operator says of an incident.
func (r *Records) AddNote(incident string, n api.Note) error {
	body, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := r.add(kindNote, incident, string(body)); err != nil {
		return fmt.Errorf("record the note: %w", err)
	}
	return nil
}

// Notes returns the notes about an incident, the oldest first, never nil. One
// that was recorded twice is one.
func (r *Records) Notes(incident string) ([]api.Note, error) {
	all := []api.Note{}
	rows, err := r.db.Query("SELECT body FROM records WHERE kind = ? AND about = ? ORDER BY seq", kindNote, incident)
	if err != nil {
		return nil, fmt.Errorf("read notes: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil {
			return nil, fmt.Errorf("read notes: %w", err)
		}
		var n api.Note
		if json.Unmarshal([]byte(body), &n) != nil {
			continue // of another form: it says nothing to us
		}
		if !slices.ContainsFunc(all, func(o api.Note) bool { return sameNote(o, n) }) {
			all = append(all, n)
		}
	}
	slices.SortStableFunc(all, func(a, b api.Note) int { return a.At.Compare(b.At) })
	return all, rows.Err()
}

func sameNote(a, b api.Note) bool {
	return a.At.Equal(b.At) && a.Text == b.Text && a.Workaround == b.Workaround && a.Public == b.Public && sameTime(a.Estimate, b.Estimate)
}

func sameTime(a, b *time.Time) bool { return a == b || a != nil && b != nil && a.Equal(*b) }
