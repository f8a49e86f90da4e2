package hub

import "google.golang.org/protobuf/encoding/protowire"

// maxNesting bounds how deep a request may be nested. OTLP needs ten levels and
// values that stand in each other need the rest; the decoder has no bound, and
// some megabytes of brackets would end the process by its stack.
const maxNesting = 64

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
	return message{1: {1: {1: pair}, 2: {1: {3: pair}, 2: span}}}
}()

// shallow reports whether the protobuf message b is nested at most so deep.
// What is no protobuf is for the decoder to refuse.
func (m message) shallow(b []byte, depth int) bool {
	if depth == 0 {
		return false
	}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return true
		}
		b = b[n:]
		size := protowire.ConsumeFieldValue(number, kind, b)
		if size < 0 {
			return true
		}
		if inner := m[number]; inner != nil && kind == protowire.BytesType {
			if field, _ := protowire.ConsumeBytes(b); !inner.shallow(field, depth-1) {
				return false
			}
		}
		b = b[size:]
	}
	return true
}

// shallowJSON reports whether the JSON text b is nested at most so deep.
func shallowJSON(b []byte, depth int) bool {
	quoted := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth--; depth < 0 {
				return false
			}
		case c == '}' || c == ']':
			depth++
		}
	}
	return true
}
