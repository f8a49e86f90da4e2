package media

import (
	"encoding/binary"
	"math"
)

// riff parses files made of chunks with samples in one of them: WAVE (RIFF,
// "Multimedia Programming Interface" 1991), its forms for more than 4 GB (RF64
// and BW64, EBU Tech 3306 and ITU-R BS.2088), and AIFF and AIFF-C (Apple, 1989
// and 1991). The samples of .au are read by it too.
type riff struct {
	size int64
	queue
	ended bool

	box, typ string // the container and its media type
	order    binary.ByteOrder
	form     func(b []byte) int // reads what the file begins with, once
	begun    bool               // that was read

	skip   int64 // bytes yet to come of what isn't read
	wide   int64 // size of the samples where four bytes don't hold it
	inside bool  // the samples
	found  bool  // their chunk
	stated int64 // bytes of samples; -1 to the end
	left   int64 // of them
	pcm    pcm
	tag    int    // of the format
	fact   int64  // samples of a channel, as a compressed file states
	inner  parser // of frames that stand in place of samples
	odd    string // what can't be played
}

func newWAV(size int64) parser {
	return &riff{size: size, order: binary.LittleEndian, box: "wav", typ: "audio/wav", form: stepOverForm}
}

func newAIFF(size int64) parser {
	return &riff{size: size, order: binary.BigEndian, box: "aiff", typ: "audio/aiff", form: stepOverForm}
}

// stepOverForm steps over the form's name, size and kind.
func stepOverForm(b []byte) int { return min(12, len(b)) }

func (w *riff) at(int64, []byte) {}

func (w *riff) resumes(int64, []byte) error { return nil } // any bytes are samples

func (w *riff) started() bool {
	if w.inner != nil {
		return w.inner.started()
	}
	return w.pcm.valid() && w.pcm.bytes >= int64(w.pcm.block)
}

func (w *riff) write(p []byte) { w.feed(p, w.step) }

func (w *riff) end() {
	w.ended = true
	w.run(w.step)
	w.pcm.close()
	if w.inner != nil {
		w.inner.end()
	}
}

// chunkLook is how many bytes of a chunk are read: the longest format's.
const chunkLook = 64

// step uses the first bytes of b and returns how many, 0 where more are needed.
func (w *riff) step(b []byte) int {
	switch {
	case w.skip > 0:
		n := min(w.skip, int64(len(b)))
		w.skip -= n
		return int(n)
	case w.inside:
		return w.samples(b)
	case len(b) < chunkLook && !w.ended:
		return 0
	case !w.begun:
		w.begun = true
		return w.form(b)
	case len(b) < 8:
		return len(b)
	}
	return w.chunk(b)
}

// chunk reads the header of a chunk, and its body where it tells something.
func (w *riff) chunk(b []byte) int {
	size := int64(w.order.Uint32(b[4:]))
	body := b[8:min(len(b), chunkLook)]
	body = body[:min(int64(len(body)), size)]
	w.skip = size + size&1
	switch id := string(b[:4]); {
	case id == "ds64" && len(body) >= 16:
		w.wide = int64(min(w.order.Uint64(body[8:]), math.MaxInt64))
	case w.found: // what comes behind the samples is no matter
	case id == "fmt " && len(body) >= 16:
		w.format(body)
	case id == "fact" && len(body) >= 4:
		w.fact = int64(w.order.Uint32(body))
	case id == "COMM" && len(body) >= 18:
		w.common(body)
	case id == "data" && w.order == binary.LittleEndian:
		w.begin(8, size)
	case id == "SSND" && w.order == binary.BigEndian:
		return w.begin(16, max(0, size-8))
	}
	return min(8, len(b))
}

// begin begins the samples, behind a header of so many bytes. A size of nothing
// or of about all there can be, with a sign or without, stands in files that
// were written as they were sent.
func (w *riff) begin(header int, size int64) int {
	switch {
	case size == 0xFFFFFFFF && w.wide > 0:
		size = w.wide
	case size == 0 || size >= 0xFFFFFFFF-64 || size >= 0x7FFFF000-64 && size <= 0x80000000:
		size = -1
	}
	w.skip, w.inside, w.found, w.stated, w.left = int64(header-8), true, true, size, size
	if size < 0 {
		w.left = math.MaxInt64
	}
	switch w.tag {
	case 0x50, 0x55, 0xFF, 0x1600: // MPEG audio; AAC, which in ADTS alone can be told apart
		w.inner = newFrames(size)
	}
	w.pcm.pace(size, w.fact)
	return 8
}

