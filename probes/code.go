package probes

import (
	"fmt"
	"strings"
)

// A Code is why a step failed, or what a finding found: stage_reason, from a
// closed list to which codes are only ever appended.
type Code string

// The codes, by stage.
const (
	DNSNotFound  Code = "dns_not_found"
	DNSNoAddress Code = "dns_no_address"
	DNSServer    Code = "dns_server"
	DNSTimeout   Code = "dns_timeout"
	DNSOther     Code = "dns_other"

	ConnectRefused     Code = "connect_refused"
	ConnectTimeout     Code = "connect_timeout"
	ConnectUnreachable Code = "connect_unreachable"
	ConnectReset       Code = "connect_reset"
	ConnectOther       Code = "connect_other"

	TLSExpired     Code = "tls_expired"
	TLSNotYetValid Code = "tls_not_yet_valid"
	TLSHostname    Code = "tls_hostname"
	TLSUntrusted   Code = "tls_untrusted"
	TLSRevoked     Code = "tls_revoked"
	TLSAlert       Code = "tls_alert"
	TLSTimeout     Code = "tls_timeout"
	TLSOther       Code = "tls_other"

	HTTPDenied    Code = "http_denied"
	HTTPMissing   Code = "http_missing"
	HTTPThrottled Code = "http_throttled"
	HTTPStatus    Code = "http_status"
	HTTPTimeout   Code = "http_timeout"
	HTTPReset     Code = "http_reset"
	HTTPOther     Code = "http_other"

	RedirectLoop      Code = "redirect_loop"
	RedirectLimit     Code = "redirect_limit"
	RedirectLocation  Code = "redirect_location"
	RedirectDowngrade Code = "redirect_downgrade"

	BodyEmpty     Code = "body_empty"
	BodyTruncated Code = "body_truncated"
	BodyTimeout   Code = "body_timeout"
	BodySlow      Code = "body_slow"
	BodySize      Code = "body_size"
	BodyOther     Code = "body_other"

	RangeIgnored Code = "range_ignored"
	RangeWrong   Code = "range_wrong"

	FeedSyntax     Code = "feed_syntax"
	FeedEmpty      Code = "feed_empty"
	FeedStale      Code = "feed_stale"
	FeedEnclosure  Code = "feed_enclosure"
	FeedIdentity   Code = "feed_identity"
	EnclosureMoved Code = "enclosure_moved"

	MediaType         Code = "media_type"
	MediaUndecodable  Code = "media_undecodable"
	MediaTruncated    Code = "media_truncated"
	MediaSlow         Code = "media_slow"
	MediaSilent       Code = "media_silent"
	IntegrityMismatch Code = "integrity_mismatch"

	PageBlocking Code = "page_blocking"
	PageAsset    Code = "page_asset"
	PageLink     Code = "page_link"
	PageAssert   Code = "page_assert"

	CertExpiring     Code = "cert_expiring"
	CertChainExpired Code = "cert_chain_expired"
	CertStore        Code = "cert_store"
	CertWeak         Code = "cert_weak"

	HopCount       Code = "hop_count"
	InsecureHTTP   Code = "insecure_http"
	LengthMismatch Code = "length_mismatch"
	TypeMismatch   Code = "type_mismatch"
	AddressFailed  Code = "address_failed"

	GuardAddress Code = "guard_address"

	GuardBudget    Code = "guard_budget"
	LocalResources Code = "local_resources"
	LocalNetwork   Code = "local_network"
	Canceled       Code = "canceled"
	Internal       Code = "internal"
)

// A Severity is how much a finding matters.
type Severity string

// Warnings make a run degraded; notices change no outcome.
const (
	Warning Severity = "warning"
	Notice  Severity = "notice"
)

// What a code does to a run.
const (
	fails   = "fails"
	warning = string(Warning)
	notice  = string(Notice)
	ours    = "ours"
)

// A codeRow says all about a code that a person is told.
type codeRow struct {
	code                Code
	stage, effect       string
	explanation, advice string
}

