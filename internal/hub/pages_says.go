package hub

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// says picks what a reader wants to know of a step at first sight.
func says(step string, a map[string]any) string {
	switch step {
	case "hop":
		return hopSays(a)
	case "dns":
		return dnsSays(a)
	case "connect":
		return hostPort(text(a, probes.AttrPeerAddress), text(a, probes.AttrPeerPort))
	case "tls":
		return prefixed("TLS ", text(a, probes.AttrTLSVersion))
	case "request":
		return "to first byte"
	case "body":
		return sizeOf(a)
	case "asset":
		return strings.TrimSpace(text(a, probes.AttrAssetRole) + " " + lastPart(text(a, probes.AttrURL)))
	case "episode":
		return text(a, probes.AttrEpisodeTitle)
	case "parse":
		return parseSays(a)
	case "seek":
		return text(a, probes.AttrContentRange)
	case "decode":
		return cmp.Or(text(a, probes.AttrMediaCodec), text(a, probes.AttrMediaType))
	}
	return text(a, probes.AttrTarget)
}

func hopSays(a map[string]any) string {
	says := cmp.Or(text(a, probes.AttrMethod), "GET") + " " + text(a, probes.AttrServerAddress)
	if status := text(a, probes.AttrStatus); status != "" {
		says += " → " + status
	}
	if role := text(a, probes.AttrHopRole); role != "" && role != "unknown" {
		says += " (" + strings.ReplaceAll(role, "_", " ") + ")"
	}
	return says
}

func dnsSays(a map[string]any) string {
	says := text(a, probes.AttrDNSQuestion)
	if answers := texts(a[probes.AttrDNSAnswers]); len(answers) > 0 {
		says += " → " + answers[0]
		if len(answers) > 1 {
			says += fmt.Sprintf(" and %d more", len(answers)-1)
		}
	}
	return says
}

func parseSays(a map[string]any) string {
	items := text(a, probes.AttrFeedItems)
	if items != "" {
		items += " items"
	}
	title := cmp.Or(text(a, probes.AttrFeedTitle), text(a, probes.AttrPageTitle))
	return strings.Join(nonEmpty([]string{text(a, probes.AttrFeedFormat), title, items}), ", ")
}

func sizeOf(a map[string]any) string {
	n, err := strconv.ParseFloat(text(a, probes.AttrBodySize), 64)
	if err != nil {
		return ""
	}
	return size(n)
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func hostPort(host, port string) string {
	if host == "" || port == "" {
		return host
	}
	return net.JoinHostPort(host, port)
}

// lastPart of a URL is what people call the file by.
func lastPart(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return rawURL
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	return cmp.Or(path[strings.LastIndexByte(path, '/')+1:], u.Host)
}

// text is an attribute as a person reads it; "" where there is none.
func text(a map[string]any, key string) string {
	return strings.Join(texts(a[key]), ", ")
}

// texts is an attribute's values, one for each line. Numbers may have come by
// JSON and then are all float64.
func texts(v any) (lines []string) {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return []string{v}
	case []string:
		return v
	case []any:
		for _, one := range v {
			lines = append(lines, texts(one)...)
		}
		return lines
	case float64:
		return []string{strconv.FormatFloat(v, 'f', -1, 64)}
	}
	return []string{fmt.Sprint(v)}
}

func attributes(a map[string]any) (list []attribute) {
	for _, key := range slices.Sorted(maps.Keys(a)) {
		list = append(list, attribute{key, texts(a[key])})
	}
	return list
}

// A certificate is one of a served chain, read at the time of the run.
type certificate struct {
	Subject, Issuer, SHA256 string
	From, Until             time.Time
	Standing                string // "expired 3 h before this run"
	Bad                     bool   // it wasn't valid then
	Blamed                  bool   // the step failed because of it
}

// certificates reads the chain that a tls step noted, leaf first; where only
// the leaf was noted, that.
func certificates(a map[string]any, at time.Time) (chain []certificate) {
	subjects, issuers := texts(a[probes.AttrTLSSubject]), texts(a[probes.AttrTLSIssuer])
	from, until := texts(a[probes.AttrTLSBegin]), texts(a[probes.AttrTLSEnd])
	sums := texts(a[probes.AttrTLSSHA256])
	if len(subjects) == 0 {
		subjects, issuers = texts(a[probes.AttrCertSubject]), texts(a[probes.AttrCertIssuer])
		from, until = texts(a[probes.AttrCertNotBefore]), texts(a[probes.AttrCertNotAfter])
		sums = texts(a[probes.AttrCertSHA256])
	}
	for i := range max(len(subjects), len(until)) {
		c := certificate{
			Subject: nth(subjects, i), Issuer: nth(issuers, i), SHA256: nth(sums, i),
			From: moment(nth(from, i)), Until: moment(nth(until, i)),
		}
		c.Blamed = c.SHA256 != "" && c.SHA256 == text(a, probes.AttrFault)
		c.judge(at)
		chain = append(chain, c)
	}
	return chain
}

func (c *certificate) judge(at time.Time) {
	switch {
	case c.Until.IsZero():
	case at.After(c.Until):
		c.Standing, c.Bad = "expired "+span(at.Sub(c.Until))+" before this run", true
	case at.Before(c.From):
		c.Standing, c.Bad = "valid only "+span(c.From.Sub(at))+" after this run", true
	default:
		c.Standing = "valid for " + span(c.Until.Sub(at)) + " more"
	}
}

func nth(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// moment is the zero time where s can't be read.
func moment(s string) time.Time {
	t, _ := time.Parse(time.RFC3339, s)
	return t
}
