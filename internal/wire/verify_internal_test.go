package wire

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

func served(t testing.TB, der ...[]byte) (list []*x509.Certificate) {
	t.Helper()
	for _, d := range der {
		c, err := x509.ParseCertificate(d)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// day0 is the present in these tests; days tells moments from there.
var day0 = time.Now().Truncate(time.Second)

func days(n float64) time.Time { return day0.Add(time.Duration(n * float64(day))) }

// What is known of one chain says nothing of another, of another name, of
// another time or of other roots.
func TestNothingRidesOnAKnownChain(t *testing.T) {
	ca, stranger := wiretest.NewCA(t), wiretest.NewCA(t)
	intermediate := &wiretest.Cert{NotAfter: days(20)}
	names := []string{"a.example", "*.b.example", "127.0.0.1"}
	cert := ca.Issue(t, wiretest.Cert{Names: names, NotAfter: days(40), Intermediate: intermediate})
	foreign := stranger.Issue(t, wiretest.Cert{Names: names, NotAfter: days(40), Intermediate: intermediate})
	good := served(t, cert.Certificate...)
	v := newVerifier(Options{Roots: ca.Pool})
	if _, err := v.verify(good, "a.example", day0); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		chain []*x509.Certificate
		host  string
		at    time.Time
		roots *x509.CertPool
		want  string
	}{
		{"the chain itself", good, "a.example", day0, ca.Pool, "ok"},
		{"a name of the wildcard", good, "x.b.example", day0, ca.Pool, "ok"},
		{"an address", good, "127.0.0.1", day0, ca.Pool, "ok"},
		{"another name", good, "c.example", day0, ca.Pool, "tls_hostname"},
		{"two labels below the wildcard", good, "x.y.b.example", day0, ca.Pool, "tls_hostname"},
		{"another address", good, "127.0.0.2", day0, ca.Pool, "tls_hostname"},
		{"an IPv6 address", good, "::1", day0, ca.Pool, "tls_hostname"},
		{"no name at all", good, "", day0, ca.Pool, "tls_hostname"},
		{"the intermediate's last second", good, "a.example", days(20), ca.Pool, "ok"},
		{"the intermediate has expired", good, "a.example", days(20).Add(time.Second), ca.Pool, "tls_expired"},
		{"the leaf has expired", good, "a.example", days(41), ca.Pool, "tls_expired"},
		{"the leaf has expired and has another name", good, "c.example", days(41), ca.Pool, "tls_expired"},
		{"the clock went back before it", good, "a.example", days(-31), ca.Pool, "tls_not_yet_valid"},
		{"a stranger's chain of the same names", served(t, foreign.Certificate...), "a.example", day0, ca.Pool, "tls_untrusted"},
		{"the leaf without its intermediate", good[:1], "a.example", day0, ca.Pool, "tls_untrusted"},
		{"the leaf with a stranger's intermediate", served(t, cert.Certificate[0], foreign.Certificate[1]), "a.example", day0, ca.Pool, "tls_untrusted"},
		{"a stranger's leaf with the intermediate", served(t, foreign.Certificate[0], cert.Certificate[1]), "a.example", day0, ca.Pool, "tls_untrusted"},
		{"other roots", good, "a.example", day0, stranger.Pool, "tls_untrusted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := v
			if c.roots != ca.Pool {
				w = newVerifier(Options{Roots: c.roots})
			}
			if got := outcome(w, c.chain, c.host, c.at); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got := outcome(v, good, "a.example", day0); got != "ok" { // still, after the refusals
				t.Errorf("the chain itself is %s now", got)
			}
		})
	}
}

func outcome(v *verifier, chain []*x509.Certificate, host string, now time.Time) string {
	_, err := v.verify(chain, host, now)
	if err == nil {
		return "ok"
	}
	code, _ := diagnose(chain, v.roots, err, now)
	return string(code)
}

// A chain is verified anew after an hour, and each time it is refused.
func TestHowLongAChainIsKnown(t *testing.T) {
	ca := wiretest.NewCA(t)
	cert := ca.Issue(t, wiretest.Cert{Names: []string{"a.example", "b.example"}, NotBefore: days(-1), NotAfter: days(1)})
	chain := served(t, cert.Certificate...)
	v := newVerifier(Options{Roots: ca.Pool})
	if got := outcome(v, chain, "a.example", days(-2)); got != "tls_not_yet_valid" {
		t.Errorf("before its time it is %s", got)
	}
	first, err := v.verify(chain, "a.example", day0)
	if err != nil {
		t.Fatal(err)
	}
	for after, same := range map[time.Duration]bool{
		0: true, time.Minute: true, -time.Minute: true, keepChain - time.Second: true,
		keepChain: false, -keepChain: false,
	} {
		again := v.known.get(digest(chain), day0.Add(after))
		if (again == first) != same {
			t.Errorf("%s later it is known: %v", after, again == first)
		}
	}
	if c, err := v.verify(served(t, cert.Certificate...), "b.example", day0.Add(time.Minute)); c != first || err != nil {
		t.Errorf("another host with the same chain: %v", err)
	}
	if c, err := v.verify(chain, "a.example", day0.Add(2*keepChain)); c == first || err != nil {
		t.Errorf("it is not verified anew: %v", err)
	}
}

