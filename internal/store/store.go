// Package store keeps what agents found and answers questions about it: rows
// in, answers out. The engine is SQLite, in a file for each UTC day.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sonde-media/sonde/internal/dirlock"
)

// Defaults of Options.
const (
	DefaultKeep  = 30 * 24 * time.Hour
	DefaultQueue = 64 << 20
)

// maxIll is how many days may wait to be set aside.
const maxIll = 16

// Ahead is how far in the future an agent's clock may place a run.
const Ahead = 24 * time.Hour

var (
	// ErrFull says that too much waits to be written; try again in a second.
	ErrFull = errors.New("the store's queue is full")
	// ErrClosed says that the store takes and answers nothing any more.
	ErrClosed = errors.New("the store is closed")
)

// Options are choices; the zero value means the defaults.
type Options struct {
	Keep  time.Duration // how long runs are kept, by whole days; 0: DefaultKeep
	Queue int           // bytes that may wait to be written; 0: DefaultQueue
	Log   *slog.Logger  // of files that are set aside; nil: nothing is logged
}

// A Store keeps runs in a directory. Its methods may be called by several
// goroutines; what Write has returned nil for survives the end of the process
// and every answer given afterwards includes it.
type Store struct {
	dir  string
	lock *os.File // keeps other processes out of dir
	keep time.Duration
	log  *slog.Logger

	limit  int64
	queued atomic.Int64 // bytes accepted and not yet committed

	wmu    sync.RWMutex // guards closed and the sending end of queue
	closed bool
	queue  chan *pending
	ill    chan illness // for the writer to set aside
	wg     sync.WaitGroup

	mu      sync.Mutex // guards days and lastErr
	days    map[string]*day
	lastErr error // of the newest commit
}

// Open opens the store in dir, which it creates where it is missing, and
// deletes the days that are older than o.Keep. Close it after use.
func Open(dir string, o Options) (*Store, error) {
	s := &Store{
		dir: dir, keep: o.Keep, limit: int64(o.Queue), days: map[string]*day{},
		log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), ill: make(chan illness, maxIll),
	}
	if s.keep <= 0 {
		s.keep = DefaultKeep
	}
	if s.limit <= 0 {
		s.limit = DefaultQueue
	}
	if err := writable(dir); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := s.open(); err != nil {
		s.release()
		return nil, fmt.Errorf("open store: %w", err)
	}
	s.queue = make(chan *pending, maxPending)
	s.wg.Go(s.writer)
	return s, nil
}

// writable creates dir and finds out now, not at the first run, whether files
// can be made in it.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("%w; choose another directory with --data", err)
	}
	f, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return fmt.Errorf("%s is not writable (%w); change its owner or choose another directory with --data", dir, err)
	}
	f.Close()
	return os.Remove(f.Name())
}

// open takes the directory for this process alone: two writers would wait for
// each other, and one's retention would take files from under the other.
func (s *Store) open() (err error) {
	if s.lock, err = dirlock.Take(s.dir); err != nil {
		if errors.Is(err, dirlock.ErrTaken) {
			err = fmt.Errorf("%s: %w; stop the other hub, or give each a directory of its own with --data", s.dir, err)
		}
		return err
	}
	return s.openDays()
}

func (s *Store) openDays() error {
	if err := s.finishSettingAside(); err != nil {
		return err
	}
	names, err := dayNames(s.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		d, err := openDay(s.dir, name)
		if damaged(err) {
			err = s.setAside(name, err)
		}
		if err != nil {
			return err
		}
		if d != nil {
			s.days[name] = d
		}
	}
	return s.expire(time.Now())
}

// dayNames returns the days that have a file in dir, the oldest first.
func dayNames(dir string) (names []string, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"+dayExt))
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), dayExt); isDay(name) {
			names = append(names, name)
		}
	}
	return names, err
}

