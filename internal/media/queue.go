package media

// A queue holds the bytes that have come and that nothing could be told of yet.
// Parsers embed it. What a parser does with a byte doesn't depend on how the
// bytes came.
type queue struct {
	offset int64 // of buf in the file
	buf    []byte
	lost   bool // nothing was found in reach, and no more is read
}

// piece is how many bytes are taken at once, so that buf stays small.
const piece = 32 << 10

// feed adds p and uses what it can.
func (q *queue) feed(p []byte, step func([]byte) int) {
	for len(p) > 0 && !q.lost {
		n := min(len(p), piece)
		q.buf = append(q.buf, p[:n]...)
		p = p[n:]
		q.run(step)
	}
}

// run has step use the first bytes there are and tell how many, again and again
// until it says 0, which is that more are needed.
func (q *queue) run(step func([]byte) int) {
	b := q.buf
	for !q.lost && len(b) > 0 {
		n := step(b)
		if n == 0 {
			break
		}
		b = b[n:]
		q.offset += int64(n)
	}
	q.buf = q.buf[:copy(q.buf, b)]
}
