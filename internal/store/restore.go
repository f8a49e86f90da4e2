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

// ErrNotEmpty says that a directory to restore to holds something.
var ErrNotEmpty = errors.New("it holds days or records already")

// replacedDir is where Restore moves what it finds.
const replacedDir = "replaced-"

// Restore puts the days and records of src, a backup or the directory of a hub
// that has ended, into dir, and tells of each file. Where dir holds some the
// error is ErrNotEmpty, unless replace asks for moving them into a folder in
// it. A file that is damaged keeps nobody from the others; nothing is put in
// place before all that can be had is there whole.
func Restore(ctx context.Context, src, dir string, replace bool, tell func(Copied)) error {
	files, err := filesOf(src)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := apart(src, dir); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	lock, err := dirlock.Take(dir)
	if err != nil {
		return fmt.Errorf("restore to %s: %w; stop the hub first", dir, err)
	}
	defer lock.Close()
	old, err := held(dir)
	if err == nil && len(old) > 0 && !replace {
		err = ErrNotEmpty
	}
	if err != nil {
		return fmt.Errorf("restore to %s: %w", dir, err)
	}
	whole, err := fetch(ctx, src, dir, files, tell)
	if len(whole) > 0 && ctx.Err() == nil {
		err = errors.Join(err, putInPlace(dir, old, whole))
	}
	return err
}

// held returns the names of what a store has in dir.
func held(dir string) (all []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		name := e.Name()
		if name == recordsFile || len(name) > len(time.DateOnly) && isDay(name[:len(time.DateOnly)]) ||
			name == recordsFile+besides[0] || name == recordsFile+besides[1] {
			all = append(all, name)
		}
	}
	return all, err
}

// fetch copies files beside their places and returns those that are whole.
func fetch(ctx context.Context, src, dir string, files []string, tell func(Copied)) (whole []string, err error) {
	wrong := 0
	for _, file := range files {
		part := partial(filepath.Join(dir, file))
		err := snapshotTo(ctx, filepath.Join(src, file), part)
		if ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), discard(dir, append(whole, file)))
		}
		if err != nil {
			wrong++
		} else {
			whole = append(whole, file)
		}
		tell(Copied{File: file, Bytes: sizeOf(part), Err: err})
	}
	return whole, notAll(wrong)
}

func discard(dir string, files []string) error {
	var errs []error
	for _, file := range files {
		if err := os.Remove(partial(filepath.Join(dir, file))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// putInPlace moves what is old out of the way and what was fetched to its names.
func putInPlace(dir string, old, whole []string) error {
	if len(old) > 0 {
		away := filepath.Join(dir, replacedDir+time.Now().UTC().Format(damagedTime))
		if err := os.Mkdir(away, 0o750); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		for _, name := range old {
			if err := os.Rename(filepath.Join(dir, name), filepath.Join(away, name)); err != nil {
				return fmt.Errorf("restore: %w", err)
			}
		}
	}
	for _, file := range whole {
		to := filepath.Join(dir, file)
		if err := os.Rename(partial(to), to); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	return syncDir(dir)
}