// Whatever is known, the verdict is the one that would be found anew.
func TestKnownAgreesWithAnew(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	ca, old := wiretest.NewCA(t), wiretest.NewCA(t, wiretest.Cert{Names: []string{"Old Root"}, NotAfter: days(3)})
	roots := x509.NewCertPool()
	roots.AddCert(served(t, ca.Root())[0])
	roots.AddCert(served(t, old.Root())[0])
	o := Options{Roots: roots, Stores: []Store{{"old", old.Pool}, {"new", ca.Pool}}}
	v := newVerifier(o)
	cross := ca.Cross(t, old, wiretest.Cert{NotAfter: days(2)})
	var chains [][]*x509.Certificate
	for i := range 6 {
		c := wiretest.Cert{Names: []string{"a.example"}, NotBefore: days(-float64(i)), NotAfter: days(float64(i) / 2)}
		if i%2 == 0 {
			c.Intermediate = &wiretest.Cert{NotBefore: days(-2.5), NotAfter: days(1.5)}
		}
		cert := ca.Issue(t, c)
		chains = append(chains, served(t, cert.Certificate...), served(t, append(cert.Certificate, cross)...))
	}
	hits := 0
	for range 500 {
		chain := chains[random.IntN(len(chains))]
		now := day0.Add(time.Duration(random.IntN(14)-7) * 12 * time.Hour) // on the dates too
		if random.IntN(2) == 0 {
			now = now.Add(time.Duration(random.IntN(7)-3) * time.Second)
		}
		if v.known.get(digest(chain), now) != nil {
			hits++
		}
		got, want := told(v, chain, now), told(newVerifier(o), chain, now)
		if got != want {
			t.Fatalf("at %s: got %s, want %s", now.Sub(day0), got, want)
		}
	}
	if hits < 10 {
		t.Errorf("chains were known %d times only", hits)
	}
}

func told(v *verifier, chain []*x509.Certificate, now time.Time) string {
	c, err := v.verify(chain, "a.example", now)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(c.facts, c.findings("a.example", now))
}

// What strangers serve is kept in bounds, and what is asked for stays.
func TestKnownIsBounded(t *testing.T) {
	var k known
	entry := func() *chain {
		return &chain{
			served: []*x509.Certificate{{Raw: make([]byte, 32<<10)}},
			from:   days(-1), until: days(1),
		}
	}
	k.put([32]byte{1}, entry())
	for i := range 1000 {
		k.put([32]byte{2, byte(i), byte(i >> 8)}, entry())
		if k.get([32]byte{1}, day0) == nil {
			t.Fatalf("what is in use was dropped after %d", i)
		}
	}
	if n := len(k.young) + len(k.old); n > 2*knownBytes/(5*32<<10) {
		t.Errorf("%d chains are kept", n)
	}
	huge := &chain{served: []*x509.Certificate{{Raw: make([]byte, knownChain+1)}}, from: days(-1), until: days(1)}
	k.put([32]byte{3}, huge)
	if k.get([32]byte{3}, day0) != nil {
		t.Error("a huge chain is kept")
	}
}

func TestDigestTellsChainsApart(t *testing.T) {
	of := func(raws ...string) [32]byte {
		var list []*x509.Certificate
		for _, r := range raws {
			list = append(list, &x509.Certificate{Raw: []byte(r)})
		}
		return digest(list)
	}
	seen := map[[32]byte]bool{}
	for _, sum := range [][32]byte{of("ab", "c"), of("a", "bc"), of("abc"), of("c", "ab"), of("ab", "c", ""), of("ab", "c", "c")} {
		if seen[sum] {
			t.Error("two chains have the same digest")
		}
		seen[sum] = true
	}
}

// Each threshold is told, a warning from three days on.
func TestExpiryThresholds(t *testing.T) {
	ca := wiretest.NewCA(t)
	c := served(t, ca.Issue(t, wiretest.Cert{Names: []string{"a.example"}, NotAfter: days(60)}).Certificate...)[0]
	for _, tt := range []struct {
		left     float64
		severity probes.Severity
		ends     string
	}{
		{30.1, "", ""},
		{30, probes.Notice, "threshold: 30 days"},
		{14.1, probes.Notice, "threshold: 30 days"},
		{14, probes.Notice, "threshold: 14 days"},
		{7, probes.Notice, "threshold: 7 days"},
		{3.1, probes.Notice, "threshold: 7 days"},
		{3, probes.Warning, "threshold: 3 days"},
		{1.1, probes.Warning, "threshold: 3 days"},
		{1, probes.Warning, "threshold: 1 day"},
		{0, probes.Warning, "threshold: 1 day"},
	} {
		now := c.NotAfter.Add(-time.Duration(tt.left * float64(day)))
		f := expiring(c, true, "a.example", now)
		want := ""
		if tt.ends != "" {
			want = fmt.Sprintf("certificate of a.example by Test Root expires in %s, on %s (%s)", probes.Roughly(c.NotAfter.Sub(now)), stamp(c.NotAfter), tt.ends)
		}
		if f.Severity != tt.severity || f.Detail != want {
			t.Errorf("%v days: got %s %q, want %s %q", tt.left, f.Severity, f.Detail, tt.severity, want)
		}
	}
}

