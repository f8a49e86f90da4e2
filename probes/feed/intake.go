package feed

import (
	"bytes"
	"hash/maphash"
	"io"
	"iter"
	"net/url"
	"sync"
	"time"
)

// maxHeld is how many bytes of a document are held in memory until all of it
// is here: only then its hash tells whether it has to be parsed. The few feeds
// that are larger are parsed as they come, so that a run's memory doesn't grow
// with what a stranger sends; where the one before was as large, so that they
// may be alike, they are put aside instead.
const maxHeld = 4 << 20

// An intake takes a feed's bytes as they come.
type intake struct {
	now   time.Time
	alike bool // the document before was as large
	sums  [2]maphash.Hash
	held  *[]byte  // of rooms; nil once fed, put aside or closed
	aside *aside   // holds what is too large for memory; nil where nothing is
	fed   *feeder  // parses it instead; nil where nothing is
	got   *reading // what fed has read
	err   error
}

// rooms hold documents, one run's after another's: making room anew costs as
// much as reading.
var rooms = sync.Pool{New: func() any { return new([]byte) }}

// newIntake returns one for a document; alike says that the one before was
// larger than maxHeld.
func newIntake(now time.Time, alike bool) *intake {
	in := &intake{now: now, alike: alike, held: rooms.Get().(*[]byte)}
	for i := range in.sums {
		in.sums[i].SetSeed(seeds[i])
	}
	*in.held = (*in.held)[:0]
	return in
}

// Write takes the next bytes. It never fails.
func (in *intake) Write(p []byte) (int, error) {
	for i := range in.sums {
		in.sums[i].Write(p)
	}
	switch {
	case in.aside != nil:
		in.setAside(p)
	case in.fed != nil:
		in.fed.Write(p)
	default:
		*in.held = append(*in.held, p...)
		if len(*in.held) > maxHeld {
			in.outgrow()
		}
	}
	return len(p), nil
}

// outgrow puts what is held elsewhere.
func (in *intake) outgrow() {
	if in.alike {
		in.aside = newAside()
	}
	if in.aside != nil {
		in.setAside(*in.held)
	} else {
		in.feed()
		in.fed.Write(*in.held)
	}
	in.letGo()
}

// setAside parses what comes where there is no room for it: on a full disk.
func (in *intake) setAside(p []byte) {
	if _, err := in.aside.Write(p); err == nil {
		return
	}
	in.feed()
	err := in.aside.read(func(r io.Reader) { io.Copy(in.fed, r) })
	in.aside.Close()
	in.aside = nil
	in.fed.Write(p)
	if err != nil {
		in.fed.Close()
		in.err = err
	}
}

// feed begins to parse what comes.
func (in *intake) feed() {
	in.fed = newFeeder(func(r io.Reader) { in.got, in.err = parse(r, "", in.now) })
}

// A sum tells a document's bytes from others'. It is of use in this process
// alone: nobody outside knows its seeds, so nobody can make two documents of
// one sum, though no cryptography is in it.
type sum [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// sum is that of the bytes and of the charset they came as.
func (in *intake) sum(charset string) sum {
	var s sum
	for i := range in.sums {
		in.sums[i].WriteString(charset)
		s[i] = in.sums[i].Sum64()
	}
	return s
}

// document is what came, after End, with its n newest episodes. It was sent as
// charset, "" for one that isn't named.
func (in *intake) document(base *url.URL, charset string, n int) (*document, error) {
	switch {
	case in.aside != nil: // as if it had been parsed while it came
		if err := in.aside.read(func(r io.Reader) { in.got, in.err = parse(r, "", in.now) }); err != nil {
			return nil, err
		}
	case in.fed == nil:
		in.got, in.err = parse(bytes.NewReader(*in.held), charset, in.now)
	}
	if in.err != nil {
		return nil, in.err
	}
	return in.got.from(base, n), nil
}

// End ends the parsing of what came, where it has begun.
func (in *intake) End() {
	if in.fed != nil {
		in.fed.Close()
	}
}

// Close ends the use of what came.
func (in *intake) Close() {
	in.End()
	in.letGo()
	if in.aside != nil {
		in.aside.Close()
		in.aside = nil
	}
}

func (in *intake) letGo() {
	if in.held != nil {
		rooms.Put(in.held)
		in.held = nil
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
