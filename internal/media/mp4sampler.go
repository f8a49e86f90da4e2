package media

// An mp4Sampler counts the samples that are there and looks into those whose
// bytes it is given.
type mp4Sampler struct {
	frames                 int
	duration, silent, size int64 // in units of the track, in bytes
	last                   int64 // where the last one counted ends
	looks
	part []byte // the beginning of the next sample
}

// partMax is the largest sample looked into. AAC has at most 768 bytes a
// channel, lossless codecs some kilobytes.
const partMax = 16 << 10

// follows reports whether u's bytes can be told however the file is cut into
// writes: they stand behind the index and behind the samples before.
func (s *mp4Sampler) follows(u mp4Unit, from int64) bool {
	return u.size <= partMax && u.offset >= max(from, s.last)
}

// keep holds the bytes of u among p, the bytes at offset.
func (s *mp4Sampler) keep(u mp4Unit, from, offset int64, p []byte) {
	if !s.follows(u, from) || u.offset >= offset+int64(len(p)) || u.offset+int64(len(s.part)) < offset {
		return
	}
	s.part = append(s.part, p[u.offset+int64(len(s.part))-offset:]...)
}

// bytes returns u's bytes, which end in p or before; nil where they are gone.
func (s *mp4Sampler) bytes(u mp4Unit, from int64, begin []byte, offset int64, p []byte) []byte {
	had := u.offset + int64(len(s.part))
	switch {
	case u.size <= 0 || u.offset < 0:
		return nil
	case u.end() <= int64(len(begin)):
		return begin[u.offset:u.end()]
	case !s.follows(u, from) || had < offset:
		return nil
	case len(s.part) == 0:
		return p[u.offset-offset : u.end()-offset]
	}
	s.part = append(s.part, p[had-offset:u.end()-offset]...)
	return s.part
}

// count takes a unit that is there; p is nil where its bytes aren't known.
// Samples that share their bytes with others count as far as there are bytes.
func (s *mp4Sampler) count(u mp4Unit, p []byte, t *mp4Track) {
	if u.size > 0 && s.size+u.size <= max(s.last, u.end()) {
		s.size += u.size
		u.duration = min(u.duration, int64(u.samples)*sampleMax*t.clock.scale)
		if !s.look(u, p, t) {
			s.frames += u.samples
			s.duration += u.duration
		}
	}
	s.last = max(s.last, u.end())
	s.part = s.part[:0]
}

// sampleMax bounds the seconds of one sample: FLAC at 8 kHz has the longest.
const sampleMax = 10

// look looks into u and reports whether decoders leave it out.
func (s *mp4Sampler) look(u mp4Unit, p []byte, t *mp4Track) (lost bool) {
	if p == nil {
		return false
	}
	l := t.sound.look(p)
	if s.add(l); l.ok && l.silent && u.samples == 1 {
		s.silent += u.duration
	}
	return l.lost
}
