package source

import (
	"context"
	"crypto/sha256"
	"io"
	"os"
	"time"

	"github.com/sonde-media/sonde/internal/config"
)

// A file is a configuration file with all that it names. It is looked at by
// stat, read where that differs, and loaded where what it reads differs.
type file struct {
	path string
	poll time.Duration

	marks    map[string]mark // of the files watched, by path; nil before the first look
	settling bool            // something changed at the last look
	err      error           // that the last loading gave
	loaded   time.Time
}

// A mark tells one state of a file from another.
type mark struct {
	info os.FileInfo // nil where there is no file
	sum  [sha256.Size]byte
}

func (f *file) String() string { return f.path }

// pause is short while a change settles: who writes a file doesn't write it
// all at once, and half of it may well be a configuration.
func (f *file) pause() time.Duration {
	if f.settling {
		return f.poll / 4
	}
	return f.poll
}

func (f *file) look(_ context.Context, force bool) (*Version, error) {
	if f.marks == nil {
		f.watch(f.path)
		return f.load()
	}
	settled := f.settling
	f.settling = f.restamp() && !force
	// What was wrong may be in a file that isn't known to belong here.
	stale := f.err != nil && time.Since(f.loaded) >= offerAgain
	if f.settling || !settled && !force && !stale {
		return nil, f.err
	}
	if !f.rehash() && f.err == nil && !force {
		return nil, nil
	}
	return f.load()
}

func (f *file) load() (*Version, error) {
	f.loaded = time.Now()
	c, err := config.Load(f.path)
	if f.err = err; err != nil {
		return nil, err
	}
	f.watch(files(f.path, c)...)
	return &Version{Config: c}, nil
}

// files are all that c was read from, or that are read for it.
func files(path string, c *config.Config) []string {
	list := []string{path}
	if c.CAFile != "" {
		list = append(list, c.CAFile)
	}
	for _, s := range c.Stores {
		list = append(list, s.File)
	}
	for _, i := range c.Includes {
		list = append(list, i.File)
	}
	return list
}

// watch notes which files to look at. What is known of one already stays: it
// may have changed since.
func (f *file) watch(paths ...string) {
	marks := make(map[string]mark, len(paths))
	for _, path := range paths {
		m, known := f.marks[path]
		if !known {
			m = mark{info: stat(path)}
			m.sum = hash(path, m.info)
		}
		marks[path] = m
	}
	f.marks = marks
}

// restamp reports whether a file isn't the one of the last look, by its stat.
func (f *file) restamp() (changed bool) {
	for path, m := range f.marks {
		now := stat(path)
		changed = changed || !same(m.info, now)
		m.info = now
		f.marks[path] = m
	}
	return changed
}

// rehash reports whether a file holds something else than before.
func (f *file) rehash() (changed bool) {
	for path, m := range f.marks {
		now := hash(path, m.info)
		changed = changed || now != m.sum
		m.sum = now
		f.marks[path] = m
	}
	return changed
}

func stat(path string) os.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	return info
}

func same(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// hash is of what path holds, as far as it is read; zero where that can't be
// told without taking it away, as from a pipe.
func hash(path string, info os.FileInfo) (sum [sha256.Size]byte) {
	if info == nil || !info.Mode().IsRegular() {
		return sum
	}
	r, err := os.Open(path)
	if err != nil {
		return sum
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(r, config.MaxBytes+1)); err != nil {
		return sum
	}
	h.Sum(sum[:0])
	return sum
}
