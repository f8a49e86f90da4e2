package incident_test

import (
	"fmt"
	"testing"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// behind are shows of several sites, n at each media host.
func behind(cdn string, hosts, n int) (all []target) {
	for i := range hosts {
		media := hop{fmt.Sprintf("cdn.media%d.example", i), fmt.Sprintf("198.51.%d.7", i), fmt.Sprintf("cert%d", i), cdn}
		all = append(all, shows(n, fmt.Sprintf("service%d", i), media)...)
	}
	return all
}

func by(all []api.Incident, cause string) (found []api.Incident) {
	for _, i := range all {
		if i.Cause == cause {
			found = append(found, i)
		}
	}
	return found
}

// An agent that is cut off gets to the first host of each target alone, which
// are the fewer of those it used before.
func TestIllAgentBehindWhichMuchStands(t *testing.T) {
	targets := behind("", 4, 1)
	for i := range targets {
		for k := range 3 {
			more := fmt.Sprintf("assets%d-%d.example", i, k)
			targets[i].hosts = append(targets[i].hosts, hop{host: more, address: fmt.Sprintf("203.0.%d.%d", i, k)})
		}
	}
	w := world{targets: targets, agents: everywhere, length: 60, fault: func(r run) *wrong {
		if r.agent == "a-us" && r.n >= 20 && r.n < 40 {
			return &wrong{code: probes.ConnectTimeout}
		}
		return nil
	}}
	i := one(t, fold(w.runs(), w.end()))
	if i.Scope != api.ScopeAgent || i.Cause != "a-us" || len(i.Targets) != 4 {
		t.Errorf("got %s by %s of %v", i.Scope, i.Cause, i.Targets)
	}
}

// What is down for everybody, before and after, is no part of an agent's
// illness: a host, and one target of a host whose others are well.
func TestIllAgentBesideAnOutageThatLasts(t *testing.T) {
	targets := behind("", 6, 2)
	down, missing := targets[0].hosts[1].host, targets[2].name
	w := world{targets: targets, agents: everywhere, length: 60, fault: func(r run) *wrong {
		switch {
		case r.agent == "a-us" && r.n >= 20 && r.n < 40:
			return &wrong{code: probes.ConnectTimeout}
		case r.hosts[1].host == down || r.name == missing:
			return &wrong{code: probes.ConnectRefused, at: 1}
		}
		return nil
	}}
	all := fold(w.runs(), w.end())
	ill, outage := by(all, "a-us"), by(all, down)
	if len(all) != 3 || len(ill) != 1 || len(outage) != 1 {
		t.Fatalf("got %d incidents: %v", len(all), all)
	}
	if i := ill[0]; i.Resolved == nil || i.FirstFailure.Before(begin.Add(20*interval)) {
		t.Errorf("ill since %v, resolved %v", i.FirstFailure, i.Resolved)
	}
	if i := outage[0]; i.Scope != api.ScopeGlobal || len(i.Targets) != 2 {
		t.Errorf("got %s of %v", i.Scope, i.Targets)
	}
}

// What is missing for ever at a host is no part of the host's or its CDN's
// later outage, which has a begin and an end of its own.
func TestOutageBesideOneThatLasts(t *testing.T) {
	for cause, cdn := range map[string]string{"cdn.media0.example": "", "Edge": "Edge"} {
		targets := behind(cdn, 3, 4)
		missing := targets[0].name
		w := world{targets: targets, agents: everywhere, length: 60, fault: func(r run) *wrong {
			switch {
			case r.name == missing:
				return &wrong{code: probes.HTTPMissing, at: 1}
			case r.n >= 20 && r.n < 30 && (cdn != "" || r.service == "service0"):
				return &wrong{code: probes.HTTPStatus, at: 1}
			}
			return nil
		}}
		all := fold(w.runs(), w.end())
		lasting, outage := by(all, "cdn.media0.example"), by(all, cause)
		if cdn == "" {
			lasting, outage = lasting[1:], outage[:1]
		}
		if len(all) != 2 || len(lasting) != 1 || len(outage) != 1 {
			t.Fatalf("%s: got %d incidents: %v", cause, len(all), all)
		}
		if i := lasting[0]; len(i.Targets) != 1 || i.Code != probes.HTTPMissing || i.Resolved != nil {
			t.Errorf("%s: got %s of %v resolved %v", cause, i.Code, i.Targets, i.Resolved)
		}
		if i := outage[0]; i.Code != probes.HTTPStatus || i.Resolved == nil || i.FirstFailure.Before(begin.Add(20*interval)) {
			t.Errorf("%s: got %s since %v resolved %v", cause, i.Code, i.FirstFailure, i.Resolved)
		}
	}
}

// A CDN of which some connections time out and some answers are errors has one
// outage, whichever of them is the commoner at a host.
func TestCDNWithTwoStages(t *testing.T) {
	w := world{targets: behind("Edge", 4, 3), agents: everywhere, length: 60, fault: func(r run) *wrong {
		switch {
		case r.n < 20 || r.n >= 30:
			return nil
		case (r.n+len(r.region)+int(r.service[7]))%5 < 2+int(r.service[7])%2:
			return &wrong{code: probes.ConnectTimeout, at: 1}
		}
		return &wrong{code: probes.HTTPStatus, at: 1}
	}}
	if i := one(t, fold(w.runs(), w.end())); i.Cause != "Edge" || len(i.Targets) != 12 {
		t.Errorf("got %s of %v", i.Cause, i.Targets)
	}
}
