package telemetry

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
)

// join makes one body of the first n of files, as many as fit and can be read,
// the first at least. It inflates and compresses them anew: gzip members end to
// end are valid, but not every receiver reads past the first.
func (d *destination) join(files []spoolFile) (body []byte, n int, err error) {
	var all bytes.Buffer
	for _, f := range files {
		before := all.Len()
		body, err = d.spool.read(f)
		if err == nil && (len(files) > 1 || f.found) { // what we wrote and read just now is sound
			err = inflate(&all, body)
		}
		if err != nil && n > 0 { // it begins the next request
			all.Truncate(before)
			break
		}
		n++
		if err != nil {
			return nil, n, unreadable(f, err)
		}
	}
	if n == 1 && len(files) == 1 {
		return body, n, nil
	}
	body, err = deflate(all.Bytes())
	return body, n, err
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

func inflate(to *bytes.Buffer, body []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return err
	}
	left := int64(maxInflated - to.Len())
	n, err := io.Copy(to, io.LimitReader(z, left+1))
	if err == nil && n > left {
		err = errLarge
	}
	return err
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

// zippers are kept, being a megabyte each.
var zippers = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil { // a level that isn't one
		panic(err)
	}
	return z
}}
