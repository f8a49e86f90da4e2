package wire_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// answering serves one answer, byte for byte, on each connection until the
// test ends, and returns its URL.
func answering(t *testing.T, answer string) string {
	t.Helper()
	return talking(t, func(c net.Conn) { io.WriteString(c, answer) })
}

// What can't be read is told without the secrets it may hold.
func TestUnreadableAnswersKeepSecrets(t *testing.T) {
	n := newNet(t, wire.Options{AllowPrivate: true})
	redirect := "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"
	for _, c := range []struct {
		answer string
		code   probes.Code
		told   string
	}{
		{fmt.Sprintf(redirect, "http://u:hunter2@[::1"), probes.RedirectLocation, `302 with Location "[::1"`},
		{fmt.Sprintf(redirect, "/%zz?token=hunter2"), probes.RedirectLocation, `302 with Location "/%zz"`},
		{fmt.Sprintf(redirect, "http://h:x/#hunter2"), probes.RedirectLocation, `302 with Location "http://h:x/"`},
		{fmt.Sprintf(redirect, "ftp://u:hunter2@h/?token=hunter2"), probes.RedirectLocation, "ftp://h/?token=REDACTED"},
		{fmt.Sprintf(redirect, "/x?token=hunter2\x01"), probes.HTTPOther, `malformed header line "Location"`},
		{"HTTP/1.1 200 OK\r\nhunter2 \x01: x\r\n\r\n", probes.HTTPOther, "malformed header line"},
		{"HTTP/1.1 2" + strings.Repeat("z", 100_000) + "\r\n\r\n", probes.HTTPOther, "malformed HTTP status code"},
	} {
		root := probes.NewStep("root")
		_, err := n.Fetch(t.Context(), root, wire.Request{URL: answering(t, c.answer), Keep: 1})
		f := probes.AsFailure(err)
		if f.Code != c.code || !strings.Contains(f.Detail, c.told) || len(f.Detail) > 1000 {
			t.Errorf("%.60q: got %s, %.300q; want %s, %q", c.answer, f.Code, f.Detail, c.code, c.told)
		}
		if strings.Contains(f.Detail, "=hunter2") || strings.Contains(f.Detail, ":hunter2") {
			t.Errorf("%.60q tells the secret: %s\n%s", c.answer, f.Detail, wiretest.Outline(root))
		}
	}
}