var codeTable = []codeRow{
	{DNSNotFound, "dns", fails, "the name does not exist (NXDOMAIN)", "check the spelling, the delegation and whether the registration of the domain has lapsed"},
	{DNSNoAddress, "dns", fails, "the name exists but has no address (NOERROR, empty answer)", "restore the A and AAAA records; an automation may have withdrawn them"},
	{DNSServer, "dns", fails, "the resolver answered with an error (SERVFAIL, REFUSED …)", "ask the zone's name servers directly; check DNSSEC and the delegation"},
	{DNSTimeout, "dns", fails, "no resolver answered in time", "check that the zone's name servers are reachable; if every name times out, check this agent's resolver"},
	{DNSOther, "dns", fails, "the name could not be resolved", "read the detail; ask the resolver for the name by hand"},
	{ConnectRefused, "connect", fails, "nothing listens on the port", "check that the server runs and that a load balancer has healthy members"},
	{ConnectTimeout, "connect", fails, "the connection was not accepted in time", "check routes, firewalls and the server's accept queue at this address"},
	{ConnectUnreachable, "connect", fails, "there is no route to the address", "check routing and whether the address is still announced"},
	{ConnectReset, "connect", fails, "the connection was reset while it was made", "check firewalls and the load of the server at this address"},
	{ConnectOther, "connect", fails, "the connection could not be made", "read the detail; try the address by hand"},
	{TLSExpired, "tls", fails, "a certificate has expired", "renew the certificate on this host and reload every edge that serves it"},
	{TLSNotYetValid, "tls", fails, "a certificate is not valid yet", "check the certificate's start date and the clock of whoever issued it; serve the previous one until then"},
	{TLSHostname, "tls", fails, "the certificate is for another name", "serve a certificate that names this host; check SNI and the alias at the CDN"},
	{TLSUntrusted, "tls", fails, "the certificate leads to no trusted root", "serve the intermediates too; check that a public authority issued it"},
	{TLSRevoked, "tls", fails, "a certificate has been revoked", "replace the certificate and find out why it was revoked"},
	{TLSAlert, "tls", fails, "the server broke off the handshake with an alert", "check the server's protocol versions, ciphers, SNI and client certificate settings"},
	{TLSTimeout, "tls", fails, "the handshake did not end in time", "check the server's load and whether a middlebox drops large packets"},
	{TLSOther, "tls", fails, "the handshake failed", "read the detail; check that TLS is spoken on this port"},
	{HTTPDenied, "http", fails, "the server refuses us (401, 403, 451)", "check access rules, bot and country blocks; listeners there may be refused too"},
	{HTTPMissing, "http", fails, "there is nothing at this URL (404, 410)", "restore the file or mend the link that leads here"},
	{HTTPThrottled, "http", fails, "the server limits our rate (429)", "raise the interval, or the limit for this agent; listeners behind one address may meet it too"},
	{HTTPStatus, "http", fails, "the server answered with an error", "look at the server's or CDN's log for this request; the detail has the status"},
	{HTTPTimeout, "http", fails, "no answer came in time", "check the server behind the connection: load, upstream, deadlock"},
	{HTTPReset, "http", fails, "the connection ended before an answer", "check for crashes and time-outs of the server or of the proxy before it"},
	{HTTPOther, "http", fails, "the answer could not be read as HTTP", "read the detail; check what listens on this port"},
	{RedirectLoop, "redirect", fails, "redirects lead back to where they came from", "find the rule that points back, often http against https or a prefix configured twice"},
	{RedirectLimit, "redirect", fails, "there are more redirects than a client follows", "shorten the chain: remove prefixes, link to the final URL"},
	{RedirectLocation, "redirect", fails, "a redirect has no usable Location", "mend the rule that builds the Location header on this host"},
	{RedirectDowngrade, "redirect", warning, "a redirect leads from https to http", "let the redirect lead to https; some players refuse to follow it"},
	{BodyEmpty, "body", fails, "the answer has no content", "check the file at the origin and what the cache stored of it"},
	{BodyTruncated, "body", fails, "the content ended before its declared length", "check the origin and purge the cache; an upload or a cache fill was cut short"},
	{BodyTimeout, "body", fails, "the content stopped coming", "check the throughput and the load of the server and of the path to it"},
	{BodySlow, "body", warning, "the content comes slower than it is listened to", "check the throughput from this region; another edge may serve it better"},
	{BodySize, "body", warning, "the content is larger than the limit", "raise the limit for this target if the size is meant"},
	{BodyOther, "body", fails, "the content could not be read", "read the detail; check encoding and framing of the answer"},
	{RangeIgnored, "range", warning, "the server ignores ranges: it plays, but nobody can seek", "let server and CDN answer Range with 206; turn compression off for audio"},
	{RangeWrong, "range", warning, "the server answers another range than was asked", "check the CDN's range handling and purge the file"},
	{FeedSyntax, "feed", fails, "the feed is not well-formed", "run the feed through a validator; the detail has the place"},
	{FeedEmpty, "feed", fails, "the feed has no items", "check the generator of the feed; apps may drop all episodes"},
	{FeedStale, "feed", warning, "the feed has had no new item for longer than expected", "check that publishing works and that no cache serves an old copy"},
	{FeedEnclosure, "feed", fails, "an episode of the feed can't be fetched, or the feed offers none", "see the failing step below the episode; if the feed has no enclosures, add them"},
	{FeedIdentity, "feed", warning, "another show is served under this URL", "purge the cache; it mixes up feeds"},
	{EnclosureMoved, "feed", warning, "all enclosure URLs have changed at once", "if meant, expect every app to fetch anew; else restore the prefix or host"},
	{MediaType, "media", fails, "what is served is not audio", "look at what the URL delivers: an error page in place of the file, a login, a bad cache fill"},
	{MediaUndecodable, "media", fails, "the audio can't be decoded", "play the file; encode and upload it again"},
	{MediaTruncated, "media", warning, "the audio ends before its stated duration", "compare with the original; upload it again and purge the cache"},
	{MediaSlow, "media", warning, "the audio comes slower than it plays", "check the throughput from this region; listeners hear it stall"},
	{MediaSilent, "media", warning, "the audio is silent", "listen to the file; check the encoder's input"},
	{IntegrityMismatch, "media", warning, "the content is not what its checksum promises", "publish file and checksum together; purge the cache"},
	{PageBlocking, "page", fails, "a resource that blocks rendering can't be used: the page shows unstyled or not at all", "restore the resource named in the detail or take its reference from the head"},
	{PageAsset, "page", warning, "resources of the page can't be fetched", "see the failing assets; they are grouped by host"},
	{PageLink, "page", warning, "links of the page lead nowhere", "mend or remove the links in the detail"},
	{PageAssert, "page", fails, "the page isn't what its target asserts of it", "look at what is served: an error page, a login or an old copy; or correct the assertion"},
	{CertExpiring, "certificates", notice, "a certificate expires soon", "renew it before the date and reload every edge"},
	{CertChainExpired, "certificates", warning, "the served chain holds an expired certificate: modern clients pass, strict ones fail", "remove the expired certificate from the served chain"},
	{CertStore, "certificates", warning, "some clients' trust stores don't know the root", "serve a chain that older stores know, or accept to lose these clients"},
	{CertWeak, "certificates", notice, "a certificate is weakly signed or keyed", "reissue it with a current key and signature"},
	{HopCount, "delivery", warning, "the chain of redirects is longer than some clients follow", "remove prefixes until there are at most four redirects"},
	{InsecureHTTP, "delivery", notice, "the content travels over plain http", "serve and link it by https; some platforms refuse plain http"},
	{LengthMismatch, "delivery", notice, "the feed states another length than is served", "let the feed state the file's length; harmless with inserted advertisements"},
	{TypeMismatch, "delivery", notice, "the stated media type is not what the bytes are", "correct the Content-Type, or the type in the feed"},
	{AddressFailed, "delivery", warning, "one of the host's addresses fails", "take the address out of DNS or mend the server behind it"},
	{GuardAddress, "guard", fails, "the URL leads to an address that is not public", "mend the DNS record or redirect; to probe your own network use --allow-private"},
	{GuardBudget, "ours", ours, "the agent held back: a byte or rate budget of its own is used up, or the host asked it to wait (Retry-After)", "read the detail; raise the budget or the interval, or see why the host asked to wait in the runs before"},
	{LocalResources, "ours", ours, "the agent lacks sockets, files or CPU", "give the agent more, or fewer targets"},
	{LocalNetwork, "ours", ours, "the agent itself is cut off", "check the network of the agent; nothing is known of the target"},
	{Canceled, "ours", ours, "the run was stopped before it ended", "nothing to do: whoever ran it ended it"},
	{Internal, "ours", ours, "the prober made a mistake", "report it as a bug, with the detail"},
}

