package telemetry

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sonde-media/sonde/internal/dirlock"
)

// A spool keeps batches on disk until their destination has them.
//
//	DIR/lock                                held by the one process that uses DIR
//	DIR/<unix ns>-<sequence>-<runs>.pb.gz   one batch, the oldest sorts first
//	DIR/….tmp                               being written; left by a crash, removed at start
//	DIR/dead/<same name>                    refused for good; moved back into DIR it is sent again
//
// A batch is an OTLP ExportTraceServiceRequest, gzipped: the body of one
// request, as it is sent. A file appears whole, by rename after fsync, and its
// removal is the acknowledgement; so nothing tears, and what a crash can
// repeat is a request that the hub has had already.
type spool struct {
	dir      string
	maxBytes int64
	maxAge   time.Duration
	log      *slog.Logger
	lock     *os.File
	wake     chan struct{} // holds a token after a put

	mu      sync.Mutex // guards what follows, and the order of files
	files   []spoolFile
	bytes   int64
	seq     int
	dropped int64 // runs
}

type spoolFile struct {
	name  string
	at    time.Time
	runs  int
	bytes int64
	found bool // left by another process: it may be damaged
}

const (
	spoolExt = ".pb.gz"
	deadDir  = "dead"
)

// openSpool takes over dir with what earlier processes left in it.
func openSpool(dir string, maxBytes int64, maxAge time.Duration, log *slog.Logger) (*spool, error) {
	s := &spool{dir: dir, maxBytes: maxBytes, maxAge: maxAge, log: log, wake: make(chan struct{}, 1)}
	if err := s.open(); err != nil {
		s.close()
		return nil, fmt.Errorf("open spool %s: %w", dir, err)
	}
	return s, nil
}

func (s *spool) open() error {
	if err := os.MkdirAll(filepath.Join(s.dir, deadDir), 0o700); err != nil {
		return err
	}
	if err := syncPath(s.dir); err != nil {
		return err
	}
	var err error
	if s.lock, err = dirlock.Take(s.dir); err != nil {
		if errors.Is(err, dirlock.ErrTaken) {
			err = fmt.Errorf("%w; give each agent a data directory of its own", err)
		}
		return err
	}
	entries, err := os.ReadDir(s.dir) // sorted by name, which is by age
	if err != nil {
		return err
	}
	for _, e := range entries {
		s.adopt(e)
	}
	if len(s.files) > 0 {
		s.log.Info("found runs not yet sent", "spool", s.dir, "batches", len(s.files), "bytes", s.bytes)
	}
	return nil
}

func (s *spool) adopt(e fs.DirEntry) {
	if strings.HasSuffix(e.Name(), spoolExt+".tmp") {
		os.Remove(filepath.Join(s.dir, e.Name()))
		return
	}
	f, ok := parseSpoolName(e.Name())
	info, err := e.Info()
	if !ok || err != nil || !info.Mode().IsRegular() {
		return
	}
	f.bytes, f.found = info.Size(), true
	s.files = append(s.files, f)
	s.bytes += f.bytes
}

func (s *spool) close() {
	if s.lock != nil {
		s.lock.Close()
	}
}

// put stores one batch durably. Where it returns an error nothing was stored.
func (s *spool) put(body []byte, runs int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shrink(int64(len(body)))
	s.seq++
	f := newSpoolFile(time.Now(), s.seq, runs, int64(len(body)))
	if err := writeDurably(filepath.Join(s.dir, f.name), body); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	s.files = append(s.files, f)
	s.bytes += f.bytes
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return nil
}

// shrink drops the oldest batches until more bytes fit and none is too old.
// s.mu must be held.
func (s *spool) shrink(more int64) {
	n := s.drop(func(f spoolFile) bool { return s.bytes+more > s.maxBytes || time.Since(f.at) > s.maxAge })
	if n > 0 {
		s.log.Warn("dropped the oldest runs: the spool is at its limit", "spool", s.dir, "runs", n,
			"max_bytes", s.maxBytes, "max_age", s.maxAge)
	}
}

// makeRoom drops the oldest batches, as many as leave the disk so many bytes,
// and reports whether there were any.
func (s *spool) makeRoom(bytes int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	had := s.bytes
	s.drop(func(spoolFile) bool { return had-s.bytes < bytes })
	if had == s.bytes {
		return false
	}
	s.log.Warn("dropped the oldest runs: the disk is full", "spool", s.dir, "bytes", had-s.bytes)
	return true
}

