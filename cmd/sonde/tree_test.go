package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/probes"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

var epoch = time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC)

// step makes a finished step that began ms milliseconds after the run.
func step(name string, ms, took float64, attrs map[string]any, below ...*probes.Step) *probes.Step {
	if attrs == nil {
		attrs = map[string]any{}
	}
	return &probes.Step{
		Name: name, Start: epoch.Add(time.Duration(ms * 1e6)), Took: time.Duration(took * 1e6),
		Attrs: attrs, Steps: below,
	}
}

func failing(s *probes.Step, code probes.Code, detail string) *probes.Step {
	s.Fail = probes.AsFailure(probes.Fail(code, errors.New(detail)))
	return s
}

func finished(kind, url string, root *probes.Step) *probes.Run {
	return &probes.Run{
		Target: probes.Target{Name: probes.DefaultName(url), Kind: kind, URL: url},
		ID:     probes.TraceID{1, 2, 3}, Root: root, Verdict: probes.Judge(root),
	}
}

func certificate(days int) map[string]any {
	return map[string]any{
		probes.AttrTLSVersion: "1.3", probes.AttrCertSubject: "edge.example", probes.AttrCertIssuer: "CN=R11,O=Let's Encrypt,C=US",
		probes.AttrCertNotAfter: epoch.AddDate(0, 0, days).Format(time.RFC3339),
	}
}

func hop(host, path string, status int, ms float64, tls *probes.Step, more ...*probes.Step) *probes.Step {
	return step("hop", ms, tls.Took.Seconds()*1000+30, map[string]any{
		probes.AttrMethod: "GET", probes.AttrURL: "https://" + host + path, probes.AttrStatus: status, probes.AttrServerAddress: host,
	}, append([]*probes.Step{
		step("dns", ms, 12, map[string]any{probes.AttrDNSQuestion: host, probes.AttrDNSAnswers: []string{"192.0.2.7", "192.0.2.8"}}),
		step("connect", ms+12, 18, map[string]any{probes.AttrPeerAddress: "192.0.2.7", probes.AttrPeerPort: 443}),
		tls,
	}, more...)...)
}

func okRun() *probes.Run {
	return finished("enclosure", "https://prefix.example/1.mp3?token=secret", step("probe enclosure", 0, 412, nil,
		hop("prefix.example", "/1.mp3?token=REDACTED", 302, 0, step("tls", 30, 40, certificate(80)), step("request", 70, 30, map[string]any{
			probes.AttrStatus: 302, probes.AttrLocation: "https://edge.example/audio/1.mp3",
		})),
		hop("edge.example", "/audio/1.mp3", 206, 100, step("tls", 130, 40, certificate(80)),
			step("request", 170, 60, map[string]any{probes.AttrStatus: 206}),
			step("body", 230, 80, map[string]any{probes.AttrBodySize: int64(65536)})),
		step("decode", 310, 2.4, map[string]any{probes.AttrMediaCodec: "mp3", "sonde.media.bitrate": 128000, "sonde.media.audio_seconds": 4.1})))
}

func expiredRun() *probes.Run {
	attrs := certificate(-12)
	attrs[probes.AttrServerAddress] = "edge.example"
	attrs[probes.AttrFault] = "AA"
	tls := failing(step("tls", 130, 40, attrs), probes.TLSExpired, "x509: certificate has expired or is not yet valid: current time 2026-11-02T03:00:00Z is after 2026-10-21T03:00:00Z")
	second := failing(hop("edge.example", "/a/rather/long/path/as/they/come/season-4/episode-112.mp3", 0, 100, tls), probes.TLSExpired, tls.Fail.Detail)
	delete(second.Attrs, probes.AttrStatus)
	second.Steps[1].Findings = []probes.Finding{probes.Note(probes.InsecureHTTP, "edge.example", "")}
	root := step("probe enclosure", 0, 170, nil,
		hop("prefix.example", "/1.mp3", 302, 0, step("tls", 30, 40, certificate(2)), step("request", 70, 30, map[string]any{probes.AttrStatus: 302})), second)
	root.Steps[0].Steps[2].Findings = []probes.Finding{{Code: probes.CertExpiring, Severity: probes.Warning, Host: "prefix.example", Detail: "expires in 2 days"}}
	return finished("enclosure", "https://prefix.example/1.mp3", failing(root, probes.TLSExpired, tls.Fail.Detail))
}

