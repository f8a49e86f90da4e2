package media

import "fmt"

// amr reads AMR and AMR-WB files (RFC 4867 §5): a magic line, then frames of
// 20 ms, each with a byte that tells its length.
type amr struct {
	size, written int64
	line          []byte // the beginning, until the magic line is whole
	lengths       *[16]int
	hz            int
	left          int // bytes of the frame still to come
	frames, bytes int64
	bad           int64 // bytes that begin no frame
	ended         bool
}

const amrFrame = 0.02 // seconds

// amrLengths are the bytes behind a frame's header by its type; -1 for none
// (3GPP TS 26.101 and 26.201 annex A).
var (
	amrLengths   = [16]int{12, 13, 15, 17, 19, 20, 26, 31, 5, -1, -1, -1, -1, -1, -1, 0}
	amrWBLengths = [16]int{17, 23, 32, 36, 40, 46, 50, 58, 60, 5, -1, -1, -1, -1, 0, 0}
)

const amrLine, amrWBLine = "#!AMR\n", "#!AMR-WB\n"

func newAMR(size int64) parser { return &amr{size: size} }

func (a *amr) write(p []byte) {
	a.written += int64(len(p))
	for i := 0; i < len(p); {
		switch {
		case a.lengths == nil:
			if len(a.line) > len(amrWBLine) {
				return
			}
			a.line = append(a.line, p[i])
			a.magic()
			i++
		case a.left > 0:
			n := min(a.left, len(p)-i)
			a.left -= n
			i += n
			a.frame(n)
		default:
			a.header(p[i])
			i++
		}
	}
}

func (a *amr) magic() {
	switch string(a.line) {
	case amrLine:
		a.lengths, a.hz = &amrLengths, 8000
	case amrWBLine:
		a.lengths, a.hz = &amrWBLengths, 16000
	}
}

// header takes a frame's first byte: P, FT and Q with padding around them.
func (a *amr) header(b byte) {
	n := a.lengths[b>>3&15]
	if b&0x83 != 0 || n < 0 {
		a.bad++
		return
	}
	a.left = n
	a.frame(1)
}

// frame counts n bytes of a frame, and the frame where they end it.
func (a *amr) frame(n int) {
	a.bytes += int64(n)
	if a.left == 0 {
		a.frames++
	}
}

func (a *amr) at(int64, []byte) {}

func (a *amr) end() { a.ended = true }

func (a *amr) started() bool { return a.frames > 0 }

func (a *amr) report(r *Report) {
	r.Container, r.Codec, r.SampleRate, r.Channels = "amr", "amr_nb", a.hz, 1
	if a.lengths == &amrWBLengths {
		r.Codec = "amr_wb"
	}
	r.Frames, r.Seconds = int(a.frames), float64(a.frames)*amrFrame
	r.Duration = r.Seconds
	if a.frames > 0 {
		r.Bitrate = int(float64(a.bytes) * 8 / r.Seconds)
		if !a.ended && a.size > a.written {
			r.Duration *= float64(a.size) / float64(a.written)
		}
	}
	if a.bad > 0 {
		r.Flaws = append(r.Flaws, fmt.Sprintf("%d bytes between frames", a.bad))
	}
	switch {
	case a.lengths == nil && (a.ended || len(a.line) > len(amrWBLine)):
		r.Err = undecodable("its first line isn't that of AMR")
	case a.ended && a.frames == 0 || a.bad > 64 && a.bad > a.bytes/4:
		r.Err = undecodable("no frames of AMR follow its first line")
	}
	if a.ended && a.left > 0 {
		r.Cut = fmt.Errorf("the last frame lacks %d bytes", a.left)
	}
}

func (a *amr) resumes(int64, []byte) error { return nil } // its frames have no mark to find them by