// samples takes bytes of samples.
func (w *riff) samples(b []byte) int {
	n := int(min(w.left, int64(len(b))))
	switch {
	case w.inner != nil:
		w.inner.write(b[:n])
	case w.pcm.valid():
		w.pcm.write(b[:n])
	default:
		w.pcm.bytes += int64(n)
	}
	if w.left -= int64(n); w.left == 0 {
		w.inside, w.skip = false, w.stated&1
	}
	return n
}

// format reads the "fmt " chunk (WAVEFORMATEX, WAVEFORMATEXTENSIBLE).
func (w *riff) format(b []byte) {
	le := binary.LittleEndian
	w.tag = int(le.Uint16(b))
	bits := int(le.Uint16(b[14:]))
	if w.tag == 0xFFFE && len(b) >= 26 {
		w.tag = int(le.Uint16(b[24:]))
	}
	p := &w.pcm
	p.channels, p.hz, p.block, p.samples = int(le.Uint16(b[2:])), int(le.Uint32(b[4:])), int(le.Uint16(b[12:])), 1
	p.codec, p.zeros = waveCodec(w.tag, bits)
	switch {
	case w.tag == 2 || w.tag == 0x11 || w.tag == 0x31: // blocks of several samples, which the extension tells
		p.samples = 0
		if len(b) >= 20 {
			p.samples = int(le.Uint16(b[18:]))
		}
	case p.codec != "":
		if p.block == 0 {
			p.pack((bits + 7) / 8 * 8)
		}
	default:
		w.squeezed(bits, int64(le.Uint32(b[8:])))
	}
}

// squeezed is of a format with frames or codes of fewer bits than a sample has:
// they take so many bytes a second.
func (w *riff) squeezed(bits int, second int64) {
	p, k := &w.pcm, waveSqueezed[w.tag]
	if k.codec == "" {
		w.odd = "wave format " + hex(w.tag)
		return
	}
	p.codec, p.block = k.codec, max(p.block, 1)
	switch {
	case k.bits > 0:
		p.pack(k.bits)
	case k.bits < 0 && bits > 0:
		p.pack(bits)
	default:
		p.second = second
	}
}

func hex(tag int) string {
	const digits = "0123456789abcdef"
	return "0x" + string([]byte{digits[tag>>12&15], digits[tag>>8&15], digits[tag>>4&15], digits[tag&15]})
}

// common reads the COMM chunk.
func (w *riff) common(b []byte) {
	be := binary.BigEndian
	p := &w.pcm
	bits, kind := int(be.Uint16(b[6:])), ""
	if len(b) >= 22 {
		kind = string(b[18:22])
	}
	p.channels, p.hz, p.samples = int(be.Uint16(b)), extended(b[8:18]), 1
	p.pack((bits + 7) / 8 * 8)
	switch p.codec, p.zeros = aiffCodec(kind, bits); p.codec {
	case "adpcm_ima_qt":
		p.block, p.samples = 34*p.channels, 64
	case "":
		w.odd = "aiff compression " + printable(kind)
	}
}

// printable is s without bytes that might harm a terminal.
func printable(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}

// extended is a number of ten bytes (IEEE 754's extended precision), whole.
func extended(b []byte) int {
	shift := 16383 + 63 - int(binary.BigEndian.Uint16(b)&0x7FFF)
	if shift < 32 || shift > 63 { // no sample rate
		return 0
	}
	return int(binary.BigEndian.Uint64(b[2:]) >> shift)
}

func (w *riff) report(r *Report) {
	r.Container, r.Type = w.box, w.typ
	if w.inner != nil {
		outer := *r
		w.inner.report(r)
		r.Container, r.Type = outer.Container, outer.Type
		return
	}
	p := &w.pcm
	r.SampleRate, r.Channels = p.hz, p.channels
	switch {
	case p.valid():
		r.Codec = p.codec
		w.times(r)
	case w.odd != "":
		r.Flaws = append(r.Flaws, w.odd+" isn't read") // some players may
	case w.ended || w.found:
		r.Err = undecodable("no format of samples is stated")
	}
}

// times fills in what follows from the samples found and stated.
func (w *riff) times(r *Report) {
	p := &w.pcm
	r.Frames, r.Seconds = int(p.bytes/int64(p.block)), p.seconds(p.bytes)
	r.Silent = min(p.seconds(p.silent), r.Seconds)
	r.Bitrate = p.bitrate()
	switch {
	case w.stated > 0:
		r.Duration, r.Declared = p.seconds(w.stated), true
	case w.ended:
		r.Duration = r.Seconds
	case w.found && w.size >= 0:
		r.Duration = p.seconds(max(0, w.size-(w.offset-p.bytes)))
	}
	if !w.ended {
		return
	}
	if r.Frames == 0 {
		r.Err = undecodable("no samples")
	} else if r.Declared {
		r.Cut = cutShort(r.Duration, r.Seconds)
	}
}
