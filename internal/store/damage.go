package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// A file that turns out to be damaged is set aside as
//
//	2006-01-02.db.damaged-20060102T150405.000Z
//
// with its log beside it, and a fresh one takes what comes for that day. It is
// deleted when its day is no longer kept.
const (
	damagedMark = dayExt + ".damaged-"
	damagedTime = "20060102T150405.000Z"
)

// besides are the endings of the files that SQLite puts beside one of its own.
var besides = []string{"-wal", "-shm"}

// errDamaged is what we find wrong where SQLite doesn't.
var errDamaged = errors.New("damaged")

// damaged reports whether an error says that a file is no sound one of
// SQLite's. One that can't be read at all, or that a newer version wrote, isn't
// damaged.
func damaged(err error) bool {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		primary := e.Code() & 0xff
		return primary == sqlite3.SQLITE_CORRUPT || primary == sqlite3.SQLITE_NOTADB
	}
	return errors.Is(err, errDamaged)
}

// A Damage is a file that was set aside.
type Damage struct {
	Day  string // 2006-01-02
	File string // its name in the store's directory
}

// Damaged returns the files that were set aside and are there still, the
// oldest day first.
func (s *Store) Damaged() []Damage { return damages(s.dir) }

func damages(dir string) (all []Damage) {
	entries, _ := os.ReadDir(dir) // in the order of names; what can't be read is told by others
	for _, e := range entries {
		name, _, ok := strings.Cut(e.Name(), damagedMark)
		beside := slices.ContainsFunc(besides, func(end string) bool { return strings.HasSuffix(e.Name(), end) })
		if ok && isDay(name) && !beside {
			all = append(all, Damage{name, e.Name()})
		}
	}
	return all
}

func isDay(name string) bool {
	_, err := time.Parse(time.DateOnly, name)
	return err == nil
}

// setAside renames the files of a day and says so in the log. Connections that
// have them open keep what they have; SQLite leaves alone what stands under the
// old names.
func (s *Store) setAside(name string, why error) error {
	from := filepath.Join(s.dir, name+dayExt)
	to := filepath.Join(s.dir, name+damagedMark+time.Now().UTC().Format(damagedTime))
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("set %s aside: %w", from, err)
	}
	if err := moveBesides(from, to); err != nil {
		return err
	}
	s.log.Error("a damaged file was set aside; what it held is in no answer, other days are",
		"file", from, "now", to, "err", why)
	return syncDir(s.dir)
}

func moveBesides(from, to string) error {
	for _, end := range besides {
		if err := os.Rename(from+end, to+end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set %s aside: %w", from+end, err)
		}
	}
	return nil
}

// finishSettingAside moves the logs that a process left behind which ended
// between two renames: SQLite would delete them.
func (s *Store) finishSettingAside() error {
	for _, d := range s.Damaged() {
		from, to := filepath.Join(s.dir, d.Day+dayExt), filepath.Join(s.dir, d.File)
		if exists(from) || exists(to+"-wal") {
			continue
		}
		if err := moveBesides(from, to); err != nil {
			return err
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// syncDir makes renames in a directory last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// An illness is a day in which something that is damaged was met.
type illness struct {
	day *day
	err error
}

// report tells the writer of a day that a query found damaged. When too many
// do, the next one that finds it tells.
func (s *Store) report(d *day, err error) error {
	select {
	case s.ill <- illness{d, err}:
	default:
	}
	return fmt.Errorf("%s is damaged and is being set aside, ask again: %w", filepath.Base(d.path), err)
}

// settle sets aside what queries found. Only the writer calls it.
func (s *Store) settle() {
	for {
		select {
		case i := <-s.ill:
			s.part(i)
		default:
			return
		}
	}
}

// part sets a day aside, unless that was done before or its file is another by
// now. Queries that are under way keep it open, and nobody waits for them.
func (s *Store) part(i illness) {
	if s.known(i.day.name) != i.day {
		return
	}
	if err := s.setAside(i.day.name, i.err); err != nil {
		s.note(err)
		return
	}
	s.mu.Lock()
	delete(s.days, i.day.name)
	s.mu.Unlock()
	s.wg.Go(func() { i.day.close() }) // it is damaged: what else is wrong with it tells nothing
}

// expireDamaged deletes what was set aside of days before the oldest.
func (s *Store) expireDamaged(oldest string) error {
	var errs []error
	for _, d := range s.Damaged() {
		if d.Day < oldest {
			errs = append(errs, removeFiles(filepath.Join(s.dir, d.File)))
		}
	}
	return errors.Join(errs...)
}

// removeFiles deletes a file of SQLite's and what is beside it.
func removeFiles(path string) error {
	var errs []error
	for _, end := range append([]string{""}, besides...) {
		if err := os.Remove(path + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
