package store

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// On a full disk nothing is acknowledged that isn't there, and when there is
// room again it goes on.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("a small file system can't be mounted:", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	stored := 0
	for n := range 200 {
		r := run(n, time.Duration(n), probes.OK)
		r.Detail = strings.Repeat("x", 20_000)
		if s.Write(t.Context(), &Batch{Runs: []Run{r}}) == nil {
			stored++
		}
	}
	if stored == 0 || stored == 200 || s.Ready() == nil {
		t.Errorf("%d runs stored, ready %v", stored, s.Ready())
	}
	if err := syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, "size=20m"); err != nil {
		t.Fatal(err)
	}
	write(t, s, Batch{Runs: []Run{run(1000, 0, probes.OK)}})
	if err := errors.Join(s.Ready(), s.Close()); err != nil {
		t.Error(err)
	}
	if s, err = Open(dir, Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, err := s.Runs(t.Context(), around); err != nil || got.Total != stored+1 {
		t.Errorf("got %d runs and %v, want %d", got.Total, err, stored+1)
	}
}
