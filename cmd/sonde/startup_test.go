package main

import (
	"bytes"
	"context"
	"regexp"
	"sync"
	"testing"
)

// startUp runs `sonde up` until the test ends and returns the hub's URL, which
// it reads from what is printed.
func startUp(t *testing.T, config string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out := &urlFinder{found: make(chan string, 1)}
	var wg sync.WaitGroup
	wg.Go(func() {
		if code := run(ctx, []string{"up", "--config", config, "--listen", "127.0.0.1:0", "--data", t.TempDir()}, out, out); code != exitOK {
			t.Errorf("sonde up ended with %d: %s", code, out.text())
			out.find("http://ended")
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return <-out.found
}

// A urlFinder takes output and finds the first URL of the hub in it.
type urlFinder struct {
	mu    sync.Mutex // guards all
	all   bytes.Buffer
	found chan string
}

var hubURL = regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+`)

func (f *urlFinder) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all.Write(p)
	if m := hubURL.Find(f.all.Bytes()); m != nil {
		f.find(string(m))
	}
	return len(p), nil
}

func (f *urlFinder) find(url string) {
	select {
	case f.found <- url:
	default:
	}
}

func (f *urlFinder) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all.String()
}
