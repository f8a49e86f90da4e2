package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// What this machine lacks is ours at every stage, also where it is seen at the
// deadline.
func TestOwnLackIsNeverTheTargets(t *testing.T) {
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	stages := map[string]func(context.Context, error) error{
		"dns": resolving.failure, "connect": connectFailure, "tls": handshaking.failure, "http": asking.failure, "body": draining.failure,
	}
	for name, failure := range stages {
		for _, errno := range []syscall.Errno{
			syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.EAGAIN,
		} {
			err := fmt.Errorf("wrapped: %w", &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", errno)})
			for _, ctx := range []context.Context{t.Context(), late} {
				if f := probes.AsFailure(failure(ctx, err)); f.Code != probes.LocalResources {
					t.Errorf("%s, %v: %s", name, errno, f.Code)
				}
			}
		}
	}
}

// A hosts file that no file is left to read by is not one without the name.
func TestNamesWithoutFilesToReadBy(t *testing.T) {
	path := t.TempDir() + "/file"
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	lack := &os.PathError{Op: "open", Path: path, Err: syscall.EMFILE}
	hosts, conf := hostsFile.path, hostsFile.parse
	defer func() { hostsFile.path, hostsFile.parse, hostsFile.size = hosts, conf, -1 }()
	hostsFile.path, hostsFile.size = path, -1
	hostsFile.parse = func(string) (map[string][]netip.Addr, error) { return nil, lack }

	n, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = n.resolve(t.Context(), probes.NewStep("hop"), "only-in-hosts.test")
	if f, ok := errors.AsType[*probes.Failure](err); !ok || f.Code != probes.LocalResources {
		t.Errorf("got %v", err)
	}
}
