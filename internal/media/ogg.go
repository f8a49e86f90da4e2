package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// ogg reads Ogg (RFC 3533): one or several logical streams, side by side or
// one after the other, of which it hears one at a time. It holds one page, and
// of packets what is needed to check them.
//
//	"OggS" | version | flags | granule int64 | serial uint32 | number uint32 |
//	checksum uint32 | segments uint8 | their lengths | their bytes
type ogg struct {
	size, written int64
	buffer        []byte // from the next page on
	skipped       int64  // bytes between pages
	damaged       int    // pages whose checksum misses
	wasted        int64  // bytes of theirs that were summed
	pages         int

	streams  map[uint32]*oggStream
	audio    *oggStream // that is heard
	begins   bool       // first pages of streams come side by side
	first    oggSound   // what was heard first
	total    oggTotal   // of the links that are over
	tail     oggTail
	chained  bool
	ended    bool
	trailing int // bytes of a page that isn't whole, at the end
}

const (
	oggHeader     = 27
	oggPageMax    = oggHeader + 255 + 255*255
	oggStreamsMax = 32
)

// An oggPage is a page whose checksum fits.
type oggPage struct {
	flags          byte
	granule        int64 // -1: no packet ends here
	serial, number uint32
	segments, body []byte
}

func (p oggPage) continued() bool { return p.flags&1 != 0 }
func (p oggPage) begins() bool    { return p.flags&2 != 0 }
func (p oggPage) ends() bool      { return p.flags&4 != 0 }

// An oggTail is the last page that At brought.
type oggTail struct {
	seen    bool  // the file's last bytes
	granule int64 // of the stream that is heard
	chained bool  // pages are of streams that didn't begin at the front
}

func newOgg(size int64) parser {
	return &ogg{size: size, streams: map[uint32]*oggStream{}, begins: true}
}

func (o *ogg) write(p []byte) {
	o.written += int64(len(p))
	for len(p) > 0 {
		n := min(len(p), 2*oggPageMax-len(o.buffer))
		o.buffer = append(o.buffer, p[:n]...)
		p = p[n:]
		rest := o.walk(o.buffer, o.page)
		o.buffer = o.buffer[:copy(o.buffer, rest)]
	}
}

// walk tells found the whole pages of p and returns what remains.
func (o *ogg) walk(p []byte, found func(oggPage)) []byte {
	for {
		i := bytes.Index(p, []byte("OggS"))
		if i < 0 {
			rest := p[max(0, len(p)-3):]
			o.skipped += int64(len(p) - len(rest))
			return rest
		}
		o.skipped += int64(i)
		p = p[i:]
		page, n, ok := pageOf(p)
		switch {
		case n > len(p):
			return p
		case ok:
			o.pages++
			found(page)
			p = p[n:]
		default:
			step := o.past(n)
			o.skipped += int64(step)
			p = p[step:]
		}
	}
}

// past counts a page of n bytes whose checksum misses and returns how many of
// them to step over. The next page may begin inside; but where pages that miss
// stand in one another, each byte would be summed thousands of times.
func (o *ogg) past(n int) int {
	o.damaged++
	if o.wasted += int64(n); o.wasted > wastedMax+4*o.written {
		return max(n, 1)
	}
	return 1
}

// wastedMax is how many bytes of pages that miss are summed in any case.
const wastedMax = 4 << 20

// pageOf reads a page of n bytes, more than p has where that isn't known yet.
func pageOf(p []byte) (page oggPage, n int, ok bool) {
	if len(p) < oggHeader || len(p) < oggHeader+int(p[26]) {
		return page, oggPageMax + 1, false
	}
	body := oggHeader + int(p[26])
	n = body
	for _, s := range p[oggHeader:body] {
		n += int(s)
	}
	if p[4] != 0 {
		return page, 0, false
	}
	if n > len(p) {
		return page, n, false
	}
	page = oggPage{
		p[5], int64(binary.LittleEndian.Uint64(p[6:])), binary.LittleEndian.Uint32(p[14:]),
		binary.LittleEndian.Uint32(p[18:]), p[oggHeader:body], p[body:n],
	}
	return page, n, oggSum(p[:n]) == binary.LittleEndian.Uint32(p[22:])
}

// page gives a page to its stream. First pages of all streams stand at the
// front; where one comes later the file goes on with another link (§4).
func (o *ogg) page(p oggPage) {
	if p.begins() {
		if !o.begins {
			o.over()
			o.chained = true
		}
		o.begins = true
		o.open(p)
	} else {
		o.begins = false
	}
	if s := o.streams[p.serial]; s != nil {
		s.page(p)
	}
}

// open adds a stream; the first with sound is heard.
func (o *ogg) open(p oggPage) {
	sound, ok := oggSoundOf(p.body)
	if len(o.streams) >= oggStreamsMax {
		return
	}
	if !ok || o.audio != nil {
		o.streams[p.serial] = nil
		return
	}
	o.audio = &oggStream{sound: sound, serial: p.serial, next: p.number, start: -1}
	o.streams[p.serial] = o.audio
	if o.first.codec == "" {
		o.first = sound
	}
}

