package hub

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/sonde-media/sonde/internal/store"
)

// An encoding is one of the two that OTLP/HTTP has; an answer is in that of
// its request.
type encoding string

const (
	protobufs encoding = "application/x-protobuf"
	jsons     encoding = "application/json"
)

// A refusal is why a request for storing is not granted.
type refusal struct {
	status int
	error
}

// traces takes in spans. It answers 200 only when they are on disk.
func (h *Hub) traces(w http.ResponseWriter, r *http.Request) {
	enc, err := requestEncoding(r)
	if err != nil {
		refuse(w, http.StatusUnsupportedMediaType, err.Error())
		return
	}
	resp := ptraceotlp.NewExportResponse()
	if err := h.take(r, enc, resp); err != nil {
		h.refuseOTLP(w, r, enc, err)
		return
	}
	var body []byte
	if enc == jsons {
		body, err = resp.MarshalJSON()
	} else {
		body, err = resp.MarshalProto()
	}
	if err != nil {
		h.refuseOTLP(w, r, enc, err)
		return
	}
	w.Header().Set("Content-Type", string(enc))
	w.Write(body)
}

func requestEncoding(r *http.Request) (encoding, error) {
	header := r.Header.Get("Content-Type")
	media, _, err := mime.ParseMediaType(header)
	switch enc := encoding(media); {
	case err == nil && (enc == protobufs || enc == jsons):
		return enc, nil
	}
	return "", fmt.Errorf("spans come as %s or %s, not as %q", protobufs, jsons, header)
}

// take stores the spans of a request and notes in resp which it didn't want.
func (h *Hub) take(r *http.Request, enc encoding, resp ptraceotlp.ExportResponse) error {
	arrived := time.Now()
	by := sender{region: bound(r), offset: senderOffset(r.Header, arrived), received: arrived}
	batch, rejected, err := h.receive(r, enc, by)
	if err != nil {
		return err
	}
	if err := h.st.Write(r.Context(), batch); err != nil {
		return err
	}
	h.watch.wake()
	h.numbers.received.Add(float64(rejected.kept))
	h.numbers.rejected.Add(float64(rejected.total()))
	if n := rejected.total(); n > 0 {
		resp.PartialSuccess().SetRejectedSpans(int64(n))
		resp.PartialSuccess().SetErrorMessage(rejected.String())
	}
	return nil
}

// receive reads a request and unpacks it. What all requests have sent so far
// is bounded too: many that send slowly would fill the memory.
func (h *Hub) receive(r *http.Request, enc encoding, by sender) (*store.Batch, tallied, error) {
	held := &holder{r: r.Body, all: &h.held}
	defer held.release()
	body, err := readLimited(held, maxBody)
	if err != nil {
		return nil, tallied{}, err
	}
	return h.decode(r, enc, body, by)
}

// A holder counts what it reads in with what others hold.
type holder struct {
	r   io.Reader
	all *atomic.Int64
	n   int64
}

func (h *holder) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.n += int64(n)
	if h.all.Add(int64(n)) > maxHeld {
		return n, store.ErrFull
	}
	return n, err
}

func (h *holder) release() { h.all.Add(-h.n) }

// decode unpacks a request, which takes memory and so waits for its turn.
func (h *Hub) decode(r *http.Request, enc encoding, body []byte, by sender) (*store.Batch, tallied, error) {
	end, ok := h.inHand.take(r)
	if !ok {
		return nil, tallied{}, store.ErrFull
	}
	defer end()
	body, err := inflate(r.Header.Get("Content-Encoding"), body)
	if err != nil {
		return nil, tallied{}, err
	}
	req, err := parse(enc, body)
	switch {
	case errors.Is(err, errMany):
		return nil, tallied{}, refusal{http.StatusRequestEntityTooLarge, err}
	case err != nil:
		return nil, tallied{}, refusal{http.StatusBadRequest, fmt.Errorf("the body is no OTLP as %s: %w", enc, err)}
	}
	return rows(req.Traces(), by, h.st.Accepts)
}

