package wire

import (
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// The system's own files; each lookup sees them as they are.
var (
	hostsFile  = fileCache[map[string][]netip.Addr]{path: "/etc/hosts", parse: parseHosts}
	resolvConf = fileCache[*dns.ClientConfig]{path: "/etc/resolv.conf", parse: dns.ClientConfigFromFile}
)

// A fileCache holds what a file says, and reads it again when the file has
// changed. What it returns is shared, and not to be changed.
type fileCache[T any] struct {
	path  string
	parse func(path string) (T, error)

	mu    sync.Mutex // guards what follows
	size  int64
	time  time.Time // of the last change; zero: not read
	value T
}

func (f *fileCache[T]) read() (value T, err error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return value, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.size == info.Size() && f.time.Equal(info.ModTime()) {
		return f.value, nil
	}
	if f.value, err = f.parse(f.path); err != nil {
		return value, err
	}
	f.size, f.time = info.Size(), info.ModTime()
	return f.value, nil
}

// parseHosts reads addresses by name in lower case, as hosts(5) has them.
func parseHosts(path string) (map[string][]netip.Addr, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	hosts := map[string][]netip.Addr{}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		a, err := netip.ParseAddr(words[0])
		if err != nil {
			continue
		}
		for _, name := range words[1:] {
			name = plainName(name)
			hosts[name] = append(hosts[name], a)
		}
	}
	return hosts, nil
}

// plainName is a host name in lower case without the dot of the root.
func plainName(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }
