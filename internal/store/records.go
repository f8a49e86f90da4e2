package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The stored form of what operators decide: the file records.db beside the
// days, which are deleted one by one while this one stays.
//
//	records    something that happened    key seq
//	           at    ns since 1970
//	           kind  token, revoked or used; note; delivery or lease
//	           about the ID of a token; of an incident; the key of a message
//	           body  JSON or ”: of a token its role, region and SHA-256; a note
//
// Rows are added and never changed, so that it stays known who could do what
// and when. What holds now is computed from all of them. Deliveries and leases
// alone are deleted, see [Records.Forget].
const recordsSchema = `
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS records (
	seq INTEGER PRIMARY KEY, at INTEGER, kind TEXT, about TEXT, body TEXT
) STRICT;
PRAGMA user_version = 1;
COMMIT;`

const (
	recordsFile    = "records.db"
	recordsVersion = 1
)

// Records keep what operators decide: tokens. Their methods may be called by
// several goroutines, and several processes may have the same file open: what
// one of them adds, the others know at their next question.
type Records struct {
	db *sql.DB

	mu     sync.Mutex // guards what follows, and the order of reading
	seq    int64      // of the newest row that tokens know of
	tokens []*Token   // oldest first
}

// OpenRecords opens the records in dir, and creates both where they are
// missing. Close them after use.
func OpenRecords(dir string) (*Records, error) {
	r, err := openRecords(dir)
	if err != nil {
		return nil, fmt.Errorf("open records: %w", err)
	}
	return r, nil
}

func openRecords(dir string) (*Records, error) {
	if err := writable(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, recordsFile)
	// Made here: SQLite would let others read who may do what.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w; do this as the user that the hub runs as", err)
	}
	f.Close()
	db, err := open(path, 2, "journal_mode(WAL)", "synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	r := &Records{db: db}
	if err = r.migrate(path); err == nil {
		err = r.read()
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return r, nil
}

func (r *Records) migrate(path string) error {
	var version int
	if err := r.db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("%s can't be read (%w): restore it from a backup, or move it away and issue new tokens", path, err)
	}
	switch version {
	case recordsVersion:
		_, err := r.db.Exec(upSchema + aboutSchema)
		return err
	case 0:
		_, err := r.db.Exec(recordsSchema + upSchema + aboutSchema)
		return err
	}
	return fmt.Errorf("%s was written by another version of sonde (form %d, this one knows %d): start the version that wrote it", path, version, recordsVersion)
}

// Close closes the file.
func (r *Records) Close() error { return r.db.Close() }

// add appends a row.
func (r *Records) add(kind, about, body string) error {
	_, err := r.db.Exec("INSERT INTO records (at, kind, about, body) VALUES (?,?,?,?)", time.Now().UnixNano(), kind, about, body)
	return err
}

// read takes in the rows that were added since, by this process or another.
func (r *Records) read() error {
	rows, err := r.db.Query("SELECT seq, at, kind, about, body FROM records WHERE seq > ? ORDER BY seq", r.seq)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var seq, nanos int64
		var kind, about, body string
		if err := rows.Scan(&seq, &nanos, &kind, &about, &body); err != nil {
			return err
		}
		r.take(at(nanos), kind, about, body)
		r.seq = seq
	}
	return rows.Err()
}

// HasTokens reports whether a token that holds is recorded in dir. It creates
// nothing.
func HasTokens(dir string) (bool, error) {
	if _, err := os.Stat(filepath.Join(dir, recordsFile)); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	r, err := OpenRecords(dir)
	if err != nil {
		return false, err
	}
	defer r.Close()
	all, err := r.Tokens()
	for _, t := range all {
		if t.Revoked.IsZero() {
			return true, err
		}
	}
	return false, err
}
