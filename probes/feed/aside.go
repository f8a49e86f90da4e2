package feed

import (
	"fmt"
	"io"
	"os"

	"github.com/sonde-media/sonde/probes"
)

// An aside holds a document that is too large for memory until its hash tells
// whether it has to be parsed: in a file without a name, which is gone with
// the run whatever befalls it. The target's max_bytes bound it.
type aside struct {
	file *os.File
	size int64
}

// newAside returns nil where nothing can be put aside: no file can be made, or
// none that has lost its name is left in being.
func newAside() *aside {
	f, err := os.CreateTemp("", "sonde-feed-")
	if err != nil {
		return nil
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil
	}
	return &aside{file: f}
}

// Write takes the next bytes, all of them or none.
func (a *aside) Write(p []byte) (int, error) {
	if _, err := a.file.Write(p); err != nil {
		return 0, err
	}
	a.size += int64(len(p))
	return len(p), nil
}

// read calls f with what was put aside. That it can't be read back is no fault
// of the feed.
func (a *aside) read(f func(io.Reader)) error {
	r := &wary{r: io.NewSectionReader(a.file, 0, a.size)}
	f(r)
	if r.err != nil {
		return probes.Fail(probes.LocalResources, fmt.Errorf("read back what was put aside: %w", r.err))
	}
	return nil
}

func (a *aside) Close() error { return a.file.Close() }

// wary remembers what went wrong.
type wary struct {
	r   io.Reader
	err error
}

func (w *wary) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}
