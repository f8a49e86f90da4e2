package config

import (
	"fmt"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// rootProperties are the keys of a configuration.
func rootProperties() []property {
	return []property{
		{"hub", urlText, "URL of the hub that agents send to. Default: none; agents take --hub."},
		{"otlp", urlText, "URL of another OTLP/HTTP receiver that agents send to as well. Default: none, or what OTEL_EXPORTER_OTLP_* say."},
		{"timeout", period, timeoutAbout + " The same as in defaults."},
		{"user_agent", textValue, "What probes send as User-Agent, one line of ASCII. Default: " + wire.DefaultUserAgent + ", with contact in it."},
		{"contact", textValue, "URL, or mailto: and an address, where those who are asked can reach you; it stands in the User-Agent. Default: none."},
		{"limits", mapping(limitProperties()), "What hosts are asked for at most, over all runs of an agent. What is over is unknown, never a target's failure."},
		{"spool", mapping(spoolProperties()), "What waits on an agent's disk for each receiver that is away; what is over is dropped, the oldest first. From the agent's next start on."},
		{"defaults", mapping(defaultProperties()), "What targets have that don't say it themselves."},
		{"regions", byName(mapping(regionProperties())), "Where agents stand, by the names that they are started with. Default: any region."},
		{"region", textValue, "Region of the agent that reads this file. Default: none; agents take --region."},
		{"services", byName(mapping(nil)), "Groups of targets as the public knows them, in the order of pages. Default: those that targets name."},
		{"ca_file", textValue, "PEM file with roots to trust besides the system's, relative to this file. Default: none."},
		{"roots", schema{"type": "object", "additionalProperties": textValue, "maxProperties": MaxStores}, "PEM files with the roots of other clients, by name: certificates are judged by each as well. Default: none."},
		{"resolver", textValue, "DNS server, host:port, port 53 where left out. Default: the system's."},
		{"source", oneOf(textValue, list(textValue, 2)), "Address of this machine to bind to, or one of each IP family. Default: the system's choice."},
		{"allow_private", truth, "Go to private and loopback addresses too. Default: false."},
		{"witnesses", list(address, maxWitnesses), "Addresses, host:port, that an agent asks whether it is cut off itself. Default: none."},
		{"maintenance", list(mapping(append(windowProperties(), selectorProperties()...)), maxWindows), "Windows in which targets aren't probed. Default: none."},
		{"notify", list(required(mapping(notifyProperties()), "name", "url"), maxReceivers), "Who is told of incidents, by the hub that is started with this file; agents are served it without. Variables are the hub's. Default: nobody."},
		{"include", list(includeSchema(), maxIncludes), "Files whose targets come after those of this file. Default: none."},
		{"targets", schema{"type": []string{"array", "null"}, "items": targetSchema()}, "What is probed. Default: what include brings."},
	}
}

var (
	intervalAbout = "From the start of a run to the next, 1s or more. Default: " + durationWord(probes.DefaultInterval) + "."
	timeoutAbout  = "Bound on a whole run, 1ms or more. Default: " + durationWord(probes.DefaultTimeout) + "."
	confirmAbout  = "From a failed run to a second one that confirms it, 1s or more and less than the interval; 0: none. Default: " + durationWord(defaultConfirm) + " where that is less than half the interval."
)

func defaultProperties() []property {
	return []property{
		{"interval", period, intervalAbout},
		{"timeout", period, timeoutAbout},
		{"confirm", periodOrOff, confirmAbout},
		{"user_agent", textValue, "The same as at the root. Default: that."},
	}
}

func limitProperties() []property {
	return []property{
		{"run_bytes", size, "Bytes of bodies that one run reads. Default: " + sizeWord(wire.DefaultRunBytes) + "."},
		{"host_day_bytes", size, "Bytes read from one host in 24 hours. Default: no limit."},
		{"day_bytes", size, "Bytes read from all hosts in 24 hours. Default: no limit."},
		{"host_parallel", schema{"type": "integer", "minimum": 1, "maximum": 10_000}, fmt.Sprintf("Connections open at once to one host. Default: %d.", wire.DefaultHostParallel)},
		{"host_rate", number(wire.MinHostRate, 10_000), "Requests a second to one host. Default: no limit."},
	}
}

func spoolProperties() []property {
	return []property{
		{"bytes", size, "Bytes at most, 16 MiB or more. Default: " + sizeWord(DefaultSpool.Bytes) + "."},
		{"age", period, "Age at most, 1m or more. Default: " + durationWord(DefaultSpool.Age) + "."},
	}
}

func regionProperties() []property {
	return []property{
		{"name", textValue, "Name for people. Default: the key."},
		{"lat", number(-90, 90), "Latitude in degrees, with lon. Default: none, so that it is on no map."},
		{"lon", number(-180, 180), "Longitude in degrees, with lat. Default: none."},
	}
}

func windowProperties() []property {
	return []property{
		{"cron", textValue, "When a window begins: minute, hour, day of the month, month and weekday, such as \"30 2 * * sun\", or @daily and the like. Required, no default."},
		{"duration", period, "How long it lasts, 1m to 168h. Required, no default."},
		{"timezone", textValue, "Time zone of cron, such as Europe/Berlin. Default: UTC."},
	}
}

func selectorProperties() []property {
	const and = " A target must match each of the keys given. Default: all targets."
	return []property{
		{"targets", nameList, "Names of targets; * stands for any characters." + and},
		{"services", nameList, "Names of services; * stands for any characters." + and},
		{"labels", labelsValue, "Labels that targets have." + and},
	}
}

func includeProperties() []property {
	return []property{
		{"opml", textValue, "OPML file, such as podcast apps export, relative to this one. Default: none; an include has opml, urls or targets."},
		{"urls", textValue, "Text file of URLs, one a line, # begins a comment, a kind may stand before the URL; relative to this one. Default: none."},
		{"targets", textValue, "YAML file that is a list of targets, relative to this one. Default: none."},
		{"kind", schema{"type": "string", "enum": Kinds()}, "Kind of the targets that don't say theirs. Default: feed."},
	}
}

// commonProperties are the keys that targets of all kinds have.
func commonProperties() []property {
	return []property{
		{"name", textValue, fmt.Sprintf("Name, unique in the configuration, at most %d bytes. Default: host and path of the URL.", maxWord)},
		{"service", textValue, "Service that it belongs to. Default: none."},
		{"labels", labelsValue, fmt.Sprintf("Labels of your own, at most %d, recorded with every run. Default: none.", maxLabels)},
		{"interval", period, intervalAbout},
		{"timeout", period, timeoutAbout},
		{"confirm", periodOrOff, confirmAbout},
		{"paused", truth, "Don't probe it. Default: false."},
		{"maintenance", list(mapping(windowProperties()), maxWindows), "Windows in which it isn't probed, besides those of the root. Default: none."},
		{"regions", placeList, "Regions that probe it. Default: all; not together with except."},
		{"except", placeList, "Regions that don't probe it. Default: none."},
		{"record_query", truth, "Record URLs with user info and query values. Default: false, they are REDACTED."},
		{"secrets", schema{"type": "array", "items": schema{"type": "string", "minLength": probes.MinSecret}}, fmt.Sprintf("Texts of %d bytes or more that are never recorded, such as a path's token. Default: none.", probes.MinSecret)},
	}
}

// kindAbout says what the key of a kind holds.
var kindAbout = map[string]string{
	"feed":      "URL of a podcast feed, of which the newest episodes are listened to. No default.",
	"enclosure": "URL of an audio file. No default.",
	"page":      "URL of a page, of which all is fetched that a browser without scripts would. No default.",
}

// optionAbout says what the options of kinds are; the default stands there only
// where it is nothing that could be written. The path comes before the key.
var optionAbout = map[string]string{
	"addresses":   "one: connect as a client does; all: try each address of every host. Default: one.",
	"ip":          "4 or 6: connect over that version of IP alone; 0: both.",
	"x25519_only": "Offer X25519 alone for the key exchange: cheaper than browsers' hybrids, but not what they do.",

	"full":      "Fetch and decode the whole file.",
	"bytes":     "Size of the first range of audio asked for, 1 KiB to 16 MiB.",
	"seek":      "Ask for ranges further on, as players do.",
	"head":      "Ask by HEAD too.",
	"max_bytes": "Bytes read of a run at most.",

	"feed.episodes":       "Newest episodes to listen to, 0 to 100; 0: the feed only.",
	"feed.max_bytes":      "Size of the document at most, inflated.",
	"feed.stale_after":    "Warn where the newest episode is older, such as 36h or 14d. Default: never.",
	"enclosure.max_bytes": "Bytes read at most, with full.",
	"enclosure.integrity": "What the file must hash to, as Subresource Integrity writes it (sha384-…), with full. Default: none.",

	"page.max_assets":       "Assets fetched at most, 0 to 5000; 0: the document only.",
	"page.max_bytes":        "Bytes read in a run at most, document included.",
	"page.parallel":         "Fetches at a time from one host.",
	"page.assert":           "What the document must be; the page fails where one doesn't hold. At most 50. Default: none.",
	"page.links":            "How many of the document's links to its own site are tried, 0 to 100.",
	"page.ignore":           "Hosts whose assets are neither fetched nor counted: a name, or *.name for all below it. Default: none.",
	"page.first_party_only": "Leave out assets of other registrable domains.",
	"page.viewport":         "The screen that images, media queries and imports are chosen for.",

	"page.assert.selector":   "CSS selector: an element that matches is there. Default: none.",
	"page.assert.text":       "Text that is in the page, or in one of the elements selected; white space counts as one space. Default: none.",
	"page.assert.title":      "Text that is in the title. Default: none.",
	"page.assert.newer_than": "The newest timestamp is no older, such as 24h or 14d. Default: none.",
	"page.assert.attribute":  "Attribute in which timestamps stand. Default: datetime, content or the text.",

	"page.viewport.width":   "Width in pixels of CSS, 1 to 16384.",
	"page.viewport.height":  "Height in pixels of CSS, 1 to 16384.",
	"page.viewport.density": "Pixels of the screen to one of CSS, 0.5 to 8.",
}

// optionBounds are what the types of options don't say.
var optionBounds = map[string]schema{
	"addresses":        {"enum": []string{"one", "all"}},
	"ip":               {"enum": []int{0, 4, 6}},
	"episodes":         {"minimum": 0, "maximum": 100},
	"max_assets":       {"minimum": 0, "maximum": 5000},
	"parallel":         {"minimum": 1},
	"links":            {"minimum": 0, "maximum": 100},
	"assert":           {"maxItems": 50},
	"viewport.width":   {"minimum": 1, "maximum": 16384},
	"viewport.height":  {"minimum": 1, "maximum": 16384},
	"viewport.density": {"minimum": 0.5, "maximum": 8},
	"stale_after":      {"pattern": `^$|^[0-9]+(\.[0-9]+)?d$|^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$|` + hasVariable},
	"integrity":        {"pattern": `^$|^\s*sha(256|384|512)-|` + hasVariable},
}
