package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sonde-media/sonde/internal/dirlock"
)

// A backup is a directory with
//
//	BACKUP.txt     what it is, without which nothing is written there
//	2006-01-02.db  a day as it stood at one moment, without a log; its time of
//	               change is that of the file it was copied from
//	records.db     likewise
//
// A file comes under its name when it is whole.
const backupMark = "BACKUP.txt"

const backupSays = "A backup of a Sonde hub. Bring it back with: sonde hub restore THIS_DIRECTORY --data DIR\n"

// settled is how old a file's last change is before its time tells of all
// changes: clocks of file systems tick slowly.
const settled = 2 * time.Second

// A Copied is what became of a file.
type Copied struct {
	File      string // its name in the directory
	Bytes     int64
	Unchanged bool  // the backup has it already
	Err       error // nil: it is there, whole
}

// Backup brings dest up to what the store in dir has now, and tells of each
// file as it is done. A hub may run on dir meanwhile. Files that haven't changed
// since they were copied are left alone; days that the hub has deleted stay. A
// file that can't be copied keeps nobody from the others, and leaves the copy
// from before.
func Backup(ctx context.Context, dir, dest string, tell func(Copied)) error {
	files, err := filesOf(dir)
	if err == nil {
		err = apart(dir, dest)
	}
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	lock, err := takeBackup(dest)
	if err != nil {
		return fmt.Errorf("back up to %s: %w", dest, err)
	}
	defer lock.Close()
	wrong := 0
	for _, file := range files {
		c, err := backup(ctx, filepath.Join(dir, file), filepath.Join(dest, file))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist): // deleted for its age meanwhile
			continue
		case err != nil:
			wrong++
		}
		c.File, c.Err = file, err
		tell(c)
	}
	return errors.Join(notAll(wrong), syncDir(dest))
}

// notAll is the error of copies that lack files, each of which was told of.
func notAll(wrong int) error {
	if wrong == 0 {
		return nil
	}
	return fmt.Errorf("%d of the files can't be copied; all others are", wrong)
}

// apart refuses to copy a directory onto itself.
func apart(a, b string) error {
	one, err := os.Stat(a)
	if err != nil {
		return err
	}
	if other, err := os.Stat(b); err == nil && os.SameFile(one, other) {
		return fmt.Errorf("%s and %s are the same directory", a, b)
	}
	return nil
}

// takeBackup makes dest a backup's directory, for this process alone.
func takeBackup(dest string) (*os.File, error) {
	if err := os.MkdirAll(dest, 0o750); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dest)
	if err != nil {
		return nil, err
	}
	mark := filepath.Join(dest, backupMark)
	if len(entries) > 0 && !exists(mark) {
		return nil, fmt.Errorf("it is neither empty nor a backup (it has no %s): choose another directory", backupMark)
	}
	if err := os.WriteFile(mark, []byte(backupSays), 0o640); err != nil {
		return nil, err
	}
	return dirlock.Take(dest)
}

// backup copies a file that has changed since it was copied.
func backup(ctx context.Context, from, to string) (c Copied, err error) {
	changed, err := changedAt(from)
	if err != nil {
		return c, err
	}
	if old, err := os.Stat(to); err == nil && old.ModTime().Equal(changed) {
		return Copied{Bytes: old.Size(), Unchanged: true}, nil
	}
	begin := time.Now()
	part := partial(to)
	if err := snapshotTo(ctx, from, part); err != nil {
		return c, err
	}
	if begin.Sub(changed) > settled {
		if err := os.Chtimes(part, begin, changed); err != nil {
			return c, errors.Join(err, os.Remove(part))
		}
	}
	if err := os.Rename(part, to); err != nil {
		return c, errors.Join(err, os.Remove(part))
	}
	return Copied{Bytes: sizeOf(to)}, nil
}

// changedAt is when a file or its log changed last.
func changedAt(path string) (time.Time, error) {
	file, err := os.Stat(path)
	if err != nil {
		return time.Time{}, err
	}
	changed := file.ModTime()
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 && log.ModTime().After(changed) {
		changed = log.ModTime()
	}
	return changed, nil
}

// partial is where a copy stands until it is whole.
func partial(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".partial")
}

// snapshotTo writes what a file holds at one moment to another, which it
// replaces, and waits until it is on disk. It reads every row on the way.
func snapshotTo(ctx context.Context, from, to string) (err error) {
	if err := notEmptied(from); err != nil {
		return err
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // of a copy that was broken off
	}
	// Made here: SQLite would let others read who may do what.
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			os.Remove(to)
		}
	}()
	db, err := openThere(from, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := known(ctx, db, filepath.Base(from)); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		return err
	}
	return f.Sync()
}
