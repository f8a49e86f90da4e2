package hub

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sonde-media/sonde/internal/store"
)

// OTLP over gRPC is served by net/http: a call is a request over HTTP/2 whose
// body and answer are a message behind a prefix, with a status in the trailers
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). So it goes
// the way of those over HTTP, with all their limits. A server of gRPC's own
// reads and decodes a whole message before it asks whose it is.
//
//	compressed  1 byte, 0 or 1: by what the header grpc-encoding names
//	length      4 bytes, big-endian
//	message     protobuf
const prefixLen = 5

// Bounds of connections.
const (
	maxCalls    = 64               // at the same time, of one connection
	askAfter    = 30 * time.Second // of silence, whether the client is still there
	answerAfter = 15 * time.Second // it has for that
)

// grpcServices is where OTLP's calls are.
const grpcServices = "/opentelemetry.proto.collector."

// ServeGRPC takes spans in from ln as OTLP over gRPC until ctx ends, then lets
// the calls under way end, and returns.
func (h *Hub) ServeGRPC(ctx context.Context, ln net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+grpcServices+"trace.v1.TraceService/Export", h.called(h.exported))
	mux.HandleFunc("POST "+grpcServices+"metrics.v1.MetricsService/Export", h.called(noSpans("metrics")))
	mux.HandleFunc("POST "+grpcServices+"logs.v1.LogsService/Export", h.called(noSpans("logs")))
	mux.HandleFunc("/", h.called(noSpans("other calls")))

	s := newServer(timed(mux), h.log)
	s.Protocols = new(http.Protocols)
	s.Protocols.SetUnencryptedHTTP2(true)
	s.Protocols.SetHTTP1(true) // who took this port for the other is told so
	s.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: maxCalls, SendPingTimeout: askAfter, PingTimeout: answerAfter}
	return serve(ctx, ln, s)
}

// called answers calls of agents by f, which returns a message.
func (h *Hub) called(f func(*http.Request) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !isCall(r) {
			http.Error(w, "this port takes OTLP over gRPC alone; OTLP over HTTP, the API and the pages are on another, by default 4318", http.StatusUnsupportedMediaType)
			return
		}
		var message []byte
		in, err := h.gate.admit(r, []Role{RoleAgent})
		if err == nil {
			message, err = f(in)
		}
		s := h.status(r, err)
		h.numbers.requests.WithLabelValues("grpc", code.Code(s.Code).String()).Inc()
		answerCall(w, message, s)
	}
}

func isCall(r *http.Request) bool {
	kind := r.Header.Get("Content-Type")
	return r.ProtoMajor == 2 && (kind == "application/grpc" || kind == "application/grpc+proto")
}

// exported takes in spans. It answers only when they are on disk.
func (h *Hub) exported(r *http.Request) ([]byte, error) {
	if err := unwrap(r); err != nil {
		return nil, err
	}
	resp := ptraceotlp.NewExportResponse()
	if err := h.take(r, protobufs, resp); err != nil {
		return nil, err
	}
	return resp.MarshalProto()
}

// noSpans refuses what is no spans.
func noSpans(what string) func(*http.Request) ([]byte, error) {
	return func(*http.Request) ([]byte, error) {
		return nil, refusal{http.StatusNotFound, errors.New("the hub keeps spans only, sent to TraceService/Export; send " + what + " to another backend")}
	}
}

// unwrap turns a call into the request that it would be over HTTP.
func unwrap(r *http.Request) error {
	var prefix [prefixLen]byte
	if _, err := io.ReadFull(r.Body, prefix[:]); err != nil {
		return refusal{http.StatusBadRequest, fmt.Errorf("the call holds no message: %w", err)}
	}
	switch prefix[0] {
	case 0:
		r.Header.Del("Content-Encoding")
	case 1:
		r.Header.Set("Content-Encoding", r.Header.Get("Grpc-Encoding"))
	default:
		return refusal{http.StatusBadRequest, errors.New("the call holds no message of gRPC")}
	}
	r.Body = io.NopCloser(&exactly{r.Body, int64(binary.BigEndian.Uint32(prefix[1:]))})
	return nil
}

// Exactly reads so many bytes: a message that ends early may look like a whole
// one.
type exactly struct {
	r    io.Reader
	left int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	if errors.Is(err, io.EOF) && e.left > 0 {
		err = refusal{http.StatusBadRequest, io.ErrUnexpectedEOF}
	}
	return n, err
}

// status says what became of a call. As over HTTP, what may go well the next
// time is told apart, by when that may be.
func (h *Hub) status(r *http.Request, err error) *status.Status {
	refused, ok := errors.AsType[refusal](err)
	switch {
	case err == nil:
		return rpcStatus(code.Code_OK, "")
	case ok:
		return rpcStatus(refused.code(), refused.Error())
	case errors.Is(err, errUnknown):
		return rpcStatus(code.Code_UNAUTHENTICATED, err.Error())
	case errors.Is(err, store.ErrFull):
		return comeBack(rpcStatus(code.Code_RESOURCE_EXHAUSTED, saysFull), err)
	case r.Context().Err() != nil:
		return rpcStatus(code.Code_CANCELLED, "the call was canceled") // nobody waits for it any more
	case errors.Is(err, errNoTokens):
		return comeBack(rpcStatus(code.Code_UNAVAILABLE, err.Error()), err)
	}
	h.log.Error("spans not stored", "remote", r.RemoteAddr, "err", err)
	return comeBack(rpcStatus(code.Code_UNAVAILABLE, saysIll), err)
}

// code is what gRPC calls a refusal. One that is too large is none of
// RESOURCE_EXHAUSTED: some would send it again for ever.
func (r refusal) code() code.Code {
	switch r.status {
	case http.StatusForbidden:
		return code.Code_PERMISSION_DENIED
	case http.StatusNotFound, http.StatusUnsupportedMediaType:
		return code.Code_UNIMPLEMENTED
	}
	return code.Code_INVALID_ARGUMENT
}

// answerCall sends the message, where there is one, and the status.
func answerCall(w http.ResponseWriter, message []byte, s *status.Status) {
	head := w.Header()
	head.Set("Content-Type", "application/grpc")
	head.Set("Grpc-Accept-Encoding", "identity,gzip")
	w.WriteHeader(http.StatusOK)
	if s.Code == int32(code.Code_OK) {
		framed := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
		w.Write(append(framed, message...))
	}
	http.NewResponseController(w).Flush() // with a length in the header, there are no trailers
	head.Set(http.TrailerPrefix+"Grpc-Status", fmt.Sprint(s.Code))
	if s.Message != "" {
		head.Set(http.TrailerPrefix+"Grpc-Message", escaped(s.Message))
	}
	if len(s.Details) > 0 {
		head.Set(http.TrailerPrefix+"Grpc-Status-Details-Bin", inHeader(s))
	}
}

// escaped writes what a header can't hold as %XX.
func escaped(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// comeBack adds to s when the call may go well that failed for err.
func comeBack(s *status.Status, err error) *status.Status {
	retry := &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Duration(again(err)) * time.Second)}
	detail, bad := anypb.New(retry)
	if bad != nil {
		panic(bad) // a duration always marshals
	}
	s.Details = append(s.Details, detail)
	return s
}

func inHeader(s *status.Status) string {
	b, err := proto.Marshal(s)
	if err != nil {
		panic(err) // a number and valid text always marshal
	}
	return base64.RawStdEncoding.EncodeToString(b)
}
