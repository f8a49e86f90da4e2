package wire

// Limits say what hosts are asked for at most, so that a prober doesn't weigh
// on what it watches. They are shared by all runs of a Net. Zero fields are the
// defaults.
type Limits struct {
	RunBytes     int64   // bytes read by one run; 0: DefaultRunBytes
	HostDayBytes int64   // bytes read from one host in 24 hours; 0: no limit
	DayBytes     int64   // bytes read from all hosts in 24 hours; 0: no limit
	HostParallel int     // connections open at once to one host; 0: DefaultHostParallel
	HostRate     float64 // requests a second to one host; 0: no limit
}

// Visit returns a Net for one run, which has a byte budget of its own.
func (n *Net) Visit() *Net {
	other := *n
	return &other
}

// Defaults of [Limits].
const (
	DefaultRunBytes     = 2 << 30
	DefaultHostParallel = 32
)
