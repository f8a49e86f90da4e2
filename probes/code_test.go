package probes_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/probes"
)

// published is every code by stage, in the order in which they came. Operators
// have them in alerts and the store has them in rows: append, never change.
const published = `
dns: dns_not_found dns_no_address dns_server dns_timeout dns_other
connect: connect_refused connect_timeout connect_unreachable connect_reset connect_other
tls: tls_expired tls_not_yet_valid tls_hostname tls_untrusted tls_revoked tls_alert tls_timeout tls_other
http: http_denied http_missing http_throttled http_status http_timeout http_reset http_other
redirect: redirect_loop redirect_limit redirect_location redirect_downgrade
body: body_empty body_truncated body_timeout body_slow body_size body_other
range: range_ignored range_wrong
feed: feed_syntax feed_empty feed_stale feed_enclosure feed_identity enclosure_moved
media: media_type media_undecodable media_truncated media_slow media_silent integrity_mismatch
page: page_blocking page_asset page_link page_assert
certificates: cert_expiring cert_chain_expired cert_store cert_weak
delivery: hop_count insecure_http length_mismatch type_mismatch address_failed
guard: guard_address
ours: guard_budget local_resources local_network canceled internal
`

func TestCodesAsPublished(t *testing.T) {
	var got strings.Builder
	stage := ""
	for _, c := range probes.Codes() {
		if s := c.Stage(); s != stage {
			got.WriteString("\n" + s + ":")
			stage = s
		}
		got.WriteString(" " + string(c))
	}
	if diff := cmp.Diff(published, got.String()+"\n"); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
}

// warnings and notices are what a finding with the code is; every code outside
// the lists and of no fault of ours fails a run.
const (
	warnings = " range_ignored range_wrong redirect_downgrade body_slow body_size feed_stale feed_identity" +
		" enclosure_moved media_truncated media_slow media_silent integrity_mismatch page_asset page_link" +
		" hop_count address_failed cert_chain_expired cert_store "
	notices = " cert_expiring cert_weak insecure_http length_mismatch type_mismatch "
)

func TestCodesEffect(t *testing.T) {
	for _, c := range probes.Codes() {
		word := " " + string(c) + " "
		var severity probes.Severity
		switch {
		case strings.Contains(warnings, word):
			severity = probes.Warning
		case strings.Contains(notices, word):
			severity = probes.Notice
		}
		ours := c.Stage() == "ours"
		if c.Severity() != severity || c.Ours() != ours || c.Fails() != (severity == "" && !ours) {
			t.Errorf("%s: got severity %q, ours %v, fails %v", c, c.Severity(), c.Ours(), c.Fails())
		}
	}
}

var (
	codeName = regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`)
	oneLine  = regexp.MustCompile(`^\S[^\n]{8,158}[^\s.]$`) // no full stop: it stands in the middle of lines
)

func TestCodesAreExplained(t *testing.T) {
	seen := map[probes.Code]bool{}
	told := map[string]probes.Code{}
	for _, c := range probes.Codes() {
		if seen[c] || !c.Known() {
			t.Errorf("%s: got it twice, or not known", c)
		}
		seen[c] = true
		if !codeName.MatchString(string(c)) && c != probes.Canceled && c != probes.Internal {
			t.Errorf("%s: want the form stage_reason", c)
		}
		for _, text := range []string{c.Explanation(), c.Advice()} {
			if !oneLine.MatchString(text) {
				t.Errorf("%s: got %q, want one line of text", c, text)
			}
			if told[text] != "" {
				t.Errorf("%s: says the same as %s: %q", c, told[text], text)
			}
			told[text] = c
		}
	}
}

// A store may hold codes of a newer version.
func TestCodeUnknown(t *testing.T) {
	c := probes.Code("quic_timeout")
	if c.Known() || c.Fails() || c.Ours() || c.Severity() != "" || c.Explanation() != "" || c.Advice() != "" {
		t.Errorf("got something known of %s", c)
	}
	if got := c.Stage(); got != "quic" {
		t.Errorf("got stage %q, want quic", got)
	}
}