func parse(enc encoding, body []byte) (ptraceotlp.ExportRequest, error) {
	req := ptraceotlp.NewExportRequest()
	if enc == jsons {
		if err := checkJSON(body, maxNesting, maxMessages); err != nil {
			return req, err
		}
		return req, req.UnmarshalJSON(body)
	}
	left := maxMessages
	if err := requestMessage.check(body, maxNesting, &left); err != nil {
		return req, err
	}
	return req, req.UnmarshalProto(body)
}

func inflate(coding string, body []byte) ([]byte, error) {
	switch strings.ToLower(coding) {
	case "", "identity":
		return body, nil
	case "gzip":
	default:
		return nil, refusal{http.StatusUnsupportedMediaType, fmt.Errorf("bodies come plain or as gzip, not as %q", coding)}
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, refusal{http.StatusBadRequest, fmt.Errorf("the body is no gzip: %w", err)}
	}
	plain, err := readLimited(z, maxInflated)
	if _, refused := errors.AsType[refusal](err); err != nil && !refused {
		return nil, refusal{http.StatusBadRequest, fmt.Errorf("the body is no gzip: %w", err)}
	}
	return plain, err
}

// readLimited reads all of r, and refuses it where that is more than limit.
func readLimited(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	if int64(len(body)) > limit {
		return nil, refusal{http.StatusRequestEntityTooLarge, fmt.Errorf("the body is larger than %d MiB; send fewer runs in one request", limit>>20)}
	}
	return body, nil
}

// again is after how many seconds a request may go well that failed for err,
// which is no refusal.
func again(err error) int {
	if errors.Is(err, store.ErrFull) {
		return 1
	}
	return 5
}

// What is told to who may come back.
const (
	saysFull = "the hub has more to store than it can; try again in a second"
	saysIll  = "the hub can't store spans now; its log says why"
)

// refuseOTLP answers as OTLP wants it. What may go well the next time gets a
// status that agents send again for: a lost run can't be probed any more.
func (h *Hub) refuseOTLP(w http.ResponseWriter, r *http.Request, enc encoding, err error) {
	refused, ok := errors.AsType[refusal](err)
	switch {
	case ok && refused.status == http.StatusForbidden:
		writeStatus(w, enc, refused.status, code.Code_PERMISSION_DENIED, refused.Error())
	case ok:
		writeStatus(w, enc, refused.status, code.Code_INVALID_ARGUMENT, refused.Error())
	case errors.Is(err, store.ErrFull):
		w.Header().Set("Retry-After", strconv.Itoa(again(err)))
		writeStatus(w, enc, http.StatusTooManyRequests, code.Code_RESOURCE_EXHAUSTED, saysFull)
	case errors.Is(err, context.Canceled):
		return // nobody waits for it any more
	default:
		h.log.Error("spans not stored", "remote", r.RemoteAddr, "err", err)
		w.Header().Set("Retry-After", strconv.Itoa(again(err)))
		writeStatus(w, enc, http.StatusServiceUnavailable, code.Code_UNAVAILABLE, saysIll)
	}
}

func writeStatus(w http.ResponseWriter, enc encoding, httpStatus int, c code.Code, text string) {
	s := rpcStatus(c, text)
	var body []byte
	var err error
	if enc == jsons {
		body, err = json.Marshal(map[string]any{"code": s.Code, "message": s.Message})
	} else {
		body, err = proto.Marshal(s)
	}
	if err != nil {
		panic(err) // a number and valid text always marshal
	}
	w.Header().Set("Content-Type", string(enc))
	w.WriteHeader(httpStatus)
	w.Write(body)
}

func rpcStatus(c code.Code, text string) *status.Status {
	return &status.Status{Code: int32(c), Message: strings.ToValidUTF8(text, "\uFFFD")}
}

// spansOnly refuses other signals.
func spansOnly(w http.ResponseWriter, r *http.Request) {
	http.Error(w, "the hub keeps spans only, sent to /v1/traces; send "+strings.TrimPrefix(r.URL.Path, "/v1/")+" to another backend", http.StatusNotFound)
}