// drop removes batches, the oldest first, while it is to, and returns how many
// runs these were. s.mu must be held.
func (s *spool) drop(while func(oldest spoolFile) bool) (runs int64) {
	n := 0
	for n < len(s.files) && while(s.files[n]) {
		os.Remove(filepath.Join(s.dir, s.files[n].name))
		s.bytes -= s.files[n].bytes
		runs += int64(s.files[n].runs)
		n++
	}
	s.files = slices.Delete(s.files, 0, n)
	s.dropped += runs
	return runs
}

// oldest returns the first files, at most n and of at most maxBytes together,
// but one at least where there is one.
func (s *spool) oldest(n int, maxBytes int64) []spoolFile {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum int64
	for i, f := range s.files {
		sum += f.bytes
		if i > 0 && (i == n || sum > maxBytes) {
			return slices.Clone(s.files[:i])
		}
	}
	return slices.Clone(s.files)
}

// read returns the body of f, which is no larger than one we would write.
func (s *spool) read(f spoolFile) ([]byte, error) {
	if f.bytes > maxInflated {
		return nil, errLarge
	}
	return os.ReadFile(filepath.Join(s.dir, f.name))
}

// done removes f: its destination has it.
func (s *spool) done(f spoolFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forget(f) {
		os.Remove(filepath.Join(s.dir, f.name))
	}
}

// bury moves f to the dead letters and keeps those within a quarter of the
// spool's limit. So many of its runs count as dropped.
func (s *spool) bury(f spoolFile, lost int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.forget(f) {
		return
	}
	s.dropped += lost
	dead := filepath.Join(s.dir, deadDir)
	if err := os.Rename(filepath.Join(s.dir, f.name), filepath.Join(dead, f.name)); err != nil {
		s.log.Warn("dead letter not kept", "file", f.name, "err", err)
		os.Remove(filepath.Join(s.dir, f.name))
	}
	trim(dead, s.maxBytes/4)
}

// forget takes f out of the index and reports whether it was there: it may
// have been dropped while it was under way. s.mu must be held.
func (s *spool) forget(f spoolFile) bool {
	i := slices.IndexFunc(s.files, func(g spoolFile) bool { return g.name == f.name })
	if i < 0 {
		return false
	}
	if i == 0 { // as ever but after a refusal: moving all the others would take seconds of a long backlog
		s.files[0], s.files = spoolFile{}, s.files[1:]
	} else {
		s.files = slices.Delete(s.files, i, i+1)
	}
	s.bytes -= f.bytes
	return true
}

// lose counts runs that never reached the disk.
func (s *spool) lose(runs int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped += int64(runs)
}

// state returns what waits and what was dropped since the start.
func (s *spool) state() (bytes int64, age time.Duration, dropped int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.files) > 0 {
		age = max(0, time.Since(s.files[0].at))
	}
	return s.bytes, age, s.dropped
}

// trim removes the oldest files of dir until at most maxBytes remain.
func trim(dir string, maxBytes int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	var sum int64
	for _, e := range slices.Backward(entries) { // the newest first
		info, err := e.Info()
		if err != nil {
			continue
		}
		if sum += info.Size(); sum > maxBytes {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

func newSpoolFile(at time.Time, seq, runs int, bytes int64) spoolFile {
	name := fmt.Sprintf("%020d-%06d-%d%s", at.UnixNano(), seq%1_000_000, runs, spoolExt)
	return spoolFile{name: name, at: at, runs: runs, bytes: bytes}
}

func parseSpoolName(name string) (spoolFile, bool) {
	base, ok := strings.CutSuffix(name, spoolExt)
	parts := strings.Split(base, "-")
	if !ok || len(parts) != 3 {
		return spoolFile{}, false
	}
	ns, err := strconv.ParseInt(parts[0], 10, 64)
	runs, err2 := strconv.Atoi(parts[2])
	return spoolFile{name: name, at: time.Unix(0, ns), runs: runs}, err == nil && err2 == nil && runs >= 0 && runs <= maxBatchBytes
}

// writeDurably makes path appear whole or not at all, and returns when it
// would survive a crash.
func writeDurably(path string, body []byte) (err error) {
	tmp := path + ".tmp"
	defer func() {
		if err != nil {
			os.Remove(tmp)
			os.Remove(path)
		}
	}()
	if err := writeSynced(tmp, body); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func writeSynced(path string, body []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncPath makes dir last that was just made, with what leads to it as far as
// we may: else a machine that loses its power loses all that is in it.
func syncPath(dir string) error {
	above := dir
	for range 3 {
		above = filepath.Dir(above)
		syncDir(above)
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
