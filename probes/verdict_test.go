package probes_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sonde-media/sonde/probes"
)

func TestJudge(t *testing.T) {
	tests := []struct {
		name, tree string
		want       probes.Verdict
	}{
		{"good", `
feed
  hop @a.example
    dns`, probes.Verdict{Outcome: probes.OK}},

		{"notice changes nothing", `
feed
  hop @a.example ~insecure_http`, probes.Verdict{Outcome: probes.OK}},

		{"warning degrades", `
feed
  hop @a.example ~cert_weak ~range_ignored`, probes.Verdict{Outcome: probes.Degraded}},

		{"leaf names code and host of its hop", `
enclosure !tls_expired
  hop @prefix.example
    tls
  hop !tls_expired @cdn.example
    dns
    tls !tls_expired #C0FFEE`, probes.Verdict{
			Outcome: probes.Failed, Code: probes.TLSExpired, Culprit: "cdn.example", Cause: "C0FFEE",
			Detail: "detail of tls_expired",
		}},

		{"cause is the host where no fault is named", `
enclosure !connect_refused
  hop !connect_refused @cdn.example
    connect !connect_refused`, probes.Verdict{
			Outcome: probes.Failed, Code: probes.ConnectRefused, Culprit: "cdn.example", Cause: "cdn.example",
			Detail: "detail of connect_refused",
		}},

		{"first of two in tree order", `
page !http_missing
  asset !http_missing
    hop !http_missing @a.example
  asset !http_status
    hop !http_status @b.example`, probes.Verdict{
			Outcome: probes.Failed, Code: probes.HTTPMissing, Culprit: "a.example", Cause: "a.example",
			Detail: "detail of http_missing",
		}},

		{"blocking stylesheet fails by what is below it", `
page !page_blocking ~page_blocking
  document
    hop @www.example
  asset !tls_expired
    hop !tls_expired @static.example
      tls !tls_expired`, probes.Verdict{
			Outcome: probes.Failed, Code: probes.TLSExpired, Culprit: "static.example", Cause: "static.example",
			Detail: "detail of tls_expired",
		}},

		{"root's own code where nothing below failed", `
feed !feed_enclosure
  feed
    hop @a.example`, probes.Verdict{
			Outcome: probes.Failed, Code: probes.FeedEnclosure, Detail: "detail of feed_enclosure",
		}},

		{"optional failure alone is good", `
page
  asset !http_missing ?
    hop !http_missing @a.example`, probes.Verdict{Outcome: probes.OK}},

		{"nothing below an optional step counts", `
page ~page_asset
  asset !http_missing ?
    hop !http_missing @a.example
      request !http_missing`, probes.Verdict{Outcome: probes.Degraded}},

		{"optional failure below a critical one", `
enclosure !connect_timeout
  hop !connect_timeout @a.example
    connect !connect_refused ?
    connect !connect_timeout`, probes.Verdict{
			Outcome: probes.Failed, Code: probes.ConnectTimeout, Culprit: "a.example", Cause: "a.example",
			Detail: "detail of connect_timeout",
		}},

		{"critical step whose only failed child is optional", `
enclosure !connect_other
  hop !connect_other @a.example
    connect !connect_refused ?`, probes.Verdict{
			Outcome: probes.Failed, Code: probes.ConnectOther, Culprit: "a.example", Cause: "a.example",
			Detail: "detail of connect_other",
		}},

		{"fault of ours is unknown", `
enclosure !local_resources
  hop !local_resources @a.example
    connect !local_resources`, probes.Verdict{
			Outcome: probes.Unknown, Code: probes.LocalResources, Culprit: "a.example", Cause: "a.example",
			Detail: "detail of local_resources",
		}},

		{"target's failure comes before ours", `
page !canceled
  asset !canceled
  asset !http_status
    hop !http_status @b.example`, probes.Verdict{
			Outcome: probes.Failed, Code: probes.HTTPStatus, Culprit: "b.example", Cause: "b.example",
			Detail: "detail of http_status",
		}},

		{"unknown outweighs a warning", `
feed !canceled
  hop @a.example ~range_ignored
  hop !canceled @b.example`, probes.Verdict{
			Outcome: probes.Unknown, Code: probes.Canceled, Culprit: "b.example", Cause: "b.example",
			Detail: "detail of canceled",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := probes.Judge(parseTree(t, tt.tree))
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(probes.Verdict{}, "Findings")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestJudgeCollectsFindings(t *testing.T) {
	v := probes.Judge(parseTree(t, `
feed ~feed_stale
  hop @a.example ~insecure_http ~range_wrong
  asset ?
    hop @b.example ~cert_weak`))
	want := []probes.Finding{
		{Code: probes.FeedStale, Severity: probes.Warning},
		{Code: probes.InsecureHTTP, Severity: probes.Notice, Host: "a.example"},
		{Code: probes.RangeWrong, Severity: probes.Warning, Host: "a.example"},
		{Code: probes.CertWeak, Severity: probes.Notice, Host: "b.example"},
	}
	if diff := cmp.Diff(want, v.Findings); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJudgeHearsTheWitness(t *testing.T) {
	tests := []struct {
		name, tree string
		want       probes.Verdict
	}{
		{"cut off", `
feed !connect_timeout
  hop !connect_timeout @a.example
    connect !connect_timeout
  witness !local_network`, probes.Verdict{Outcome: probes.Unknown, Code: probes.LocalNetwork, Detail: "detail of local_network"}},

		{"not cut off", `
feed !connect_timeout
  hop !connect_timeout @a.example
    connect !connect_timeout
  witness`, probes.Verdict{
			Outcome: probes.Failed, Code: probes.ConnectTimeout, Culprit: "a.example", Cause: "a.example",
			Detail: "detail of connect_timeout",
		}},

		{"slow by want of CPU", `
feed ~body_slow
  hop @a.example
  witness !local_resources`, probes.Verdict{Outcome: probes.Unknown, Code: probes.LocalResources, Detail: "detail of local_resources"}},

		{"an answer is no matter of ours", `
page !tls_timeout
  asset !tls_timeout
    hop !tls_timeout @a.example
  asset !http_missing
    hop !http_missing @b.example
  witness !local_network`, probes.Verdict{
			Outcome: probes.Failed, Code: probes.HTTPMissing, Culprit: "b.example", Cause: "b.example",
			Detail: "detail of http_missing",
		}},

		{"want of CPU refuses nothing", `
feed !connect_refused
  hop !connect_refused @a.example
  witness !local_resources`, probes.Verdict{
			Outcome: probes.Failed, Code: probes.ConnectRefused, Culprit: "a.example", Cause: "a.example",
			Detail: "detail of connect_refused",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := probes.Judge(parseTree(t, tt.tree))
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(probes.Verdict{}, "Findings")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWitness(t *testing.T) {
	r := &probes.Run{Root: parseTree(t, `
feed !connect_timeout
  hop !connect_timeout @a.example
    connect !connect_timeout`)}
	r.Verdict = probes.Judge(r.Root)
	hop := r.Root.Steps[0]
	if code, _ := r.Why(hop); code != probes.ConnectTimeout || r.Outcome != probes.Failed {
		t.Errorf("before: %s, hop %s", r.Outcome, code)
	}
	w := probes.NewStep(probes.WitnessStep)
	w.Start, w.Took = r.Root.Start.Add(time.Second), time.Second
	err := probes.Fail(probes.LocalNetwork, nil)
	w.Done(&err)
	w.Took = time.Second
	r.Witness(w)
	if r.Outcome != probes.Unknown || r.Code != probes.LocalNetwork {
		t.Errorf("got %+v", r.Verdict)
	}
	if r.Root.Took != 2*time.Second {
		t.Errorf("the root took %v, want it to cover its witness", r.Root.Took)
	}
	if code, _ := r.Why(hop); code != probes.LocalNetwork {
		t.Errorf("the hop's row blames its host: %s", code)
	}
	if code, _ := r.Why(hop.Steps[0]); code != probes.ConnectTimeout {
		t.Errorf("the operation lost its code: %s", code)
	}
}
