package media

import (
	"errors"
	"fmt"
)

// A Scanner reads a file in order, as it comes, finds the frames of sound in
// it and checks them. It keeps little of what it reads: a head of four
// kilobytes, then what the format's parser needs. It is for one goroutine.
type Scanner struct {
	size    int64  // of the file; -1 unknown
	written int64  // bytes of the file that came in order
	next    int64  // the offset whose bytes are wanted next: tags are stepped over
	base    int64  // where the parser's file begins, behind the tags
	head    []byte // from next on, until it is told what they are
	format  Format // what head was told to be, once parsing
	parser  parser // nil where head isn't known yet, or is nothing we parse
	known   bool   // what head is
	ended   bool
}

// A parser reads one format. Its offsets and the size that it is made with
// count from its own first byte, behind the tags that may stand in front.
type parser interface {
	write(p []byte)                          // the next bytes, in order
	at(offset int64, p []byte)               // bytes from elsewhere
	end()                                    // no more will come
	report(r *Report)                        // fills r; changes nothing
	started() bool                           // a whole frame of sound has come
	resumes(offset int64, part []byte) error // changes nothing
}

// parsers makes the parser of each codec that identify tells.
var parsers = map[string]func(size int64) parser{
	"mp3": newFrames, "aac": newFrames, "flac": newFLAC, "wav": newWAV, "aiff": newAIFF, "au": newAU,
	"mp4": newMP4, "ogg": newOgg, "webm": newMatroska, "matroska": newMatroska, "amr": newAMR,
}

// headSize is how many bytes tell what a file is.
const headSize = 4 << 10

// NewScanner returns a scanner of a file of size bytes, -1 where that isn't
// known.
func NewScanner(size int64) *Scanner { return &Scanner{size: size} }

// Write takes the next bytes of the file. It never fails.
func (s *Scanner) Write(p []byte) (int, error) {
	s.take(s.written, p)
	s.written += int64(len(p))
	if s.written == s.size {
		s.tell()
	}
	return len(p), nil
}

// At takes bytes from elsewhere in the file, such as Report.Want.
func (s *Scanner) At(offset int64, p []byte) {
	switch {
	case !s.known:
		s.take(offset, p)
	case s.parser != nil && offset >= s.base:
		s.parser.at(offset-s.base, p)
	}
}

// End says that the whole file has been written.
func (s *Scanner) End() {
	if s.ended {
		return
	}
	s.ended = true
	s.tell()
	if s.parser != nil {
		s.parser.end()
	}
}

// Started reports whether the first whole frame of sound has come.
func (s *Scanner) Started() bool { return s.parser != nil && s.parser.started() }

// take uses those of p, bytes at offset, that are wanted next.
func (s *Scanner) take(offset int64, p []byte) {
	if offset > s.next || offset+int64(len(p)) <= s.next {
		return
	}
	p = p[s.next-offset:]
	for !s.known && len(p) > 0 {
		n := min(headSize-len(s.head), len(p))
		s.head = append(s.head, p[:n]...)
		s.next += int64(n)
		p = p[n:]
		skip := s.stepOverTags()
		s.next += skip
		p = p[min(skip, int64(len(p))):]
		if len(s.head) == headSize {
			s.tell()
		}
	}
	if s.known {
		s.next += int64(len(p))
	}
	if s.parser != nil && len(p) > 0 {
		s.parser.write(p)
	}
}

// stepOverTags drops the ID3v2 and APE tags that head begins with and returns how
// many bytes behind head still belong to the last of them.
func (s *Scanner) stepOverTags() (behind int64) {
	all := int64(0) // thousands may stand one behind the other
	for all < int64(len(s.head)) {
		n := tagInFront(s.head[all:])
		if n == 0 {
			break
		}
		all += n
	}
	s.base += all
	if all > int64(len(s.head)) {
		behind = all - int64(len(s.head))
	}
	s.head = s.head[:copy(s.head, s.head[all-behind:])]
	return behind
}

// tell decides what the file is by what is there of its head.
func (s *Scanner) tell() {
	if s.known {
		return
	}
	s.known = true
	s.format = s.identify()
	if begin := parsers[s.format.Codec]; begin != nil {
		s.parser = begin(s.rest())
	} else if meaningless(s.format) {
		s.parser = newFrames(s.rest()) // sound may stand behind bytes that mean nothing
	}
	if s.parser != nil {
		s.parser.write(s.head)
	}
	s.head = nil
}

func (s *Scanner) identify() Format {
	f := identify(s.head)
	if s.base > 0 && meaningless(f) {
		return Format{"audio/mpeg", "mp3"} // as the tag in front says
	}
	return f
}

// meaningless reports whether f is what no format was told of: plain text is
// any bytes that aren't said to be something else.
func meaningless(f Format) bool {
	return f.Type == "application/octet-stream" || f.Type == "text/plain"
}

// rest is the size of the file behind the tags in front.
func (s *Scanner) rest() int64 {
	if s.size < 0 {
		return -1
	}
	return max(0, s.size-s.base)
}

// A Report is what a Scanner found so far.
type Report struct {
	Format
	Container  string // mp3, adts, mp4, ogg, flac, wav, matroska …; "" where unknown
	SampleRate int    // Hz; 0 where unknown, as everything below
	Channels   int
	Bitrate    int      // bit/s: the mean of the frames found, else as declared
	Frames     int      // whole frames (packets) of sound found and checked
	Seconds    float64  // of sound in those frames
	Silent     float64  // seconds of them that are digital silence
	Duration   float64  // seconds of the whole file, as it declares or as its size makes likely
	Declared   bool     // whether Duration is stated by the file itself
	Want       Span     // bytes that would tell more; zero: none
	Err        error    // why no player makes sound of it: errors.Is ErrUndecodable; nil where it plays or where more bytes are wanted
	Cut        error    // why the file ends before its end; only after End
	Flaws      []string // what players step over: bytes between frames, checksums that miss

	of *Scanner // for Resumes
}

// ErrUndecodable marks a Report's Err: it says to be audio, and no player
// would make sound of it.
var ErrUndecodable = errors.New("can't be decoded")

// undecodable is an ErrUndecodable that says why.
func undecodable(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrUndecodable, fmt.Sprintf(format, a...))
}

// A Span is bytes of a file, both ends included.
type Span struct{ First, Last int64 }

// Report tells what was found so far. Codec is "" for what isn't audio.
func (s *Scanner) Report() Report {
	r := Report{Format: s.format, of: s}
	if !s.known {
		r.Format = s.identify()
		r.Want = s.behindTags()
		return r
	}
	if s.parser == nil {
		r.Container = r.Codec
		return r
	}
	s.parser.report(&r)
	if r.Want != (Span{}) {
		r.Want = Span{r.Want.First + s.base, r.Want.Last + s.base}
	}
	return r
}

// behindTags is the span just behind the tags in front, where the bytes given
// end inside them.
func (s *Scanner) behindTags() Span {
	if s.base <= s.written || (s.size >= 0 && s.base >= s.size) {
		return Span{}
	}
	last := s.base + wantSize - 1
	if s.size >= 0 {
		last = min(last, s.size-1)
	}
	return Span{s.base, last}
}

// wantSize is how many bytes behind a long tag are asked for.
const wantSize = 64 << 10

// Resumes tells what is wrong with part, bytes at offset of a file that r
// describes, nil where sound of the same kind is found in them or where they
// don't tell.
func (r Report) Resumes(offset int64, part []byte) error {
	if r.of == nil || r.of.parser == nil || offset < r.of.base {
		return nil
	}
	return r.of.parser.resumes(offset-r.of.base, part)
}
