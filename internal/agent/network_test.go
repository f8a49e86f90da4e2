package agent

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/probes"
)

// A resolver counts what it is asked and answers with a response code, or not
// at all.
type resolver struct {
	addr  string
	asked atomic.Int64
}

const silent = -1

func serve(t *testing.T, code int) *resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &resolver{addr: conn.LocalAddr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			r.asked.Add(1)
			if code == silent {
				continue
			}
			wrong := append([]byte{^buf[0], buf[1]}, buf[2:n]...) // somebody guesses
			wrong[2] |= 0x80
			conn.WriteTo(wrong, from)
			buf[2], buf[3] = buf[2]|0x80, byte(code)
			conn.WriteTo(buf[:n], from)
		}
	})
	t.Cleanup(func() { conn.Close(); wg.Wait() })
	return r
}

// elsewhere is a witness that stands for one on another machine.
func (r *resolver) elsewhere() *witness { return &witness{address: r.addr, resolver: true} }

func (r *resolver) named() *witness { return &witness{address: r.addr, resolver: true, named: true} }

func (r *resolver) nearby() *witness { return &witness{address: r.addr, resolver: true, near: true} }

// lost is a run that failed at step with code after two seconds, at peer.
func lost(step string, code probes.Code, peer string) *probes.Run {
	root := probes.NewStep("probe feed")
	s := root.Begin("hop").Begin(step)
	s.Set(probes.AttrPeerAddress, peer)
	err := probes.Fail(code, nil)
	for _, one := range []*probes.Step{s, root.Steps[0], root} {
		one.Start = one.Start.Add(-2 * time.Second)
		one.Done(&err)
	}
	return &probes.Run{ID: probes.NewTraceID(), Root: root, Verdict: probes.Judge(root)}
}

// impatient ends questions long before the witnesses' time is over.
func impatient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func examined(t *testing.T, r *probes.Run, witnesses ...*witness) *probes.Run {
	t.Helper()
	a := &Agent{network: network{witnesses: witnesses}}
	a.examine(impatient(t), r)
	return r
}

// testimony is the witness's step as text.
func testimony(r *probes.Run) string {
	w := r.Root.Steps[len(r.Root.Steps)-1]
	if w.Name != probes.WitnessStep {
		return "none"
	}
	list, _ := w.Attrs[probes.AttrAgentWitnesses].([]string)
	return strings.Join(list, " ")
}

