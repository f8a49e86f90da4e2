package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A deployment is an agent to be, as its file tells it.
type deployment struct {
	Name      string // of unit, project, set: a DNS label
	Region    string
	Hub       string // base URL, without a slash at its end
	Token     string // for the hub; "": none
	Image     string // of containers
	Binary    string // of units
	Namespace string // of Kubernetes; "": that of kubectl's context
}

// What names may look like. Kubernetes numbers pods and revisions behind the
// name of a set, so that it may be no longer than 52.
var (
	dnsLabel  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	imageName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]*$`)
	filePath  = regexp.MustCompile(`^(/[A-Za-z0-9._+-]+)+$`)
)

const (
	maxName   = 52
	maxRegion = 100
	maxURL    = 1024
	namePart  = "sonde-agent-"
)

// agentName is the name of a region's agent. Where the region has more than
// names may, a hash of it keeps two regions apart.
func agentName(region string) string {
	plain := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(region), "-"), "-")
	if plain != "" && plain == region && len(namePart+plain) <= maxName {
		return namePart + plain
	}
	sum := sha256.Sum256([]byte(region))
	tail := "-" + hex.EncodeToString(sum[:4])
	plain = plain[:min(len(plain), maxName-len(namePart+tail))]
	return strings.Trim(namePart+plain, "-") + tail
}

// check tells all that is wrong with d, by the flags that said it. What is
// printable and of one line can be quoted for each of the tools.
func (d *deployment) check() error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(d.Region == "", "--region NAME is needed")
	refuse(!oneLine(d.Region, maxRegion), "--region %.*q: want at most %d printable characters", maxRegion, d.Region, maxRegion)
	refuse(!dnsLabel.MatchString(d.Name) || len(d.Name) > maxName,
		"--name %.*q: want at most %d of a-z, 0-9 and - between them", maxName, d.Name, maxName)
	refuse(d.Namespace != "" && (!dnsLabel.MatchString(d.Namespace) || len(d.Namespace) > 63),
		"--namespace %.63q: want at most 63 of a-z, 0-9 and - between them", d.Namespace)
	refuse(d.Image != "" && (!imageName.MatchString(d.Image) || len(d.Image) > 255),
		"--image %.255q: want the name of an image, such as registry.example.org/sonde:v1", d.Image)
	refuse(d.Binary != "" && !filePath.MatchString(d.Binary),
		"--binary %.255q: want a path from the root, of letters, digits and ._+-", d.Binary)
	if err := checkHub(d.Hub); err != nil {
		errs = append(errs, fmt.Errorf("--hub: %w", err))
	}
	return errors.Join(errs...)
}

// checkHub takes the URLs of hubs. It doesn't repeat a text that isn't one:
// a password may be in it.
func checkHub(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || !oneLine(text, maxURL) || strings.ContainsRune(text, ' '):
		return errors.New("not a URL, such as https://hub.example.org")
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return errors.New("want a URL with http or https and a host, such as https://hub.example.org")
	case u.User != nil:
		return errors.New("leave the user info out of the URL: the token is told otherwise, see --help")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("want the hub's base URL, without query and fragment")
	}
	return nil
}

// checkToken takes what can stand in a header, and wants a token where the
// hub asks for one.
func (d *deployment) checkToken() error {
	switch {
	case d.Token == "" && !d.local():
		return errors.New("which token? set SONDE_TOKEN, give --token-file FILE, or --data DIR of the hub's data on its machine")
	case !oneLine(d.Token, maxTokenBytes) || strings.TrimSpace(d.Token) != d.Token:
		return fmt.Errorf("the token: want one line of at most %d printable characters", maxTokenBytes)
	}
	return nil
}

// oneLine reports whether text is valid, of one line and bounded. Marks that
// turn the direction of writing aren't printable: they make a file look other
// than it is.
func oneLine(text string, most int) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= most &&
		!strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// local reports whether the hub is one that this machine alone reaches.
func (d *deployment) local() bool {
	u, err := url.Parse(d.Hub)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// notes are what an operator should know besides.
func (d *deployment) notes(p platform, source string) (notes []string) {
	note := func(is bool, text string) {
		if is {
			notes = append(notes, text)
		}
	}
	note(d.Token != "", "the file holds a token, "+source+": keep it where you alone can read it")
	note(source == ofEnvironment, "that token may do more than an agent needs; "+
		"on the hub's machine, --data DIR issues one bound to the region")
	note(strings.HasPrefix(d.Hub, "http:") && !d.local(), "--hub "+d.Hub+": by http the token travels in the clear; use https, or a network you trust")
	note(d.local() && p.contained, "--hub "+d.Hub+": within a container that is the container itself; name an address by which others reach the hub")
	return notes
}
