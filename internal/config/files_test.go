package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An include that changes while it is read for the first time is read again:
// nobody looked at it before.
func TestFilesChangeAsTheyAreRead(t *testing.T) {
	dir := t.TempDir()
	main, list := filepath.Join(dir, "sonde.yaml"), filepath.Join(dir, "urls.txt")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(main, "include: [{urls: urls.txt}]\n")
	write(list, "https://a.example/\n")
	before := time.Now().Add(-time.Hour)
	if err := os.Chtimes(list, before, before); err != nil {
		t.Fatal(err)
	}
	reads := 0
	load := func() (*Config, error) {
		c, err := Load(main)
		if reads++; reads == 1 {
			write(list, "https://a.example/\nhttps://b.example/\n")
		}
		return c, err
	}
	f := NewFiles(main, time.Hour)
	c, err := f.Read(load)
	if err != nil || len(c.Targets) != 2 || reads != 2 {
		t.Fatalf("got %v after %d readings, %v", c, reads, err)
	}
	if f.Due(false) || !f.Due(true) {
		t.Error("what was read is due, or not where that is forced")
	}
	// What is old by its time is read once.
	if err := os.Chtimes(list, before, before); err != nil {
		t.Fatal(err)
	}
	reads = 1
	if _, err := NewFiles(main, time.Hour).Read(load); err != nil || reads != 2 {
		t.Errorf("read %d times, %v", reads-1, err)
	}
}