// Close writes what was accepted and closes the files.
func (s *Store) Close() error {
	s.wmu.Lock()
	if s.closed {
		s.wmu.Unlock()
		return nil
	}
	s.closed = true
	close(s.queue)
	s.wmu.Unlock()
	s.wg.Wait()
	return s.release()
}

func (s *Store) release() error {
	s.mu.Lock()
	days := s.days
	s.days = nil
	s.mu.Unlock()
	var errs []error
	for _, d := range days {
		errs = append(errs, d.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// Ready returns nil where the store can write, else what keeps it from it.
func (s *Store) Ready() error {
	s.wmu.RLock()
	defer s.wmu.RUnlock()
	if s.closed {
		return ErrClosed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastErr
}

// Accepts reports whether a span that began at t is kept at all: what is
// older than the store keeps, or further ahead than clocks go wrong, is not.
func (s *Store) Accepts(t time.Time) bool {
	now := time.Now()
	return !t.Before(s.oldest(now)) && t.Before(now.Add(Ahead))
}

// oldest is the begin of the oldest day that is kept.
func (s *Store) oldest(now time.Time) time.Time {
	return now.Add(-s.keep).UTC().Truncate(24 * time.Hour)
}

// expire deletes the files of days that nobody wants any more.
func (s *Store) expire(now time.Time) error {
	oldest := s.oldest(now).Format(time.DateOnly)
	s.mu.Lock()
	var old []*day
	for name, d := range s.days {
		if name < oldest {
			old = append(old, d)
			delete(s.days, name)
		}
	}
	s.mu.Unlock()
	var errs []error
	for _, d := range old {
		errs = append(errs, d.remove())
	}
	return errors.Join(append(errs, s.expireDamaged(oldest))...)
}

// day returns the file of one day, creating it where it is missing, lost or
// damaged. Only the writer calls it.
func (s *Store) day(name string) (*day, error) {
	if d := s.known(name); d != nil {
		return d, nil
	}
	d, err := openDay(s.dir, name)
	if damaged(err) {
		if err := s.setAside(name, err); err != nil {
			return nil, err
		}
		d, err = openDay(s.dir, name)
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.days[name] = d
	s.mu.Unlock()
	return d, nil
}

// known returns the file of a day that is open, nil where there is none. One
// that is lost is closed, before another is made whose log has the same name.
func (s *Store) known(name string) *day {
	s.mu.Lock()
	d := s.days[name]
	lost := d != nil && d.lost()
	if lost {
		delete(s.days, name)
	}
	s.mu.Unlock()
	if lost {
		d.abandon()
		return nil
	}
	return d
}

// between returns the days that overlap a range, newest first. A zero time
// leaves that end open.
func (s *Store) between(from, to time.Time) ([]*day, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.days == nil {
		return nil, ErrClosed
	}
	var days []*day
	for name, d := range s.days {
		if !from.IsZero() && name < dayName(from) || !to.IsZero() && name > dayName(to) {
			continue
		}
		days = append(days, d)
	}
	slices.SortFunc(days, func(a, b *day) int { return -cmpName(a, b) })
	return days, nil
}

// each calls f with a snapshot of each of the days that overlap a range,
// newest first, until f fails or returns errStop.
func (s *Store) each(ctx context.Context, from, to time.Time, f func(*snapshot) error) error {
	days, err := s.between(from, to)
	if err != nil {
		return err
	}
	for _, d := range days {
		err := s.read(ctx, d, f)
		switch {
		case errors.Is(err, errStop):
			return nil
		case errors.Is(err, fs.ErrClosed): // deleted for its age meanwhile
			continue
		case err != nil:
			return fmt.Errorf("read %s: %w", d.path, err)
		}
	}
	return nil
}

// read calls f with a snapshot of a day. It returns fs.ErrClosed where the
// day's file is gone, and has one set aside that is damaged.
func (s *Store) read(ctx context.Context, d *day, f func(*snapshot) error) error {
	err := d.read(ctx, f)
	if damaged(err) && !d.lost() {
		return s.report(d, err)
	}
	return err
}

var errStop = errors.New("stop")