// Strangers' certificates are read without panic and in bounds.
func FuzzCertificates(f *testing.F) {
	ca := wiretest.NewCA(f)
	cert := ca.Issue(f, wiretest.Cert{Intermediate: &wiretest.Cert{}})
	f.Add(cert.Certificate[0], cert.Certificate[1])
	f.Add(cert.Certificate[0], ca.Root())
	f.Add(wiretest.SelfSigned(f, wiretest.Cert{}).Certificate[0], ca.Root())
	v := newVerifier(Options{Roots: ca.Pool, Stores: []Store{{"other", wiretest.NewCA(f).Pool}}})
	f.Fuzz(func(t *testing.T, leaf, other []byte) {
		var chain []*x509.Certificate
		for _, der := range [][]byte{leaf, other} {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return
			}
			chain = append(chain, c)
		}
		_, err := v.verify(chain, "localhost", day0)
		s := probes.NewStep("tls")
		if err == nil {
			return
		}
		err = (&Net{trust: v}).refusal(s, probes.NewStep("hop"), chain, err)
		if f, ok := errors.AsType[*probes.Failure](err); !ok || f.Code.Stage() != "tls" {
			t.Errorf("got %v", err)
		}
		weaknesses(distinct(chain))
	})
}

// Plain crypto/tls accepts what we accept and refuses what we refuse.
func TestVerifyAgreesWithCryptoTLS(t *testing.T) {
	ca := wiretest.NewCA(t)
	var list []tls.Certificate
	for _, c := range []wiretest.Cert{
		{},
		{NotAfter: days(-1)},
		{NotBefore: days(1)},
		{Names: []string{"other.example"}},
		{Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
		{Intermediate: &wiretest.Cert{NotAfter: days(-1)}},
	} {
		list = append(list, ca.Issue(t, c))
	}
	list = append(list, wiretest.SelfSigned(t, wiretest.Cert{}), wiretest.NewCA(t).Issue(t, wiretest.Cert{}))
	for i, cert := range list {
		chain := served(t, cert.Certificate...)
		pool := x509.NewCertPool()
		for _, c := range chain[1:] {
			pool.AddCert(c)
		}
		for _, host := range []string{"localhost", "127.0.0.1", "other.example"} {
			_, want := chain[0].Verify(x509.VerifyOptions{Roots: ca.Pool, Intermediates: pool, DNSName: host, CurrentTime: day0})
			v := newVerifier(Options{Roots: ca.Pool})
			for range 2 { // the second time where it is known
				if _, got := v.verify(chain, host, day0); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%d, %s: got %v, want %v", i, host, got, want)
				}
			}
		}
	}
}

func TestWeaknesses(t *testing.T) {
	ca := wiretest.NewCA(t)
	short := wiretest.NewCA(t, wiretest.Cert{RSA: 1024})
	public := []int{2, 23, 140, 1, 2, 1}
	for _, c := range []struct {
		name string
		cert tls.Certificate
		want []string
	}{
		{"current", ca.Issue(t, wiretest.Cert{Intermediate: &wiretest.Cert{}}), nil},
		{"a short RSA key", ca.Issue(t, wiretest.Cert{RSA: 1024}), []string{"certificate of localhost by Test Root has a short key, RSA 1024"}},
		{"an intermediate's short key", ca.Issue(t, wiretest.Cert{Intermediate: &wiretest.Cert{RSA: 1024}}), []string{
			"certificate of Test Intermediate by Test Root has a short key, RSA 1024",
		}},
		{"a long life", ca.Issue(t, wiretest.Cert{NotBefore: days(-30), NotAfter: days(800), Policy: public}), []string{
			"certificate of localhost by Test Root is valid for 830 days, where clients accept 398 of a public authority",
		}},
		{"a long life in private", ca.Issue(t, wiretest.Cert{NotBefore: days(-30), NotAfter: days(800)}), nil},
		{"a root's short key", short.Issue(t, wiretest.Cert{}), nil},
	} {
		chain := served(t, append(c.cert.Certificate, short.Root())...)
		if got := weaknesses(chain); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	sha1 := served(t, ca.Issue(t, wiretest.Cert{}).Certificate...)[0]
	sha1.SignatureAlgorithm = x509.SHA1WithRSA
	want := []string{"certificate of localhost by Test Root is signed with SHA1-RSA"}
	if got := weaknesses([]*x509.Certificate{sha1}); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
