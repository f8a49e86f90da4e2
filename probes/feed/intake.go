package feed

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"io"
	"iter"
	"net/url"
	"time"
)

// maxHeld is how many bytes of a document are held until all of it is here:
// only then its hash tells whether it has to be parsed. The few feeds that are
// larger are parsed as they come, so that a run's memory doesn't grow with
// what a stranger sends.
const maxHeld = 4 << 20

// An intake takes a feed's bytes as they come.
type intake struct {
	now  time.Time
	sum  hash.Hash
	held []byte
	fed  *feeder  // parses what is too large to be held; nil where nothing is
	got  *reading // what fed has read
	err  error
}

func newIntake(now time.Time) *intake { return &intake{now: now, sum: sha256.New()} }

// Write takes the next bytes. It never fails.
func (in *intake) Write(p []byte) (int, error) {
	in.sum.Write(p)
	if in.fed != nil {
		return in.fed.Write(p)
	}
	in.held = append(in.held, p...)
	if len(in.held) > maxHeld {
		in.fed = newFeeder(func(r io.Reader) { in.got, in.err = parse(r, in.now) })
		in.fed.Write(in.held)
		in.held = nil
	}
	return len(p), nil
}

// hash tells the bytes from others.
func (in *intake) hash() (h [sha256.Size]byte) {
	in.sum.Sum(h[:0])
	return h
}

// document is what came, after Close, with its n newest episodes.
func (in *intake) document(base *url.URL, n int) (*document, error) {
	if in.fed == nil {
		in.got, in.err = parse(bytes.NewReader(in.held), in.now)
		in.held = nil
	}
	if in.err != nil {
		return nil, in.err
	}
	return in.got.from(base, n), nil
}

// Close ends the parsing of what came, where it has begun.
func (in *intake) Close() {
	if in.fed != nil {
		in.fed.Close()
	}
}

// A feeder hands what is written to it to a function that reads. The two take
// turns: there is no goroutine that outlives Close, and a panic of the reading
// function is one of Write or Close.
type feeder struct {
	resume func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	chunk  []byte // not yet read
	ended  bool
}

func newFeeder(read func(io.Reader)) *feeder {
	f := &feeder{}
	f.resume, f.stop = iter.Pull(func(yield func(struct{}) bool) {
		f.yield = yield
		read(f)
	})
	return f
}

// Write returns when p has been read, or when nobody reads any more.
func (f *feeder) Write(p []byte) (int, error) {
	f.chunk = p
	f.resume()
	f.chunk = nil
	return len(p), nil
}

// Read waits for the next Write, for the one who reads.
func (f *feeder) Read(p []byte) (int, error) {
	for len(f.chunk) == 0 {
		if f.ended || !f.yield(struct{}{}) {
			return 0, io.EOF
		}
	}
	n := copy(p, f.chunk)
	f.chunk = f.chunk[n:]
	return n, nil
}

// Close tells the reader that this was all, and waits for it.
func (f *feeder) Close() {
	f.ended = true
	f.resume()
	f.stop()
}
