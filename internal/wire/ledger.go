package wire

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// maxHosts bounds what is remembered: hosts come from strangers' redirects.
	maxHosts = 10_000
	// maxHold is how long a URL may keep us away with one Retry-After.
	maxHold = time.Hour
	// maxOutage is how long a URL may that says to be out of service: less than
	// the usual interval, or the next run could not confirm the outage.
	maxOutage = 45 * time.Second
)

// A ledger remembers what hosts were asked for, for all runs of a Net.
type ledger struct {
	limits Limits

	mu    sync.Mutex // guards what follows, and accounts' fields
	all   tally
	hosts map[string]*account // by name
	held  map[string]hold     // by the hash of the URL
}

// A hold is a Retry-After that is kept to.
type hold struct{ asked, until time.Time }

// An account is of one host.
type account struct {
	seats *semaphore.Weighted // a connection takes one; first come, first served
	users int                 // who has a seat or waits for one
	day   tally
	used  time.Time
	turns time.Time // when the requests so far would have had their turns, at the rate
}

func newLedger(l Limits) *ledger {
	l.RunBytes = cmp.Or(l.RunBytes, DefaultRunBytes)
	l.HostParallel = cmp.Or(l.HostParallel, DefaultHostParallel)
	return &ledger{limits: l, hosts: map[string]*account{}, held: map[string]hold{}}
}

// under returns a ledger with other limits that goes on from what l has counted
// today; l itself where the limits are the same.
func (l *ledger) under(limits Limits) *ledger {
	next := newLedger(limits)
	if next.limits == l.limits {
		return l
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	next.all = l.all
	maps.Copy(next.held, l.held)
	for host, a := range l.hosts {
		next.account(host, a.used).day = a.day
	}
	return next
}

// account returns host's; the caller holds mu.
func (l *ledger) account(host string, now time.Time) *account {
	a := l.hosts[host]
	if a == nil {
		if len(l.hosts) >= maxHosts {
			l.forget()
		}
		a = &account{seats: semaphore.NewWeighted(int64(l.limits.HostParallel))}
		l.hosts[host] = a
	}
	a.used = now
	return a
}

// forget drops a tenth of the accounts: those unused for longest.
func (l *ledger) forget() {
	type idle struct {
		host string
		used time.Time
	}
	list := make([]idle, 0, len(l.hosts))
	for host, a := range l.hosts {
		if a.users == 0 {
			list = append(list, idle{host, a.used})
		}
	}
	slices.SortFunc(list, func(a, b idle) int { return a.used.Compare(b.used) })
	for _, i := range list[:min(len(list), maxHosts/10)] {
		delete(l.hosts, i.host)
	}
}

// ask takes a turn for one request to host, for the URL with that hash, and
// returns how long it is away, or why there is none within patience.
func (l *ledger) ask(host, url string, now time.Time, patience time.Duration) (time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.held[url]; now.Before(h.until) {
		return 0, fmt.Errorf("%s asked on %s to wait until %s (Retry-After)", host, clock(h.asked), clock(h.until))
	}
	a := l.account(host, now)
	if err := l.spent(host, a, now); err != nil || l.limits.HostRate == 0 {
		return 0, err
	}
	wait := a.turn(now, l.limits.HostRate, patience)
	if wait > patience {
		return 0, fmt.Errorf("host_rate of %s: the next of its %g requests a second is free in %s", host, l.limits.HostRate, wait.Round(time.Millisecond))
	}
	return wait, nil
}

// turn returns how far away the next turn is, and takes it where that is within
// patience (the generic cell rate algorithm). A second's worth may come at once.
func (a *account) turn(now time.Time, rate float64, patience time.Duration) time.Duration {
	gap := time.Duration(float64(time.Second) / rate)
	at := a.turns
	if at.Before(now) {
		at = now
	}
	wait := max(0, at.Sub(now)-max(0, time.Second-gap))
	if wait <= patience {
		a.turns = at.Add(gap)
	}
	return wait
}

// spend counts bytes read from host and says which limit they are beyond.
func (l *ledger) spend(host string, bytes int64, now time.Time) error {
	if l.limits.HostDayBytes == 0 && l.limits.DayBytes == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(host, now)
	a.day.add(now, bytes)
	l.all.add(now, bytes)
	return l.spent(host, a, now)
}

// spent says which budget is used up; the caller holds mu.
func (l *ledger) spent(host string, a *account, now time.Time) error {
	if err := a.day.spent(now, l.limits.HostDayBytes); err != nil {
		return fmt.Errorf("host_day_bytes of %s: %w", host, err)
	}
	if err := l.all.spent(now, l.limits.DayBytes); err != nil {
		return fmt.Errorf("day_bytes: %w", err)
	}
	return nil
}

// hold keeps us from the URL with that hash for as long as wait. What is over is
// forgotten where room is short.
func (l *ledger) hold(url string, wait time.Duration, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.held) >= maxHosts {
		maps.DeleteFunc(l.held, func(_ string, h hold) bool { return !now.Before(h.until) })
	}
	if until := now.Add(wait); until.After(l.held[url].until) && len(l.held) < maxHosts {
		l.held[url] = hold{now, until}
	}
}

// use counts by users of host's seats, and returns its account.
func (l *ledger) use(host string, by int) *account {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(host, time.Now())
	a.users += by
	return a
}

// A tally counts bytes by the hour. What it forgets is 24 hours old at least.
type tally struct {
	hours [25]int64
	last  int64 // the newest hour counted, since 1970
	sum   int64
}

// advance forgets what is too old at now.
func (t *tally) advance(now time.Time) {
	hour := now.Unix() / 3600
	for range min(hour-t.last, int64(len(t.hours))) {
		t.last++
		slot := &t.hours[t.last%int64(len(t.hours))]
		t.sum -= *slot
		*slot = 0
	}
	t.last = max(t.last, hour)
}

func (t *tally) add(now time.Time, bytes int64) {
	t.advance(now)
	t.hours[t.last%int64(len(t.hours))] += bytes
	t.sum += bytes
}

// spent says that limit bytes have been read, and until when; 0 is no limit.
func (t *tally) spent(now time.Time, limit int64) error {
	t.advance(now)
	if limit == 0 || t.sum < limit {
		return nil
	}
	return fmt.Errorf("%d of %d bytes were read in 24 hours; there are more from %s on", t.sum, limit, clock(t.free(limit)))
}

// free is when less than limit will be counted, were nothing more read.
func (t *tally) free(limit int64) time.Time {
	n := int64(len(t.hours))
	left := t.sum
	for hour := t.last - n + 1; hour < t.last; hour++ {
		if left -= t.hours[hour%n]; left < limit {
			return time.Unix((hour+n)*3600, 0)
		}
	}
	return time.Unix((t.last+n)*3600, 0)
}

// clock writes a time for a person.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