var codeIndex = func() map[Code]*codeRow {
	m := make(map[Code]*codeRow, len(codeTable))
	for i := range codeTable {
		m[codeTable[i].code] = &codeTable[i]
	}
	return m
}()

// Codes returns all codes in the order of their stages.
func Codes() []Code {
	all := make([]Code, len(codeTable))
	for i, r := range codeTable {
		all[i] = r.code
	}
	return all
}

func mustKnow(c Code) {
	if codeIndex[c] == nil {
		panic(fmt.Sprintf("probes: unknown code %q", c))
	}
}

func (c Code) row() codeRow {
	if r := codeIndex[c]; r != nil {
		return *r
	}
	return codeRow{code: c, stage: strings.SplitN(string(c), "_", 2)[0]}
}

// Known reports whether the code is in the list.
func (c Code) Known() bool { return codeIndex[c] != nil }

// Stage is where it happens: dns, connect, tls, http, redirect, body, range,
// feed, media, page, certificates, delivery, guard or ours.
func (c Code) Stage() string { return c.row().stage }

// Ours reports whether the fault is the prober's and says nothing about the
// target. Such a failure makes a run's outcome unknown.
func (c Code) Ours() bool { return c.row().effect == ours }

// Fails reports whether a critical step with this code fails the run.
func (c Code) Fails() bool { return c.row().effect == fails }

// Severity of a finding with this code; "" for codes that fail a run and for
// those of ours. cert_expiring is a notice here and a warning in its last
// three days.
func (c Code) Severity() Severity {
	switch r := c.row(); r.effect {
	case warning, notice:
		return Severity(r.effect)
	}
	return ""
}

// Explanation says in one line what the code means.
func (c Code) Explanation() string { return c.row().explanation }

// Advice says in one line what to do about it.
func (c Code) Advice() string { return c.row().advice }
