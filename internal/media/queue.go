package media

// A queue holds the bytes that have come and that nothing could be told of yet.
// Parsers embed it. What a parser does with a byte doesn't depend on how the
// bytes came.
type queue struct {
	offset int64 // of buf in the file
	buf    []byte
	lost   bool // nothing was found in reach, and no more is read
}

// joint is how many bytes are put to those that wait at once: three frames of
// most files, which is what tells.
const joint = 8 << 10

// feed uses what it can of p where it is; the rest waits, and is told together
// with the first bytes that come next.
func (q *queue) feed(p []byte, step func([]byte) int) {
	for len(p) > 0 && !q.lost {
		if len(q.buf) == 0 {
			q.buf = append(q.buf, p[q.use(p, step):]...)
			return
		}
		waited, n := len(q.buf), min(len(p), joint)
		q.buf = append(q.buf, p[:n]...)
		used := q.use(q.buf, step)
		if used >= waited { // from there on it is used in p
			n, used = used-waited, len(q.buf)
		}
		q.buf = q.buf[:copy(q.buf, q.buf[used:])]
		p = p[n:]
	}
}

// run uses what it can of what waits, once no more will come.
func (q *queue) run(step func([]byte) int) {
	q.buf = q.buf[q.use(q.buf, step):]
}

// use has step use the first bytes of b and tell how many, again and again until
// it says 0, which is that more are needed. It returns how many were used.
func (q *queue) use(b []byte, step func([]byte) int) (used int) {
	for !q.lost && used < len(b) {
		n := step(b[used:])
		if n == 0 {
			break
		}
		used += n
		q.offset += int64(n)
	}
	return used
}
