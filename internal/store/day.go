package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

const dayExt = ".db"

// A day is the file of one UTC day.
type day struct {
	id         fileID // of all that this process opened
	name, path string
	w          *sql.DB     // one connection, used by the writer alone
	r          *sql.DB     // several, which can't write
	file, log  fs.FileInfo // as opened, and as it was after the last commit

	mu   sync.RWMutex // held for reading during a query, for writing while the file goes away
	gone bool
}

func dayName(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func cmpName(a, b *day) int { return strings.Compare(a.name, b.name) }

var opened atomic.Int64

// openDay opens the file of a day and creates it where it is missing.
func openDay(dir, name string) (*day, error) {
	d := &day{id: fileID(opened.Add(1)), name: name, path: filepath.Join(dir, name+dayExt)}
	if err := notEmptied(d.path); err != nil {
		return nil, err
	}
	var err error
	if d.w, err = open(d.path, 1, "journal_mode(WAL)", "synchronous(FULL)"); err != nil {
		return nil, err
	}
	if d.r, err = openThere(d.path, 8, "query_only(1)", "temp_store(MEMORY)"); err != nil {
		return nil, errors.Join(err, d.w.Close())
	}
	err = d.migrate()
	if err == nil {
		d.file, err = os.Stat(d.path)
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// notEmptied finds a file that is empty while its log isn't, which SQLite would
// take for new and delete the log of.
func notEmptied(path string) error {
	file, err := os.Stat(path)
	if err != nil || file.Size() > 0 {
		return nil
	}
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
		return fmt.Errorf("%s is empty and its log isn't: %w", path, errDamaged)
	}
	return nil
}

// lost reports whether the file was deleted, moved or replaced by somebody
// else: what is written to it then is in no file any more.
func (d *day) lost() bool {
	file, err := os.Stat(d.path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(file, d.file)
}

// open returns connections to a file, which is created where it is missing.
func open(path string, conns int, pragmas ...string) (*sql.DB, error) {
	return connect(path, conns, "rwc", pragmas)
}

// openThere returns connections to a file that is there.
func openThere(path string, conns int, pragmas ...string) (*sql.DB, error) {
	return connect(path, conns, "rw", pragmas)
}

// connect opens nothing yet. Idle connections are closed after a while, so that
// a month of days doesn't hold file descriptors for nothing.
func connect(path string, conns int, mode string, pragmas []string) (*sql.DB, error) {
	// Waiting is for a backup or a second process; our own writer is alone.
	params := url.Values{"_pragma": append(pragmas, "busy_timeout(5000)"), "_txlock": {"deferred"}, "mode": {mode}}
	file := url.URL{Path: path}
	db, err := sql.Open("sqlite", "file:"+file.EscapedPath()+"?"+params.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(min(conns, 2))
	db.SetConnMaxIdleTime(time.Minute)
	return db, nil
}

// abandon closes a lost file. SQLite leaves its log, which would be taken for
// that of the file that is in its place now; a log that came with this one stays.
func (d *day) abandon() {
	d.close()
	log, err := os.Stat(d.path + "-wal")
	if err != nil || d.log == nil || !os.SameFile(log, d.log) {
		return
	}
	os.Remove(d.path + "-wal")
	os.Remove(d.path + "-shm")
}

// migrate brings the file to the form this version writes.
func (d *day) migrate() error {
	var version int
	if err := d.w.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("%s can't be read (%w): move it away or restore it from a backup, and start again; other days are in files of their own", d.path, err)
	}
	switch version {
	case schemaVersion:
		return d.complete()
	case 0:
		if _, err := d.w.Exec(schema); err != nil {
			return fmt.Errorf("create %s: %w", d.path, err)
		}
		return nil
	}
	return fmt.Errorf("%s was written by another version of sonde (form %d, this one knows %d): start the version that wrote it, or move the file away", d.path, version, schemaVersion)
}

// complete finds tables missing.
func (d *day) complete() error {
	var n int
	if err := d.w.QueryRow("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('runs', 'hops', 'traces', 'agents', 'cells')").Scan(&n); err != nil {
		return fmt.Errorf("read %s: %w", d.path, err)
	}
	if n != tables {
		return fmt.Errorf("%s has %d of %d tables: %w", d.path, n, tables, errDamaged)
	}
	return nil
}

// A snapshot is a day as it stood when the query began.
type snapshot struct {
	*sql.Tx
	day *day
}

// read calls f with a snapshot. It returns fs.ErrClosed where the day's file
// is gone.
func (d *day) read(ctx context.Context, f func(*snapshot) error) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.gone || d.lost() {
		return fs.ErrClosed
	}
	tx, err := d.r.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return f(&snapshot{tx, d})
}

// rows runs a query and calls scan for each row of its answer.
func (s *snapshot) rows(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := s.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (d *day) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = true
	// Readers first: the last connection to close folds the log into the file,
	// and those of readers may not write.
	return errors.Join(d.r.Close(), d.w.Close())
}

// remove closes the file and deletes it.
func (d *day) remove() error { return errors.Join(d.close(), removeFiles(d.path)) }
