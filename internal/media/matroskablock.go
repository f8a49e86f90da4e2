package media

// hears reports whether a block is of the track that is heard.
func (m *matroska) hears(p []byte) bool {
	track, n := ebmlNumber(p)
	return n > 0 && m.audio != nil && track == m.audio.number
}

// block takes a block (RFC 9559 §10): track, time, flags, then a frame or
// several, laced.
func (m *matroska) block(p []byte) {
	_, n := ebmlNumber(p)
	if !m.hears(p) || len(p) < n+3 {
		return
	}
	m.sound.tick(int64(int16(number(p, n, 2))), m.scale)
	lacing, body := p[n+2]>>1&3, p[n+3:]
	if lacing == 0 || len(body) == 0 {
		m.frame(body, len(body))
		return
	}
	sizes, at := laces(lacing, body)
	for _, size := range sizes {
		part := slice(body, at, size)
		m.frame(part, len(part))
		at += size
	}
	if at < len(body) {
		m.frame(body[at:], len(body)-at)
	}
}

// tick notes a block's time, in ticks behind the cluster's.
func (s *mkvSound) tick(behind, scale int64) {
	now := s.cluster + behind
	if step := float64(now-s.last) * float64(scale) / 1e9; s.timed && step > 0 && step <= frameMax {
		s.spanned += step
		s.steps++
	}
	s.last, s.timed = now, true
}

// laces reads the sizes of all frames but the last, and where the first begins.
func laces(lacing byte, body []byte) (sizes []int, at int) {
	count := int(body[0])
	switch lacing {
	case 1:
		sizes, at = xiphLace(body[1:], count)
	case 2:
		for range count {
			sizes = append(sizes, (len(body)-1)/(count+1))
		}
	case 3:
		sizes, at = ebmlLace(body[1:], count)
	}
	return sizes, 1 + at
}

// xiphLace reads sizes that are sums of bytes, the last below 255.
func xiphLace(p []byte, count int) (sizes []int, n int) {
	for size := 0; len(sizes) < count && n < len(p); n++ {
		if size += int(p[n]); p[n] < 255 {
			sizes = append(sizes, size)
			size = 0
		}
	}
	return sizes, n
}

// ebmlLace reads a size, then the differences of those that follow.
func ebmlLace(p []byte, count int) (sizes []int, n int) {
	size := 0
	for len(sizes) < count {
		v, k := ebmlNumber(p[n:])
		if k == 0 || v < 0 && len(sizes) == 0 {
			return sizes, n
		}
		if n += k; len(sizes) == 0 {
			size = int(min(v, mkvBlockMax))
		} else {
			if v < 0 {
				v = int64(1)<<(7*k) - 1
			}
			size += int(max(-mkvBlockMax, min(v-(int64(1)<<(7*k-1)-1), mkvBlockMax)))
		}
		if size < 0 {
			return sizes, n
		}
		sizes = append(sizes, size)
	}
	return sizes, n
}
