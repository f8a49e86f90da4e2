package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxFaults is how many faults of a file are told.
const maxFaults = 20

// A Checked is what Verify found of a file.
type Checked struct {
	File   string         // its name in the directory
	Bytes  int64          // with its log
	Rows   map[string]int // by table; nil where they can't be counted
	Aside  bool           // it was set aside before, and not looked into
	Faults []string       // none: the file is sound
}

// Verify checks every page and index of the files in dir, and tells what it
// found of each. A hub may run on them meanwhile. The error wraps
// fs.ErrNotExist where there are none.
func Verify(ctx context.Context, dir string, tell func(Checked)) error {
	files, err := filesOf(dir)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	for _, d := range damages(dir) {
		tell(Checked{File: d.File, Bytes: sizeOf(filepath.Join(dir, d.File)), Aside: true})
	}
	for _, file := range files {
		c := Checked{File: file, Bytes: sizeOf(filepath.Join(dir, file))}
		err := c.check(ctx, filepath.Join(dir, file))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !exists(filepath.Join(dir, file)): // deleted for its age meanwhile
			continue
		case err != nil:
			c.Faults = append(c.Faults, err.Error())
		}
		tell(c)
	}
	return nil
}

// filesOf returns the names of the files of a store and its records, the
// oldest day first.
func filesOf(dir string) (files []string, err error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	names, err := dayNames(dir)
	for _, name := range names {
		files = append(files, name+dayExt)
	}
	if exists(filepath.Join(dir, recordsFile)) {
		files = append(files, recordsFile)
	}
	if len(files) == 0 && err == nil {
		err = fmt.Errorf("no hub keeps anything in %s: %w", dir, fs.ErrNotExist)
	}
	return files, err
}

// sizeOf is how many bytes a file and its log have.
func sizeOf(path string) (n int64) {
	for _, end := range []string{"", "-wal"} {
		if file, err := os.Stat(path + end); err == nil {
			n += file.Size()
		}
	}
	return n
}

func (c *Checked) check(ctx context.Context, path string) (err error) {
	if err := notEmptied(path); err != nil {
		return err
	}
	db, err := openThere(path, 1, "query_only(1)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := known(ctx, db, c.File); err != nil {
		return err
	}
	all, err := texts(ctx, db, fmt.Sprintf("PRAGMA integrity_check(%d)", maxFaults))
	if err != nil {
		return err
	}
	for _, text := range all {
		if text != "ok" {
			c.Faults = append(c.Faults, strings.TrimSpace(text))
		}
	}
	return c.count(ctx, db)
}

// known refuses a file whose form we don't write, or that lacks tables.
func known(ctx context.Context, db *sql.DB, file string) error {
	want, needs := schemaVersion, tables
	if file == recordsFile {
		want, needs = recordsVersion, 1
	}
	var version, n int
	err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	if err == nil {
		err = db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'").Scan(&n)
	}
	switch {
	case err != nil:
		return err
	case n < needs:
		return fmt.Errorf("it has %d of %d tables", n, needs)
	case version != want:
		return fmt.Errorf("another version of sonde wrote it (form %d, this one knows %d)", version, want)
	}
	return nil
}

func (c *Checked) count(ctx context.Context, db *sql.DB) error {
	names, err := texts(ctx, db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
	if err != nil {
		return err
	}
	c.Rows = map[string]int{}
	for _, name := range names {
		var n int
		quoted := `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM "+quoted).Scan(&n); err != nil {
			return err
		}
		c.Rows[name] = n
	}
	return nil
}

func texts(ctx context.Context, db *sql.DB, query string) (all []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, rows.Err()
}
