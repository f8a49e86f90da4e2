package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"

	"github.com/klauspost/compress/gzip" // takes half of what the standard library's does
)

// join makes one body of the first n of files, as many as fit and can be read,
// the first at least. It inflates and compresses them anew: gzip members end to
// end are valid, but not every receiver reads past the first. What they hold
// passes through: an agent with a backlog has no room for megabytes of it.
func (d *destination) join(files []spoolFile) (body []byte, n int, err error) {
	var all bytes.Buffer
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	z.Reset(&all)
	left := int64(maxInflated)
	for _, f := range files {
		body, err = d.spool.read(f)
		if err == nil && (len(files) > 1 || f.found) { // what we wrote and read just now is sound
			left, err = look(body, left)
		}
		if err != nil && n > 0 { // it begins the next request
			break
		}
		n++
		if err != nil {
			return nil, n, unreadable(f, err)
		}
		if len(files) == 1 {
			return body, n, nil
		}
		if _, err := inflate(z, body, maxInflated); err != nil {
			return nil, n, unreadable(f, err)
		}
	}
	err = z.Close()
	return all.Bytes(), n, err
}

// look reads body through and returns what it leaves of the room left. It comes
// before body is joined to others: nothing can be taken back from a compressor.
func look(body []byte, left int64) (int64, error) {
	n, err := inflate(io.Discard, body, left)
	return left - n, err
}

// unreadable is the refusal of a file that can't be read, which would keep the
// others from being sent. Want of files or memory passes.
func unreadable(f spoolFile, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM):
		return fmt.Errorf("read %s: %w", f.name, err)
	}
	return &refusal{reason: fmt.Sprintf("read %s: %v", f.name, err)}
}

var errLarge = errors.New("inflates to more than a request may hold")

// inflate writes what body holds to to, and returns how much that is.
func inflate(to io.Writer, body []byte, most int64) (int64, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(to, io.LimitReader(z, most+1))
	if err == nil && n > most {
		err = errLarge
	}
	return n, err
}

func deflate(body []byte) ([]byte, error) {
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	var b bytes.Buffer
	z.Reset(&b)
	if _, err := z.Write(body); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// zippers are kept, being close to a megabyte each.
var zippers = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil { // a level that isn't one
		panic(err)
	}
	return z
}}
