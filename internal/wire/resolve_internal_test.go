package wire

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

func TestFault(t *testing.T) {
	for _, c := range []struct {
		what       string
		chain      []string
		zone, name string
		want       string
	}{
		{"no record in a zone", nil, "pod.example.", "cdn.pod.example.", "pod.example"},
		{"the zone itself", nil, "pod.example.", "pod.example.", "pod.example"},
		{"a domain that lapsed", nil, "com.", "feeds.pod.com.", "pod.com"},
		{"a domain that lapsed, below two labels", nil, "co.uk.", "feeds.pod.co.uk.", "pod.co.uk"},
		{"denied by the root", nil, ".", "feeds.pod.invalid.", "feeds.pod.invalid"},
		{"a customer of a CDN", nil, "cloudfront.net.", "d123.cloudfront.net.", "d123.cloudfront.net"},
		{"an alias that leads nowhere", []string{"a.cdn.example", "b.cdn.example"}, "cdn.example.", "pod.example.", "b.cdn.example"},
		{"nobody answered", nil, "", "feeds.pod.example.", "feeds.pod.example"},
		{"the word of another zone", nil, "other.example.", "feeds.pod.example.", "pod.example"},
	} {
		if got := fault(c.chain, c.zone, c.name); got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, got, c.want)
		}
	}
}

// The cost holds what the server in the same process costs.
func BenchmarkResolve(b *testing.B) {
	n, err := New(Options{Resolver: wiretest.DNS(b, map[string][]string{"a.test": {"CNAME b.test"}, "b.test": {"127.0.0.1", "::1"}})})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.resolve(b.Context(), probes.NewStep("hop"), "a.test"); err != nil {
			b.Fatal(err)
		}
	}
}

// What the system's files say is asked first where no resolver is named.
func BenchmarkLocal(b *testing.B) {
	n, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		n.local("a.test")
		n.servers("a.test")
	}
}

// A file of the system is read again when it has changed.
func TestHostsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts")
	f := fileCache[map[string][]netip.Addr]{path: path, parse: parseHosts}
	if _, err := f.read(); err == nil {
		t.Error("a file that isn't there was read")
	}
	for text, want := range map[string]string{
		"":        "map[]",
		"junk\n#": "map[]",
		"192.0.2.1\tA.test. b # c\r\n::1 b\nx y\n": "map[a.test:[192.0.2.1] b:[192.0.2.1 ::1]]",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := f.read()
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%q: got %v, %v, want %s", text, got, err, want)
		}
	}
}
