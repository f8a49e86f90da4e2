package hub

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// Words says incidents as those would who use a service: they know shows,
// episodes and pages, and no code or host.
type words struct {
	targets map[string]api.TargetInfo
	region  func(string) string // its display name
}

// felt is what listeners and readers notice of what is served with a warning.
var felt = map[probes.Code]string{
	probes.RangeIgnored:      "can't be skipped through",
	probes.RangeWrong:        "can't be skipped through",
	probes.RedirectDowngrade: "can't be played in some apps",
	probes.HopCount:          "can't be played in some apps",
	probes.BodySlow:          "may stall",
	probes.MediaSlow:         "may stall",
	probes.MediaTruncated:    "may end early",
	probes.MediaSilent:       "may be silent",
	probes.IntegrityMismatch: "may be damaged",
	probes.FeedStale:         "may lack the newest episodes",
	probes.FeedIdentity:      "may show what belongs to another show",
	probes.PageAsset:         "may lack pictures or styles",
	probes.CertChainExpired:  "can't be reached from some older devices",
	probes.CertStore:         "can't be reached from some older devices",
}

// unnoticed are warnings that nobody feels who uses the service: they are for
// its operators.
var unnoticed = []probes.Code{
	probes.BodySize, probes.EnclosureMoved, probes.PageLink, probes.AddressFailed,
}

// broken is what failures mean that mean the same for whatever they hit.
var broken = map[probes.Code]string{
	probes.FeedSyntax:       "can't be read by apps",
	probes.FeedEmpty:        "can't be read by apps",
	probes.MediaType:        "can't be played",
	probes.MediaUndecodable: "can't be played",
}

// A noun is what a kind of target is to people.
type noun struct{ one, can string }

// nouns are by the kinds that are hit together.
var nouns = map[string]noun{
	"feed":           {"show", "can't be played"},
	"enclosure":      {"episode", "can't be downloaded"},
	"enclosure feed": {"episode", "can't be played"},
	"page":           {"page", "can't be opened"},
}

// public reports whether an incident is one for those who use a service: not
// what is wrong with our own probing, nor what they don't notice.
func public(i *api.Incident) bool {
	return len(i.Services) > 0 && plain(i)
}

// plain reports whether there are plain words for an incident.
func plain(i *api.Incident) bool {
	if ofOurs(i) {
		return false
	}
	return i.Severity != api.SeverityWarning || felt[i.Code] != ""
}

// ofOurs reports whether an incident is about our own probing.
func ofOurs(i *api.Incident) bool { return i.Scope == api.ScopeAgent || i.Code.Ours() }

// title is one line, without when. What has no plain words keeps its own.
func (w words) title(i *api.Incident) string {
	if !plain(i) {
		return i.Title
	}
	who := listed(i.Services, "services")
	if who == "" {
		who = "Other targets"
	}
	return who + ": " + w.what(i) + " " + w.where(i)
}

// what is how many of what can't be had how.
func (w words) what(i *api.Incident) string {
	kinds := w.kinds(i)
	n, known := nouns[strings.Join(kinds, " ")]
	can := w.can(i, n)
	hit, total := w.share(i, kinds)
	able, denied := strings.CutPrefix(can, "can't ") // none can, rather than all can't
	switch {
	case known && hit == 1 && total == 1:
		return "the " + n.one + " " + can
	case known && hit == 1:
		return "one " + n.one + " " + can
	case known && hit < total:
		return "some " + n.one + "s " + can
	case known && denied:
		return "no " + n.one + " can " + able
	case known:
		return "all " + n.one + "s " + can
	case hit < total || total == 0: // 0: of targets nothing is known
		return "some of it " + can
	case denied:
		return "none of it can " + able
	}
	return "all of it " + can
}

func (w words) can(i *api.Incident, n noun) string {
	if i.Severity == api.SeverityWarning {
		return felt[i.Code]
	}
	if says, ok := broken[i.Code]; ok {
		return says
	}
	if n.can == "" {
		return "can't be reached"
	}
	return n.can
}

// kinds are those of the targets that are hit, in order.
func (w words) kinds(i *api.Incident) (kinds []string) {
	for _, t := range i.Targets {
		kinds = include(kinds, w.targets[t].Kind)
	}
	slices.Sort(kinds)
	return kinds
}

// share is how many targets of these kinds the services have, as far as is
// known, and how many of them are hit.
func (w words) share(i *api.Incident, kinds []string) (hit, total int) {
	for _, t := range w.targets {
		if slices.Contains(kinds, t.Kind) && slices.Contains(i.Services, t.Service) {
			total++
			if slices.Contains(i.Targets, t.Name) {
				hit++
			}
		}
	}
	return hit, total
}

func (w words) where(i *api.Incident) string {
	if i.Scope == api.ScopeGlobal {
		return "in all regions"
	}
	names := make([]string, len(i.Regions))
	for n, r := range i.Regions {
		names[n] = w.region(r)
	}
	if i.Scope == api.ScopeSingle {
		return "as seen from " + listed(names, "regions") // which is all that is known
	}
	return "in " + listed(names, "regions")
}

// listed is "a", "a and b", "a, b and c", or how many where they are more.
func listed(all []string, what string) string {
	const most = 3
	switch n := len(all); {
	case n == 0:
		return ""
	case n == 1:
		return all[0]
	case n > most:
		return fmt.Sprintf("%d %s", n, what)
	default:
		return strings.Join(all[:n-1], ", ") + " and " + all[n-1]
	}
}
