package hub

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Bounds of a request's form; the decoder has none.
const (
	// OTLP needs ten levels and values that stand in each other need the rest;
	// some megabytes of brackets would end the process by its stack.
	maxNesting = 64
	// An empty message takes two bytes as sent and some two hundred decoded, so
	// that a small body could fill the memory. Agents send one in some 28 bytes.
	maxMessages = 1 << 20
)

// Why a body is not decoded at all.
var (
	errDeep = fmt.Errorf("it is nested deeper than %d levels", maxNesting)
	errMany = fmt.Errorf("it holds more than %d messages; send fewer runs in one request", maxMessages)
)

// A message is one of OTLP's that leads, by the fields named here, to values
// that can stand in each other.
type message map[protowire.Number]message

// requestMessage is ExportTraceServiceRequest.
var requestMessage = func() message {
	value, pair := message{}, message{}
	pair[2] = value
	value[5] = message{1: value} // ArrayValue
	value[6] = message{1: pair}  // KeyValueList
	span := message{9: pair, 11: {3: pair}, 13: {4: pair}}
	entity := message{3: {}, 4: {}} // lists of keys, counted as messages
	return message{1: {1: {1: pair, 3: entity}, 2: {1: {3: pair}, 2: span}}}
}()

// check says what keeps the protobuf message b from being decoded: it is nested
// deeper than depth, or holds more messages than *left, which it counts down.
// What is no protobuf is for the decoder to refuse.
func (m message) check(b []byte, depth int, left *int) error {
	switch *left--; {
	case depth == 0:
		return errDeep
	case *left < 0:
		return errMany
	}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil
		}
		b = b[n:]
		size := protowire.ConsumeFieldValue(number, kind, b)
		if size < 0 {
			return nil
		}
		if inner := m[number]; inner != nil && kind == protowire.BytesType {
			field, _ := protowire.ConsumeBytes(b)
			if err := inner.check(field, depth-1, left); err != nil {
				return err
			}
		}
		b = b[size:]
	}
	return nil
}

// checkJSON is check for the JSON text b.
func checkJSON(b []byte, depth, left int) error {
	quoted := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth--
			left--
			switch {
			case depth < 0:
				return errDeep
			case left < 0:
				return errMany
			}
		case c == '}' || c == ']':
			depth++
		}
	}
	return nil
}
