package probes

// Keys of step attributes. What OpenTelemetry's semantic conventions name is
// named by them (v1.43); tls.* and dns.* are in development there, which is
// why all keys stand in this one file. The rest is ours.
const (
	AttrMethod          = "http.request.method"
	AttrStatus          = "http.response.status_code"
	AttrResendCount     = "http.request.resend_count" // int, from the second hop on
	AttrBodySize        = "http.response.body.size"   // bytes as transferred
	AttrURL             = "url.full"                  // redacted unless the target says otherwise
	AttrServerAddress   = "server.address"
	AttrServerPort      = "server.port"
	AttrPeerAddress     = "network.peer.address"
	AttrPeerPort        = "network.peer.port"
	AttrProtocolVersion = "network.protocol.version" // 1.1 or 2
	AttrErrorType       = "error.type"               // the code
	AttrTLSVersion      = "tls.protocol.version"     // 1.2 or 1.3
	AttrTLSCipher       = "tls.cipher"
	AttrTLSNextProto    = "tls.next_protocol"
	AttrCertSubject     = "tls.server.subject"
	AttrCertIssuer      = "tls.server.issuer"
	AttrCertNotBefore   = "tls.server.not_before"  // RFC 3339
	AttrCertNotAfter    = "tls.server.not_after"   // RFC 3339
	AttrCertSHA256      = "tls.server.hash.sha256" // upper-case hex
	AttrDNSQuestion     = "dns.question.name"
	AttrDNSAnswers      = "dns.answers" // addresses
	AttrUserAgent       = "user_agent.original"
	AttrSyntheticType   = "user_agent.synthetic.type" // bot

	AttrStep       = "sonde.step"
	AttrTarget     = "sonde.target"
	AttrKind       = "sonde.kind"
	AttrService    = "sonde.service"
	AttrLabel      = "sonde.label." // prefix
	AttrOutcome    = "sonde.outcome"
	AttrCulprit    = "sonde.culprit"
	AttrCause      = "sonde.cause"
	AttrInterval   = "sonde.interval"  // seconds, float64
	AttrScheduled  = "sonde.scheduled" // RFC 3339
	AttrClockOff   = "sonde.clock_offset_ms"
	AttrConfirms   = "sonde.run.confirms"
	AttrURLHash    = "sonde.url.hash" // SHA-256 of the whole URL, first 16 hex digits
	AttrCritical   = "sonde.critical" // false where a failure here doesn't fail the run
	AttrFault      = "sonde.fault"    // what is at fault: a certificate's SHA-256, a zone
	AttrDetail     = "sonde.detail"   // a failure in words
	AttrTLSSubject = "sonde.tls.chain.subjects"
	AttrTLSIssuer  = "sonde.tls.chain.issuers"
	AttrTLSSHA256  = "sonde.tls.chain.sha256" // upper-case hex; the served chain, leaf first
	AttrTLSBegin   = "sonde.tls.chain.not_before"
	AttrTLSEnd     = "sonde.tls.chain.not_after"
	AttrTLSKeys    = "sonde.tls.chain.keys"        // such as "ECDSA P-256"
	AttrTLSSigned  = "sonde.tls.chain.signatures"  // such as "SHA256-RSA"
	AttrTLSPath    = "sonde.tls.verified.subjects" // the chain as verified, leaf first, root last
	AttrTLSPathSHA = "sonde.tls.verified.sha256"   // of the same; upper-case hex
	AttrTLSStores  = "sonde.tls.stores"            // verdicts of other trust stores: "name=ok", "name=tls_untrusted"
	AttrTLSGroup   = "sonde.tls.key_exchange"      // such as X25519MLKEM768
	AttrTLSStaple  = "sonde.tls.revocation"        // by the stapled OCSP response: good, revoked, unknown

	AttrFindings          = "sonde.findings" // four lists of one length
	AttrFindingSeverities = "sonde.finding_severities"
	AttrFindingHosts      = "sonde.finding_hosts"
	AttrFindingDetails    = "sonde.finding_details"

	AttrHopIndex    = "sonde.hop.index"
	AttrHopCount    = "sonde.hop.count"
	AttrHopRole     = "sonde.hop.role"      // prefix, ad_insertion, origin, cdn, unknown
	AttrHopService  = "sonde.hop.service"   // who runs it, as far as lists of prefixes and hosts tell, such as Podtrac
	AttrHopPrevious = "sonde.hop.previous"  // host of the hop before
	AttrLocation    = "sonde.hop.location"  // where it redirects to, redacted like url.full
	AttrWaited      = "sonde.hop.waited_ms" // float64: for a turn by our own limits, before the host was asked

	AttrDNSChain    = "sonde.dns.chain"
	AttrDNSServer   = "sonde.dns.server"   // the resolver that answered
	AttrDNSAttempts = "sonde.dns.attempts" // questions sent for one kind of record
	AttrDNSTTL      = "sonde.dns.ttl"      // seconds, the smallest of the answer

	AttrCDNName  = "sonde.cdn.name"  // in one vocabulary, such as cloudfront
	AttrCDNEdge  = "sonde.cdn.edge"  // where the edge stands or what it is called, such as FRA56-P1
	AttrCDNCache = "sonde.cdn.cache" // hit, miss, expired, stale, revalidated, bypass, dynamic
	AttrCDNAge   = "sonde.cdn.age"   // seconds, of the header Age

	AttrThroughput = "sonde.body.throughput" // bytes a second, of the body alone
	AttrRetryAfter = "sonde.retry_after"     // seconds the server asks to wait
	AttrETag       = "sonde.etag"
	AttrEncoding   = "sonde.content_encoding"

	AttrMediaCodec   = "sonde.media.codec"         // as ffprobe names it, such as vorbis
	AttrMediaType    = "sonde.media.type"          // media type by the bytes
	AttrMediaBitrate = "sonde.media.bitrate"       // bit/s
	AttrMediaSeconds = "sonde.media.audio_seconds" // float64: of sound in the bytes that came
	AttrMediaLength  = "sonde.media.duration"      // float64: seconds of the whole file, as far as its head tells
	AttrMediaRate    = "sonde.media.sample_rate"   // Hz
	AttrMediaChans   = "sonde.media.channels"      // int
	AttrMediaFrames  = "sonde.media.frames"        // int: frames found and checked
	AttrMediaFlaws   = "sonde.media.flaws"         // what players step over, in words
	AttrMediaBox     = "sonde.media.container"     // such as mp4, ogg
	AttrMediaStartup = "sonde.media.startup_ms"    // float64: from the first byte asked for until what is decoded had come
	AttrContentType  = "sonde.content_type"
	AttrContentRange = "sonde.content_range"

	AttrAssetRole      = "sonde.asset.role" // stylesheet, script, image, font, …
	AttrAssetBlocking  = "sonde.asset.blocking"
	AttrAssetThird     = "sonde.asset.third_party" // bool: of another registrable domain than the page
	AttrAssetInitiator = "sonde.asset.initiator"   // redacted URL of what refers to it
	AttrAssetsSkipped  = "sonde.page.assets_skipped"
	AttrAssetsIgnored  = "sonde.page.assets_ignored" // int: left as the target asks
	AttrPageTitle      = "sonde.page.title"
	AttrPageAssert     = "sonde.page.assert" // what is asserted, in words

	// On the root of a page, of its document and assets.
	AttrPageAssets       = "sonde.page.assets"         // int
	AttrPageFailed       = "sonde.page.assets_failed"  // int
	AttrPageFirstPaint   = "sonde.page.first_paint_ms" // float64: until the document and all that blocks rendering were in; an estimate
	AttrPageRequests     = "sonde.page.requests"       // int, redirects included
	AttrPageBytes        = "sonde.page.bytes"          // int, as transferred
	AttrPageHeaviest     = "sonde.page.heaviest_host"  // that most bytes came from
	AttrPageHeaviestSize = "sonde.page.heaviest_host_bytes"
	AttrPageSlowest      = "sonde.page.slowest_host"    // that rendering waited for longest
	AttrPageSlowestTime  = "sonde.page.slowest_host_ms" // float64: while something that rendering waits for was on its way from there

	AttrFeedItems      = "sonde.feed.items"
	AttrFeedEnclosures = "sonde.feed.enclosures"
	AttrFeedGUID       = "sonde.feed.guid"
	AttrFeedTitle      = "sonde.feed.title"
	AttrFeedPublisher  = "sonde.feed.publisher"
	AttrFeedFormat     = "sonde.feed.format"    // rss 2.0, atom 1.0, …
	AttrFeedHosts      = "sonde.feed.hosts"     // "host=enclosures", the 20 commonest
	AttrFeedNewest     = "sonde.feed.newest"    // RFC 3339, of the newest item
	AttrFeedUnchanged  = "sonde.feed.unchanged" // true where the bytes were those of the run before
	AttrFeedLive       = "sonde.feed.live"      // live items, which are no episodes: "status=number"
	AttrFeedMedia      = "sonde.feed.media"     // int: media:content elements, which are no enclosures
	AttrFeedAlternates = "sonde.feed.alternate_enclosures"
	AttrFeedSources    = "sonde.feed.alternate_sources" // int: podcast:source in these
	AttrFeedSums       = "sonde.feed.integrities"       // int: podcast:integrity in these
	AttrEpisodeGUID    = "sonde.episode.guid"
	AttrEpisodeTitle   = "sonde.episode.title"

	// Of the resource: who observed.
	AttrServiceName     = "service.name"
	AttrServiceVersion  = "service.version"
	AttrServiceInstance = "service.instance.id"
	AttrRegion          = "sonde.region"
	AttrLatitude        = "geo.location.lat"
	AttrLongitude       = "geo.location.lon"

	// On a heartbeat, the root span "agent".
	AttrAgent           = "sonde.agent." // prefix
	AttrAgentVersion    = "sonde.agent.version"
	AttrAgentConfig     = "sonde.agent.config_version"
	AttrAgentTargets    = "sonde.agent.targets"
	AttrAgentMissed     = "sonde.agent.missed_runs"
	AttrAgentLateness   = "sonde.agent.lateness_ms"
	AttrAgentInFlight   = "sonde.agent.in_flight"
	AttrAgentSpoolBytes = "sonde.agent.spool_bytes"
	AttrAgentSpoolAge   = "sonde.agent.spool_age_s"
	AttrAgentDropped    = "sonde.agent.dropped"
	AttrAgentPaused     = "sonde.agent.paused"    // string array: targets not probed now, by pause or maintenance
	AttrAgentLoad       = "sonde.agent.load"      // double: the machine's load average over a minute, a CPU
	AttrAgentCPU        = "sonde.agent.cpu"       // double: CPU seconds that the agent used, a second
	AttrAgentMemory     = "sonde.agent.memory"    // int: bytes of memory the agent holds
	AttrAgentWitnesses  = "sonde.agent.witnesses" // string array on the step "witness": "address=ok" or "address=what is wrong"
	AttrAgentTimers     = "sonde.agent.timers_ms" // int: how late the agent's own timers came, at most, since the last heartbeat
	AttrAgentStarted    = "sonde.agent.started"   // RFC 3339
)