// over ends a link.
func (o *ogg) over() {
	if o.audio != nil {
		o.total.add(o.audio)
	}
	o.audio = nil
	clear(o.streams)
}

// at reads the pages of bytes from elsewhere, for the last one's granule.
func (o *ogg) at(offset int64, p []byte) {
	side := ogg{written: int64(len(p))}
	side.walk(p, func(page oggPage) {
		s, known := o.streams[page.serial]
		o.tail.chained = o.tail.chained || !known
		if s != nil && page.granule >= 0 {
			o.tail.granule = page.granule
		}
	})
	o.tail.seen = o.tail.seen || offset+int64(len(p)) >= o.size
}

func (o *ogg) end() {
	if o.ended {
		return
	}
	o.ended = true
	if bytes.HasPrefix(o.buffer, []byte("OggS")[:min(4, len(o.buffer))]) {
		o.trailing = len(o.buffer)
	}
}

func (o *ogg) started() bool { return o.sum().frames > 0 }

func (o *ogg) sum() oggTotal {
	t := o.total
	if o.audio != nil {
		t.add(o.audio)
	}
	return t
}

func (o *ogg) report(r *Report) {
	t := o.sum()
	r.Container, r.Codec, r.SampleRate, r.Channels = "ogg", o.first.codec, o.first.hz, o.first.channels
	r.Frames, r.Seconds, r.Silent = t.frames, t.seconds, min(t.silent, t.seconds)
	r.Bitrate = o.first.bitrate
	if t.seconds > 0 {
		r.Bitrate = int(min(float64(t.bytes)*8/t.seconds, 1<<31))
	}
	r.Duration, r.Declared = o.duration(t)
	r.Err, r.Cut, r.Flaws = o.err(t), o.cut(), o.flaws(t)
	if r.Codec == "" && o.pages == 0 && !o.ended {
		r.Codec = "ogg" // which isn't known yet
	}
	if o.audio != nil && r.Err == nil && !o.ended && !o.tail.seen && o.written < o.size {
		r.Want = Span{max(o.written, o.size-wantSize), o.size - 1}
	}
}

// duration is told by the last page, else by what the bytes so far make likely.
func (o *ogg) duration(t oggTotal) (seconds float64, declared bool) {
	switch s := o.audio; {
	case o.ended || o.size >= 0 && o.written >= o.size:
		return t.seconds, true
	case o.tail.chained || o.chained:
		return 0, false // what its links have in common is nothing
	case s != nil && o.tail.granule > 0:
		return max(0, float64(o.tail.granule-max(0, s.start)-s.sound.skip)/float64(s.sound.hz)), true
	case o.size > 0 && t.ends > 0:
		return t.seconds * float64(o.size) / float64(o.written), false
	}
	return t.seconds, false
}

func (o *ogg) err(t oggTotal) error {
	switch {
	case o.first.codec == "" && (o.ended || o.pages > 0 && !o.begins):
		return undecodable("none of its streams is sound that players know")
	case t.broken != "" && t.frames == 0:
		return undecodable("%s", t.broken)
	case o.ended && t.frames == 0:
		return undecodable("it has no packets of sound")
	case t.bad >= 4 && t.bad > 3*t.frames:
		return undecodable("its packets aren't %s", o.first.codec)
	}
	return nil
}

func (o *ogg) cut() error {
	switch {
	case !o.ended:
		return nil
	case o.trailing > 0:
		return fmt.Errorf("the file ends inside a page, of which %d bytes are there", o.trailing)
	case o.audio != nil && o.audio.open:
		return fmt.Errorf("the file ends inside a packet")
	}
	return nil
}

func (o *ogg) flaws(t oggTotal) (list []string) {
	note := func(n int64, text string) {
		if n > 0 {
			list = append(list, fmt.Sprintf(text, n))
		}
	}
	note(int64(o.damaged), "%d pages whose checksum misses")
	note(o.skipped, "%d bytes between pages")
	if t.gaps > 0 {
		list = append(list, "pages are missing in "+counted(int64(t.gaps), "place"))
	}
	note(int64(t.bad), "%d packets that can't be decoded")
	if o.ended && o.audio != nil && !o.audio.ended {
		list = append(list, "no page says that it is the last")
	}
	return list
}

// resumes looks for pages: their checksum fits hardly by chance. A page has up
// to 64 KB, so that a short part may well show none.
func (o *ogg) resumes(_ int64, part []byte) error {
	side := ogg{written: int64(len(part))}
	side.walk(part, func(oggPage) {})
	switch {
	case side.pages > 0:
		return nil
	case side.damaged > 0:
		return fmt.Errorf("the checksums of %d pages there miss", side.damaged)
	case len(part) > oggPageMax+oggHeader && !bytes.Contains(part, []byte("OggS")):
		return fmt.Errorf("no page of Ogg begins there")
	}
	return nil
}
