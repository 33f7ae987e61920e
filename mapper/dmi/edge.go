package dmi

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	pb "github.com/kubeedge/api/apis/dmi/v1beta1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

const (
	// callLimit is how long EdgeCore may take to answer.
	callLimit = 5 * time.Second
	// maxAnswer is the largest answer of EdgeCore that is read, in bytes: a
	// registration's has every device and, again with each, its model.
	maxAnswer = 64 << 20
)

// errTooMany says that EdgeCore's limiter refused a request: it takes one a
// second of all mappers of the node together, and 100 at once after a rest.
var errTooMany = errors.New("EdgeCore takes no more requests just now: too many come from this node's mappers")

// An edge is EdgeCore's DeviceManagerService: one connection for everything,
// which comes back by itself when EdgeCore does.
type edge struct {
	conn   *grpc.ClientConn
	client pb.DeviceManagerServiceClient
}

// newEdge returns an edge that will dial EdgeCore's socket.
func newEdge(path string) (*edge, error) {
	target := url.URL{Scheme: "unix", Path: path}
	conn, err := grpc.NewClient(target.String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), // a socket's mode says who may connect
		grpc.WithIdleTimeout(0),                                  // a connection that breaks is how a restart shows
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second},
			MinConnectTimeout: callLimit,
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare to dial EdgeCore at %s: %w", path, err)
	}
	return &edge{conn: conn, client: pb.NewDeviceManagerServiceClient(conn)}, nil
}

// Close ends the connection.
func (e *edge) Close() error { return e.conn.Close() }

// watch keeps the connection up, and calls connected whenever it is up again,
// until ctx ends.
func (e *edge) watch(ctx context.Context, connected func()) {
	for {
		state := e.conn.GetState()
		switch state {
		case connectivity.Idle:
			e.conn.Connect()
		case connectivity.Ready:
			connected()
		}
		if !e.conn.WaitForStateChange(ctx, state) {
			return
		}
	}
}

// Register tells EdgeCore of the mapper, and returns its devices.
func (e *edge) Register(ctx context.Context, request *pb.MapperRegisterRequest) (*pb.MapperRegisterResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	answer, err := e.client.MapperRegister(ctx, request)
	return answer, reasonOf("register mapper "+request.GetMapper().GetName(), err)
}

// ReportStatus reports twins of a device.
func (e *edge) ReportStatus(ctx context.Context, request *pb.ReportDeviceStatusRequest) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	_, err := e.client.ReportDeviceStatus(ctx, request)
	return reasonOf("report twins of "+request.GetDeviceNamespace()+"/"+request.GetDeviceName(), err)
}

// ReportStates reports the state of a device.
func (e *edge) ReportStates(ctx context.Context, request *pb.ReportDeviceStatesRequest) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	_, err := e.client.ReportDeviceStates(ctx, request)
	return reasonOf("report state of "+request.GetDeviceNamespace()+"/"+request.GetDeviceName(), err)
}

// reasonOf says what was attempted, and wraps why it came to nothing.
func reasonOf(attempt string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", attempt, causeOf(status.Convert(err)))
}

// causeOf returns what EdgeCore or the connection said, without the words that
// gRPC puts before it: errTooMany where that is it, for which EdgeCore has no
// code.
func causeOf(s *status.Status) error {
	text := strings.TrimPrefix(s.Message(), "connection error: desc = ")
	if plain, err := strconv.Unquote(text); err == nil {
		text = plain
	}
	switch {
	case s.Code() == codes.DeadlineExceeded:
		return fmt.Errorf("EdgeCore has not answered in %v", callLimit)
	case strings.HasPrefix(text, "error reading server preface"):
		return errors.New("who listens at EdgeCore's socket does not answer as EdgeCore does")
	case strings.Contains(text, "too many request"):
		return errTooMany
	}
	return errors.New(strings.TrimPrefix(text, "transport: Error while dialing: "))
}