func TestWitnesses(t *testing.T) {
	quiet, good, bad := serve(t, silent), serve(t, 0), serve(t, 2)
	tests := []struct {
		name      string
		run       *probes.Run
		witnesses []*witness
		want      probes.Outcome
		says      string
	}{
		{
			"all silent", lost("dns", probes.DNSTimeout, ""),
			[]*witness{quiet.named(), quiet.elsewhere()},
			probes.Unknown,
			quiet.addr + "=no answer in time " + quiet.addr + "=no answer in time",
		},
		{
			"one answers", lost("dns", probes.DNSTimeout, ""),
			[]*witness{quiet.named(), good.named()},
			probes.Failed,
			quiet.addr + "=no answer in time " + good.addr + "=ok",
		},
		{"one answers with an error", lost("dns", probes.DNSTimeout, ""), []*witness{bad.elsewhere()}, probes.Failed, bad.addr + "=ok"},
		{
			"a near one has a good answer", lost("dns", probes.DNSTimeout, ""),
			[]*witness{quiet.named(), good.nearby()},
			probes.Failed,
			quiet.addr + "=no answer in time " + good.addr + "=ok",
		},
		{
			"a near one has none, another is silent", lost("dns", probes.DNSServer, ""),
			[]*witness{bad.nearby(), quiet.elsewhere()},
			probes.Unknown,
			bad.addr + "=answers with code 2 " + quiet.addr + "=no answer in time",
		},
		{"a near one alone proves nothing and isn't asked", lost("dns", probes.DNSServer, ""), []*witness{bad.nearby()}, probes.Failed, "none"},
		{"nobody can be asked", lost("dns", probes.DNSTimeout, ""), nil, probes.Failed, "none"},
		{"the target is on this machine", lost("connect", probes.ConnectTimeout, "127.0.0.1"), []*witness{quiet.named()}, probes.Failed, "none"},
		{"the name does not exist", lost("dns", probes.DNSNotFound, ""), []*witness{quiet.named()}, probes.Failed, "none"},
		{"the target answered", lost("request", probes.HTTPStatus, ""), []*witness{quiet.named()}, probes.Failed, "none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := examined(t, tt.run, tt.witnesses...)
			if r.Outcome != tt.want || r.Outcome == probes.Unknown && r.Code != probes.LocalNetwork {
				t.Errorf("got %s, %s", r.Outcome, r.Code)
			}
			if diff := cmp.Diff(tt.says, testimony(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Nothing leads to an address of a link without saying of which, wherever this
// test runs.
func TestWithoutARouteNobodyIsAsked(t *testing.T) {
	good := serve(t, 0)
	r := examined(t, lost("connect", probes.ConnectUnreachable, "fe80::1"), good.named())
	if r.Outcome != probes.Unknown || r.Code != probes.LocalNetwork || !strings.Contains(r.Detail, "nothing leads from here to fe80::1") {
		t.Errorf("got %s, %s: %s", r.Outcome, r.Code, r.Detail)
	}
	if n := good.asked.Load(); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

func TestRunsThatFailTogetherShareAQuestion(t *testing.T) {
	good := serve(t, 0)
	a := &Agent{network: network{witnesses: []*witness{good.named()}}}
	var wg sync.WaitGroup
	runs := make([]*probes.Run, 50)
	for i := range runs {
		runs[i] = lost("dns", probes.DNSTimeout, "")
		wg.Go(func() { a.examine(t.Context(), runs[i]) })
	}
	wg.Wait()
	for _, r := range runs {
		if r.Outcome != probes.Failed {
			t.Errorf("got %s", r.Outcome)
		}
	}
	if n := good.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// Who reaches somebody while a target fails isn't cut off.
func TestWhatOtherRunsReachIsProof(t *testing.T) {
	quiet := serve(t, silent)
	n := &network{witnesses: []*witness{quiet.named()}}
	other := probes.NewStep("probe page")
	c := other.Begin("connect")
	c.Set(probes.AttrPeerAddress, "192.0.2.7")
	c.Done(nil)
	other.Done(nil)

	early := lost("dns", probes.DNSTimeout, "")
	n.note(&probes.Run{Root: other})
	if w := n.testify(impatient(t), early); w != nil {
		t.Errorf("asked for a run that failed when another reached its host: %v", w.Attrs)
	}
	late := lost("dns", probes.DNSTimeout, "")
	op, _ := operation(late)
	op.Start = c.Start.Add(time.Hour) // it began after all of that
	if w := n.testify(impatient(t), late); w == nil || w.Fail == nil {
		t.Error("what was reached an hour before was taken for proof")
	}
}

// A run that began while we were cut off, and ended when we no longer were,
// tells nothing of its target either.
func TestARunThatOutlastsACut(t *testing.T) {
	quiet, good := serve(t, silent), serve(t, 0)
	w := quiet.named()
	a := &Agent{network: network{witnesses: []*witness{w}}}
	long := lost("dns", probes.DNSTimeout, "")
	a.examine(impatient(t), lost("dns", probes.DNSTimeout, ""))
	w.address = good.addr // the network is back
	a.network.last = nil
	a.examine(t.Context(), long)
	if long.Code != probes.LocalNetwork || testimony(long) != good.addr+"=ok" {
		t.Errorf("a run that began in the cut: %s, %s", long.Outcome, testimony(long))
	}
	next := lost("dns", probes.DNSTimeout, "")
	op, _ := operation(next)
	op.Start = op.Start.Add(time.Minute)
	if a.examine(t.Context(), next); next.Outcome != probes.Failed {
		t.Errorf("a run after it: %s (%s)", next.Outcome, next.Detail)
	}
}

// A cut that begins and ends while a run waits is found out about meanwhile.
func TestACutWithinARun(t *testing.T) {
	quiet := serve(t, silent)
	w := quiet.named()
	for _, tt := range []struct {
		name     string
		inFlight int
		reached  time.Duration // ago
		asked    bool
		want     probes.Outcome
	}{
		{"while a run waits", 1, 3 * time.Second, true, probes.Unknown},
		{"while none does", 0, 3 * time.Second, false, probes.Failed},
		{"while others reach something", 1, time.Second, false, probes.Failed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := quiet.asked.Load()
			a := &Agent{inFlight: tt.inFlight, network: network{witnesses: []*witness{w}, reached: time.Now().Add(-tt.reached)}}
			a.doubt(impatient(t))
			if asked := quiet.asked.Load() > before; asked != tt.asked {
				t.Errorf("asked: %v, want %v", asked, tt.asked)
			}
			a.network.reach(time.Now()) // the network is back
			r := lost("dns", probes.DNSTimeout, "")
			if a.examine(impatient(t), r); r.Outcome != tt.want {
				t.Errorf("got %s, want %s", r.Outcome, tt.want)
			}
		})
	}
}

func TestWhatIsReachedHereIsNoProof(t *testing.T) {
	n := &network{}
	addrs := []string{"127.0.0.1", "::1", "", "nonsense"}
	if all, err := net.InterfaceAddrs(); err == nil {
		for _, a := range all {
			addrs = append(addrs, strings.Split(a.String(), "/")[0])
		}
	}
	for _, a := range addrs {
		if n.outside(a) {
			t.Errorf("%q is outside", a)
		}
	}
	if !n.outside("192.0.2.7") || !n.outside("2001:db8::7") {
		t.Error("addresses of others are ours")
	}
}

// A resolver that never answered, as behind a strict firewall, is no proof that
// we are cut off, once anything else was reached.
func TestOnlyWitnessesThatAnsweredCount(t *testing.T) {
	quiet := serve(t, silent)
	w := quiet.elsewhere()
	a := &Agent{network: network{witnesses: []*witness{w}}}
	for _, step := range []struct {
		reached, answered bool
		want              probes.Outcome
	}{
		{false, false, probes.Unknown},
		{true, false, probes.Failed},
		{true, true, probes.Unknown},
	} {
		a.network.last, a.network.cut, w.answered = nil, period{}, step.answered
		if a.network.reached = (time.Time{}); step.reached {
			a.network.reached = time.Now().Add(-time.Hour)
		}
		r := lost("dns", probes.DNSTimeout, "")
		a.examine(impatient(t), r)
		if r.Outcome != step.want {
			t.Errorf("reached %t, answered %t: got %s, want %s", step.reached, step.answered, r.Outcome, step.want)
		}
	}
}

// Which witnesses answer is learnt once, when something was reached first.
func TestWitnessesAreLearnt(t *testing.T) {
	good := serve(t, 0)
	w := good.elsewhere()
	n := &network{witnesses: []*witness{w}}
	n.learn(t.Context())
	if good.asked.Load() != 0 {
		t.Error("asked before anything was reached")
	}
	n.reach(time.Now())
	n.learn(t.Context())
	n.learn(t.Context())
	if good.asked.Load() != 1 || !w.answered {
		t.Errorf("asked %d times, answered: %t", good.asked.Load(), w.answered)
	}
}

func TestATCPWitness(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{address: l.Addr().String()}
	if err := w.ask(t.Context()); err != nil {
		t.Errorf("accepted: %v", err)
	}
	l.Close()
	if err := w.ask(t.Context()); err != nil {
		t.Errorf("refused: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.ask(ctx); err == nil || err.Error() != "no answer in time" {
		t.Errorf("without time: %v", err)
	}
}

func TestWhoIsAsked(t *testing.T) {
	many := make([]string, 40)
	for i := range many {
		many[i] = fmt.Sprintf("192.0.2.%d:443", i)
	}
	tests := []struct {
		name string
		o    Options
		want []string
	}{
		{"those named alone", Options{Witnesses: []string{"192.0.2.1:443"}, Hub: "https://hub.example", Resolver: "192.0.2.53:53"}, []string{"192.0.2.1:443 named"}},
		{"hub and resolver", Options{Hub: "https://hub.example", Resolver: "192.0.2.53:53"}, []string{"hub.example:443", "192.0.2.53:53 resolver"}},
		{"a hub's port", Options{Hub: "http://[2001:db8::1]:4318", Resolver: "192.0.2.53:53"}, []string{"[2001:db8::1]:4318", "192.0.2.53:53 resolver"}},
		{"all on this machine", Options{Hub: "http://localhost:4318", Resolver: "127.0.0.53:53"}, []string{"127.0.0.53:53 resolver near"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, w := range tt.o.witnesses() {
				words := []string{w.address}
				for word, is := range map[string]bool{"named": w.named, "resolver": w.resolver, "near": w.near} {
					if is {
						words = append(words, word)
					}
				}
				slices.SortFunc(words[1:], func(a, b string) int { return strings.Compare(b, a) })
				got = append(got, strings.Join(words, " "))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if n := len(Options{Witnesses: many}.witnesses()); n != mostWitnesses {
		t.Errorf("%d witnesses", n)
	}
}

func TestSystemResolvers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	text := "# nameserver 192.0.2.9\nsearch example.org\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver nonsense\nnameserver\nnameserver 2001:db8::53\nnameserver 192.0.2.4\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{"192.0.2.1:53", "[fe80::1%eth0]:53", "[2001:db8::53]:53"}
	if diff := cmp.Diff(want, systemResolvers(path)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := systemResolvers(path + "x"); got != nil {
		t.Errorf("got %v of no file", got)
	}
}