// brokenPage has 63 assets, of which 41 fail: their host has no address.
func brokenPage() *probes.Run {
	roles := []string{"image", "script", "stylesheet"}
	root := step("probe page", 0, 900, nil, step("document", 0, 200, nil,
		hop("www.example.com", "/", 200, 0, step("tls", 30, 40, certificate(80))),
		step("parse", 190, 8, map[string]any{probes.AttrPageTitle: "The \x1b[31mShop"})))
	for i := range 63 {
		ms := 200 + float64(i*10)
		host := []string{"www.example.com", "static.example.net", "static.example.net"}[i%3]
		s := step("asset", ms, 50, map[string]any{
			probes.AttrAssetRole: roles[i%3], probes.AttrAssetBlocking: i == 2, probes.AttrCritical: i == 2,
			probes.AttrURL: fmt.Sprintf("https://%s/assets/%02d.bin", host, i),
		})
		if i%3 == 0 || i == 62 {
			s.Steps = []*probes.Step{hop(host, "/", 200, ms, step("tls", ms+30, 20, certificate(80)))}
		} else {
			dns := failing(step("dns", ms, 30, map[string]any{probes.AttrDNSQuestion: host, probes.AttrServerAddress: host, probes.AttrDNSServer: "10.0.0.53:53"}), probes.DNSNoAddress, "no A and no AAAA record")
			s.Steps = []*probes.Step{failing(step("hop", ms, 30, map[string]any{probes.AttrURL: s.Attrs[probes.AttrURL], probes.AttrServerAddress: host}, dns), probes.DNSNoAddress, dns.Fail.Detail)}
			failing(s, probes.DNSNoAddress, dns.Fail.Detail)
			root.Findings = append(root.Findings, probes.Note(probes.PageAsset, host, fmt.Sprintf("asset %d", i)))
		}
		root.Steps = append(root.Steps, s)
	}
	return finished("page", "https://www.example.com/", failing(root, probes.PageBlocking, "https://static.example.net/assets/02.bin"))
}

func TestDrawing(t *testing.T) {
	runs := map[string]*probes.Run{"ok": okRun(), "expired": expiredRun(), "page": brokenPage()}
	for name, run := range runs {
		t.Run(name, func(t *testing.T) {
			golden(t, name, treeView{width: 80}.draw(run))
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "tree_"+name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("drawing of %s (-want +got):\n%s", name, diff)
	}
}

// However wide the terminal, no line is wider unless a URL is, and none
// commands it.
func TestDrawingFits(t *testing.T) {
	for _, run := range []*probes.Run{okRun(), expiredRun(), brokenPage()} {
		for width := minimalWidth; width < 200; width += 7 {
			_, drawing, _ := strings.Cut(treeView{width: width}.draw(run), "\n")
			for line := range strings.Lines(drawing) {
				line = strings.TrimSuffix(line, "\n")
				if textWidth(line) > width && !strings.Contains(line, "   https://") {
					t.Errorf("%d columns in a terminal of %d: %q", textWidth(line), width, line)
				}
				if strings.ContainsRune(line, '\x1b') {
					t.Errorf("an escape sequence gets through: %q", line)
				}
			}
		}
	}
}

// Colour is all that it adds.
func TestPaintAddsColourOnly(t *testing.T) {
	plainText := treeView{width: 100}.draw(brokenPage())
	painted := treeView{width: 100, paint: true}.draw(brokenPage())
	for _, code := range []string{"1;31", "1", "2", "32", "33", "0"} {
		painted = strings.ReplaceAll(painted, "\x1b["+code+"m", "")
	}
	if diff := cmp.Diff(plainText, painted); diff != "" {
		t.Error(diff)
	}
}

func TestVerboseShowsEveryAsset(t *testing.T) {
	text := treeView{width: 120, verbose: true}.draw(brokenPage())
	for i := range 63 {
		if name := fmt.Sprintf("/assets/%02d.bin", i); !strings.Contains(text, name) {
			t.Errorf("no %s", name)
		}
	}
}

func TestDocumentKeepsTheTree(t *testing.T) {
	var b bytes.Buffer
	if err := writeJSON(&b, document(okRun())); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Count(b.String(), "\n"), 1; got != want {
		t.Errorf("lines: got %d, want %d", got, want)
	}
	doc := document(expiredRun())
	parents := map[string]bool{"": true}
	for _, s := range doc.Steps {
		if !parents[s.Parent] {
			t.Errorf("%s stands before its parent", s.Name)
		}
		parents[s.ID] = true
	}
	if got, want := len(doc.Steps), 11-1; got != want {
		t.Errorf("steps: got %d, want %d", got, want)
	}
	if doc.Findings == nil || document(okRun()).Findings == nil {
		t.Error("findings are null")
	}
	if doc.Steps[4].Attrs[probes.AttrFindings] == nil {
		t.Errorf("findings of a step are missing in %v", doc.Steps[4])
	}
}
