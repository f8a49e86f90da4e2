package config

import (
	"crypto/sha256"
	"io"
	"os"
	"time"
)

// readAgain is the time after which files that have an error are read again:
// what was wrong may be in one that isn't known to belong there.
const readAgain = 30 * time.Second

// Files tell when a configuration file, or one that it names, is to be read
// again. They are looked at by stat, and read where that differs and no longer
// changes. Their methods are for one goroutine.
type Files struct {
	path string
	poll time.Duration

	marks    map[string]fileMark // by path; nil before the first reading
	settling bool                // something changed at the last look
	failed   bool                // the last reading gave an error
	read     time.Time           // when that began
}

// A fileMark tells one state of a file from another.
type fileMark struct {
	info os.FileInfo // nil where there is no file
	sum  [sha256.Size]byte
}

// NewFiles returns the files of the configuration at path, to be looked at each
// poll.
func NewFiles(path string, poll time.Duration) *Files { return &Files{path: path, poll: poll} }

// Pause is how long to wait until the next look: not long while a change
// settles, for who writes a file doesn't write it all at once, and half of it
// may well be a configuration.
func (f *Files) Pause() time.Duration {
	if f.settling {
		return f.poll / 4
	}
	return f.poll
}

// Due looks at the files and reports whether they are to be read now, as they
// are where it is forced.
func (f *Files) Due(force bool) bool {
	if f.marks == nil {
		return true
	}
	settled := f.settling
	f.settling = f.restamp() && !force
	stale := f.failed && time.Since(f.read) >= readAgain
	if f.settling || !settled && !force && !stale {
		return false
	}
	return f.rehash() || f.failed || force
}

// Read reads them by load, and looks from then on at what that read too. Where
// load fails nothing else is looked at than before.
func (f *Files) Read(load func() (*Config, error)) (c *Config, err error) {
	if f.marks == nil {
		f.mark(f.path)
	}
	// What is new to us is marked only now, and may have changed since it was
	// read: then it is read once more.
	for again := true; again; {
		f.read = time.Now()
		c, err = load()
		if f.failed = err != nil; f.failed {
			return nil, err
		}
		again = f.mark(f.named(c)...)
	}
	return c, nil
}

// named are all files that c was read from, or that are read for it.
func (f *Files) named(c *Config) []string {
	list := []string{f.path}
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

// coarse is by how much the time of a file may be before that of its writing.
const coarse = time.Second

// mark notes which files to look at. What is known of one already stays: it may
// have changed since. It reports whether one that wasn't known may have been
// written since f.read.
func (f *Files) mark(paths ...string) (fresh bool) {
	marks := make(map[string]fileMark, len(paths))
	for _, path := range paths {
		m, known := f.marks[path]
		if !known {
			m = fileMark{info: statFile(path)}
			m.sum = hashFile(path, m.info)
			fresh = fresh || m.info != nil && m.info.ModTime().After(f.read.Add(-coarse))
		}
		marks[path] = m
	}
	f.marks = marks
	return fresh
}

// restamp reports whether a file isn't the one of the last look, by its stat.
func (f *Files) restamp() (changed bool) {
	for path, m := range f.marks {
		now := statFile(path)
		changed = changed || !sameFile(m.info, now)
		m.info = now
		f.marks[path] = m
	}
	return changed
}

// rehash reports whether a file holds something else than before.
func (f *Files) rehash() (changed bool) {
	for path, m := range f.marks {
		now := hashFile(path, m.info)
		changed = changed || now != m.sum
		m.sum = now
		f.marks[path] = m
	}
	return changed
}

func statFile(path string) os.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	return info
}

func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// hashFile is of what path holds, as far as it is read; zero where that can't
// be told without taking it away, as from a pipe.
func hashFile(path string, info os.FileInfo) (sum [sha256.Size]byte) {
	if info == nil || !info.Mode().IsRegular() {
		return sum
	}
	r, err := os.Open(path)
	if err != nil {
		return sum
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(r, MaxBytes+1)); err != nil {
		return sum
	}
	h.Sum(sum[:0])
	return sum
}
