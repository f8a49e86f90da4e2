package feed

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"
)

// maxSample is how many items two versions of a feed are compared by.
const maxSample = 64

// A sample is the items of a feed with the smallest hashes: the same items of
// any version of it, wherever they stand. At its end it is in order.
type sample []sampled

type sampled struct {
	item  uint64
	place string // of its enclosure, "" for none
}

// add takes i where it belongs to the sample.
func (s *sample) add(i *item) {
	key := i.key()
	at, found := slices.BinarySearchFunc(*s, key, func(one sampled, key uint64) int { return cmp.Compare(one.item, key) })
	if found || at == maxSample {
		return
	}
	if len(*s) == maxSample {
		*s = (*s)[:maxSample-1]
	}
	*s = slices.Insert(*s, at, sampled{key, s.shared(place(i.main().URL))})
}

// shared is place as the sample has it already: most enclosures of a feed lead
// the same way, and a sample is kept for each target.
func (s *sample) shared(place string) string {
	for _, one := range *s {
		if one.place == place {
			return one.place
		}
	}
	return strings.Clone(place)
}

// common yields the places of the items that are in both.
func common(a, b sample) (pairs [][2]string) {
	for len(a) > 0 && len(b) > 0 {
		switch cmp.Compare(a[0].item, b[0].item) {
		case -1:
			a = a[1:]
		case +1:
			b = b[1:]
		default:
			pairs = append(pairs, [2]string{a[0].place, b[0].place})
			a, b = a[1:], b[1:]
		}
	}
	return pairs
}

// place is which hosts an enclosure's URL leads through, as far as the URL
// tells: the host, and those that its path names as prefixes do. What else is
// in a URL may change from one hour to the next.
func place(raw string) string {
	u, err := address(relative, raw)
	if err != nil {
		return ""
	}
	hosts := []string{u.Hostname()}
	if u.Host == relative.Host {
		hosts[0] = ownHost
	}
	segments := strings.Split(path.Dir(u.Path), "/")
	for _, segment := range segments {
		if segment = strings.ToLower(segment); named.MatchString(segment) && !extensions[path.Ext(segment)] && len(hosts) < 8 {
			hosts = append(hosts, segment)
		}
	}
	return strings.Join(hosts, " → ")
}

// named is a path's part that looks like a host's name.
var named = regexp.MustCompile(`^([a-z0-9-]{1,63}\.)+[a-z]{2,20}$`)

// extensions are ends of files' names that stand amid paths, as in
// dts.podtrac.com/redirect.mp3/….
var extensions = map[string]bool{
	".mp3": true, ".mp4": true, ".m4a": true, ".m4v": true, ".mov": true, ".aac": true, ".ogg": true, ".opus": true, ".wav": true, ".flac": true,
	".php": true, ".html": true, ".xml": true, ".json": true, ".asp": true, ".aspx": true, ".cgi": true,
}

// ownHost stands for the feed's own.
const ownHost = "the feed's host"
