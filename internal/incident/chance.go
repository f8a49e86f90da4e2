package incident

import (
	"math"

	"github.com/sonde-media/sonde/probes"
)

// chancy reports whether chance can bring a failure with this code: a packet
// lost, a server restarted. One in a hundred such runs is noise that nobody
// can act on, so that two in a row of one lane prove nothing, while an expired
// certificate doesn't come by chance.
func chancy(code probes.Code) bool {
	switch code {
	case probes.DNSTimeout, probes.DNSServer, probes.DNSOther,
		probes.ConnectTimeout, probes.ConnectReset, probes.ConnectRefused, probes.ConnectUnreachable, probes.ConnectOther,
		probes.TLSTimeout, probes.TLSOther,
		probes.HTTPTimeout, probes.HTTPReset, probes.HTTPStatus, probes.HTTPThrottled, probes.HTTPOther,
		probes.BodyTimeout, probes.BodyTruncated, probes.BodyEmpty, probes.BodyOther, probes.BodySlow,
		probes.MediaSlow, probes.AddressFailed, probes.PageAsset:
		return true
	}
	return false
}

const (
	noise    = 0.01 // of runs that fail by chance: what a bad path has
	unlikely = 5e-5 // that chance brings so many in an interval, wherever
)

// byChance is how likely it is that k or more of n runs fail, where each does
// so with probability p: the tail of the binomial distribution.
func byChance(k, n int, p float64) float64 {
	if k <= 0 {
		return 1
	}
	sum := 0.0
	for i := k; i <= n; i++ {
		term := math.Exp(logChoose(n, i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
		if sum += term; term < sum*1e-12 {
			break // what follows is less still
		}
	}
	return min(sum, 1)
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}
