package main

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// An explanation is what the line of a step says besides its label.
type explanation struct {
	style  style
	code   string // why it failed, where no step below says so
	detail string
	facts  []string
}

func explain(s *probes.Step) explanation {
	e := explanation{style: markStyle(s), facts: append(found(s), facts(s)...)}
	if s.Fail == nil || inherits(s) {
		return e
	}
	e.code = string(s.Fail.Code)
	e.detail, _, _ = strings.Cut(s.Fail.Detail, "\n") // a panic's stack is in --json
	e.detail = printable(e.detail)
	if s.Attrs[probes.AttrCritical] == false && e.code != "" {
		e.detail += " (doesn't fail the run)"
	}
	return e
}

// found returns the codes of the warnings at s, each once. Notices are only
// listed below the tree.
func found(s *probes.Step) (codes []string) {
	count := map[string]int{}
	for _, f := range s.Findings {
		code := string(f.Code)
		if !f.Warns() {
			continue
		}
		if count[code]++; count[code] == 1 {
			codes = append(codes, code)
		}
	}
	for i, code := range codes {
		if n := count[code]; n > 1 {
			codes[i] = fmt.Sprintf("%s ×%d", code, n)
		}
	}
	return codes
}

// inherits reports whether s failed by what a step below it says already.
func inherits(s *probes.Step) bool {
	return slices.ContainsFunc(s.Steps, func(c *probes.Step) bool {
		return c.Fail != nil && c.Fail.Code == s.Fail.Code
	})
}

// markStyle is how much a step has to be looked at: red where it failed,
// yellow where that fails nothing or where it has a warning.
func markStyle(s *probes.Step) style {
	switch {
	case s.Name == "assets" && s.Fail == nil:
		return green
	case s.Fail != nil && s.Attrs[probes.AttrCritical] == false:
		return yellow
	case s.Fail != nil:
		return red
	case slices.ContainsFunc(s.Findings, probes.Finding.Warns):
		return yellow
	}
	return plain
}

// label returns a step's mark and name; of a hop and an asset what is fetched.
func label(s *probes.Step) string {
	name := s.Name
	switch url := printable(s.Text(probes.AttrURL)); {
	case s.Name == "hop" && url != "":
		name = cmp.Or(s.Text(probes.AttrMethod), "GET") + " " + url
		if status := s.Int(probes.AttrStatus); status != 0 {
			name += " → " + strconv.Itoa(status)
		}
	case s.Name == "asset":
		name = strings.Join(slices.DeleteFunc([]string{"asset", assetWord(s), url}, isEmpty), " ")
	case s.Name == "link":
		name = strings.TrimSpace("link " + url)
	}
	switch {
	case s.Fail != nil:
		return "✗ " + name
	case markStyle(s) == yellow:
		return "! " + name
	}
	return name
}

func assetWord(s *probes.Step) string {
	role := printable(s.Text(probes.AttrAssetRole))
	if s.Attrs[probes.AttrAssetBlocking] == true {
		return strings.TrimSpace("blocking " + role)
	}
	return role
}

// labelWidth is how wide the labels of siblings that have facts are.
func labelWidth(all []branch) (width int) {
	for _, b := range all {
		if len(b.step.Steps) == 0 && b.step.Name != "asset" && b.step.Name != "assets" && b.step.Name != "link" && b.step.Name != "hop" {
			width = max(width, textWidth(b.label))
		}
	}
	return width
}

// facts returns what tells most about a step, by its word.
func facts(s *probes.Step) []string {
	var all []string
	switch s.Name {
	case "dns":
		all = dnsFacts(s)
	case "connect":
		all = []string{peer(s)}
	case "tls":
		all = tlsFacts(s)
	case "request":
		all = requestFacts(s)
	case "body":
		all = bodyFacts(s)
	case "hop":
		all = hopFacts(s)
	case "parse":
		all = parseFacts(s)
	case "episode":
		all = []string{quoted(cmp.Or(s.Text(probes.AttrEpisodeTitle), s.Text(probes.AttrEpisodeGUID)))}
	case "decode":
		all = mediaFacts(s)
	case "assert":
		all = []string{s.Text(probes.AttrPageAssert)}
	}
	for i := range all {
		all[i] = printable(all[i])
	}
	return slices.DeleteFunc(all, isEmpty)
}

func isEmpty(s string) bool { return s == "" || s == "unknown" }

func dnsFacts(s *probes.Step) []string {
	answers := texts(s, probes.AttrDNSAnswers)
	if s.Fail != nil || len(answers) == 0 {
		return []string{s.Text(probes.AttrDNSQuestion), byResolver(s)}
	}
	if chain := texts(s, probes.AttrDNSChain); len(chain) > 0 {
		answers = append([]string{"→ " + strings.Join(chain, " → ")}, answers...)
	}
	return slices.Clone(answers)
}

func byResolver(s *probes.Step) string {
	if server := s.Text(probes.AttrDNSServer); server != "" {
		return "asked " + server
	}
	return ""
}

func peer(s *probes.Step) string {
	addr := s.Text(probes.AttrPeerAddress)
	if port := s.Int(probes.AttrPeerPort); port != 0 && addr != "" {
		return net.JoinHostPort(addr, strconv.Itoa(port))
	}
	return addr
}

func tlsFacts(s *probes.Step) []string {
	subject, issuer, end := certificateAtFault(s)
	all := []string{lifetime(end, s.Start), commonName(subject)}
	for _, verdict := range texts(s, probes.AttrTLSStores) {
		if !strings.HasSuffix(verdict, "=ok") {
			all = append(all, verdict)
		}
	}
	if v := s.Text(probes.AttrTLSVersion); v != "" {
		all = append(all, "TLS "+v)
	}
	if issuer != "" {
		all = append(all, "by "+commonName(issuer))
	}
	return all
}

