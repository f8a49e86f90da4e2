package api

import "time"

// What a message says of an incident.
const (
	EventOpened    = "opened"
	EventAgain     = "again"     // it was told as resolved, and failed again soon after
	EventRepeat    = "repeat"    // it is still open
	EventResolved  = "resolved"  // it ended
	EventWithdrawn = "withdrawn" // it is none any more: part of another, or refuted by runs that came late
)

// How far a delivery got. The last two are final.
const (
	DeliveryDue     = "due"
	DeliverySent    = "sent"
	DeliveryGivenUp = "given_up"
)

// A Delivery is one message about one incident to one receiver.
type Delivery struct {
	Key      string            `json:"key"` // one for each message: what two hubs have in mind is the same
	Receiver string            `json:"receiver"`
	Event    string            `json:"event"`
	Incident string            `json:"incident"` // ID
	Thread   string            `json:"thread"`   // ID that the receiver knows it by: that of the incident it follows, or its own
	Round    int               `json:"round"`    // how often it opened, from 1
	Repeat   int               `json:"repeat,omitempty"`
	At       time.Time         `json:"at"` // when there was something to tell
	Due      time.Time         `json:"due"`
	Tries    int               `json:"tries"`
	State    string            `json:"state"`
	Error    string            `json:"error,omitempty"`    // of the last try
	Labels   map[string]string `json:"labels,omitempty"`   // as the receiver was first told them
	Snapshot *Incident         `json:"snapshot,omitempty"` // what is told, until it is
}

// Final reports whether nothing more becomes of it.
func (d *Delivery) Final() bool { return d.State == DeliverySent || d.State == DeliveryGivenUp }
