package media

// An oggStream is a logical stream whose packets are sound.
type oggStream struct {
	sound  oggSound
	serial uint32
	next   uint32 // the next page's number
	gaps   int
	ended  bool

	open    bool   // a packet goes on with the next page
	lost    bool   // its beginning was
	packet  []byte // what is kept of it
	size    int
	packets int // that are over, headers too

	start   int64 // granule at which sound begins, -1 unknown
	granule int64 // of the last page that had one
	ending  int64 // samples of packets since
	samples int64
	trimmed int64 // of the last packets, by the last page's granule
	silent  int64
	frames  int
	bad     int
	bytes   int64
	broken  string // why nothing of it decodes
}

// An oggTotal sums up what was heard.
type oggTotal struct {
	frames, bad, gaps, ends int
	bytes                   int64
	seconds, silent         float64
	broken                  string
}

func (t *oggTotal) add(s *oggStream) {
	t.frames += s.frames
	t.bad += s.bad
	t.gaps += s.gaps
	t.bytes += s.bytes
	t.ends += s.packets
	if t.broken == "" {
		t.broken = s.broken
	}
	hz := float64(s.sound.hz)
	t.seconds += float64(max(0, s.samples-s.sound.skip-s.trimmed)) / hz
	t.silent += float64(s.silent) / hz
}

// page takes the stream's packets out of a page (RFC 3533 §5, §6).
func (s *oggStream) page(p oggPage) {
	if p.number != s.next {
		s.gaps++
		s.open = false
	}
	s.next = p.number + 1
	if !p.continued() && s.open {
		s.bad++ // it was to go on
		s.open = false
	}
	s.lost = p.continued() && (!s.open || s.lost)
	before := s.frames
	body := p.body
	for _, n := range p.segments {
		s.segment(body[:n])
		body = body[n:]
	}
	s.granules(p, s.frames-before)
	s.ended = s.ended || p.ends()
}

// segment adds up to 255 bytes to the packet; fewer end it.
func (s *oggStream) segment(b []byte) {
	if !s.open && !s.lost {
		s.packet, s.size = s.packet[:0], 0
	}
	s.open = true
	s.size += len(b)
	if room := s.sound.keep(s.packets) - len(s.packet); room > 0 && !s.lost {
		s.packet = append(s.packet, b[:min(room, len(b))]...)
	}
	if len(b) < 255 {
		if !s.lost {
			s.take()
		}
		s.open, s.lost = false, false
	}
}

// take reads a whole packet.
func (s *oggStream) take() {
	s.packets++
	if s.sound.header(s.packets-1, s.packet) {
		if s.broken == "" {
			s.broken = s.sound.setup(s.packets-1, s.packet)
		}
		if len(s.packet) > 4<<10 {
			s.packet = nil // a large one is seldom followed by another
		}
		return
	}
	if s.broken != "" {
		return
	}
	n, silent, ok := s.sound.samples(s.packet, s.size)
	if !ok {
		s.bad++
		return
	}
	s.frames++
	s.bytes += int64(s.size)
	s.ending += n
	if silent {
		s.silent += n
	}
}

// granules takes a page's granule position: the time at which the last packet
// that ends on it ends. The first page's tells when sound begins, the last
// page's how much of its packets is to be heard (RFC 7845 §4, Vorbis I A.2).
func (s *oggStream) granules(p oggPage, frames int) {
	if frames == 0 || p.granule < 0 {
		return
	}
	since := max(0, p.granule-max(0, s.granule))
	if s.sound.counted {
		s.ending = min(since, int64(frames)*s.sound.longest)
	}
	s.samples += s.ending
	switch {
	case s.start < 0:
		if s.start = max(0, p.granule-s.ending); p.ends() {
			s.start, s.trimmed = 0, max(0, s.ending-p.granule)
		}
	case p.ends() && since < s.ending:
		s.trimmed = s.ending - since
	}
	s.granule, s.ending = p.granule, 0
}