// certificateAtFault returns the leaf, or the member of the chain that made
// the handshake fail: it is often an intermediate that has expired.
func certificateAtFault(s *probes.Step) (subject, issuer, end string) {
	i := slices.Index(texts(s, probes.AttrTLSSHA256), s.Text(probes.AttrFault))
	subjects, issuers, ends := texts(s, probes.AttrTLSSubject), texts(s, probes.AttrTLSIssuer), texts(s, probes.AttrTLSEnd)
	if s.Fail != nil && i > 0 && i < min(len(subjects), len(issuers), len(ends)) {
		return subjects[i], issuers[i], ends[i]
	}
	return s.Text(probes.AttrCertSubject), s.Text(probes.AttrCertIssuer), s.Text(probes.AttrCertNotAfter)
}

// commonName shortens a distinguished name to its CN, where it has one.
func commonName(name string) string {
	for part := range strings.SplitSeq(name, ",") {
		if cn, ok := strings.CutPrefix(strings.TrimSpace(part), "CN="); ok {
			return cn
		}
	}
	return name
}

func lifetime(end string, now time.Time) string {
	t, err := time.Parse(time.RFC3339, end)
	if err != nil {
		return ""
	}
	if left := t.Sub(now); left >= 0 {
		return "expires in " + probes.Roughly(left)
	}
	return "EXPIRED " + probes.Roughly(now.Sub(t)) + " ago"
}

func requestFacts(s *probes.Step) []string {
	var all []string
	if status := s.Int(probes.AttrStatus); status != 0 {
		all = append(all, "status "+strconv.Itoa(status))
	}
	if v := s.Text(probes.AttrProtocolVersion); v != "" {
		all = append(all, "HTTP/"+v)
	}
	return all
}

func bodyFacts(s *probes.Step) []string {
	var all []string
	if _, ok := s.Attrs[probes.AttrBodySize]; ok {
		all = append(all, shortBytes(s.Int(probes.AttrBodySize)))
	}
	if rate := s.Int(probes.AttrThroughput); rate > 0 {
		all = append(all, shortBytes(rate)+"/s")
	}
	return append(all, s.Text(probes.AttrContentType), s.Text(probes.AttrContentRange))
}

// hopFacts say what the hop is for and who answered.
func hopFacts(s *probes.Step) []string {
	all := []string{s.Text(probes.AttrHopRole)}
	if name := s.Text(probes.AttrCDNName); name != "" {
		all = append(all, strings.Join(slices.DeleteFunc([]string{
			name, s.Text(probes.AttrCDNEdge), s.Text(probes.AttrCDNCache),
		}, isEmpty), " "))
	}
	if wait := s.Int(probes.AttrRetryAfter); wait > 0 {
		all = append(all, "asks to wait "+probes.Roughly(time.Duration(wait)*time.Second))
	}
	return append(all, s.Text(probes.AttrContentType))
}

func parseFacts(s *probes.Step) []string {
	all := []string{s.Text(probes.AttrFeedFormat)}
	for _, c := range []struct{ key, word string }{{probes.AttrFeedItems, "item"}, {probes.AttrFeedEnclosures, "enclosure"}} {
		if _, ok := s.Attrs[c.key]; ok {
			all = append(all, counted(s.Int(c.key), c.word))
		}
	}
	if newest, err := time.Parse(time.RFC3339, s.Text(probes.AttrFeedNewest)); err == nil && newest.Before(s.Start) {
		all = append(all, "newest "+probes.Roughly(s.Start.Sub(newest))+" ago")
	}
	if s.Attrs[probes.AttrFeedUnchanged] == true {
		all = append(all, "unchanged")
	}
	return append(all, quoted(cmp.Or(s.Text(probes.AttrFeedTitle), s.Text(probes.AttrPageTitle))))
}

func mediaFacts(s *probes.Step) []string {
	all := []string{cmp.Or(s.Text(probes.AttrMediaCodec), s.Text(probes.AttrMediaType))}
	if rate := s.Int(probes.AttrMediaBitrate); rate > 0 {
		all = append(all, fmt.Sprintf("%d kbit/s", (rate+500)/1000))
	}
	if hz := s.Int(probes.AttrMediaRate); hz > 0 {
		all = append(all, fmt.Sprintf("%g kHz", float64(hz)/1000), channels(s.Int(probes.AttrMediaChans)))
	}
	if secs, ok := s.Attrs[probes.AttrMediaSeconds].(float64); ok {
		all = append(all, fmt.Sprintf("%.1f s of audio", secs)+of(s))
	}
	if ms, ok := s.Attrs[probes.AttrMediaStartup].(float64); ok {
		all = append(all, "starts after "+shortDuration(time.Duration(ms*float64(time.Millisecond))))
	}
	return all
}

func channels(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "mono"
	case 2:
		return "stereo"
	}
	return counted(n, "channel")
}

// of says how long the whole file is, where that is known.
func of(s *probes.Step) string {
	if whole, ok := s.Attrs[probes.AttrMediaLength].(float64); ok && whole > 0 {
		return " of " + shortDuration(time.Duration(whole*float64(time.Second)))
	}
	return ""
}

func texts(s *probes.Step, key string) []string {
	list, _ := s.Attrs[key].([]string)
	return list
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return "“" + s + "”"
}
