package dmi

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "github.com/kubeedge/api/apis/dmi/v1beta1"
	"google.golang.org/grpc"

	"datastub/mapper/socket"
)

const (
	// maxCall is the largest call that is taken, in bytes: more than etcd holds
	// in one object.
	maxCall = 4 << 20
	// maxCalls is how many calls a connection may have under way. EdgeCore has
	// one.
	maxCalls = 16
	// stopGrace is for calls under way when the server stops.
	stopGrace = 500 * time.Millisecond
)

// A server serves a service at a socket.
type server struct {
	grpc     *grpc.Server
	listener *socket.Listener
}

func newServer(listener *socket.Listener, s *service) *server {
	g := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxCall), grpc.MaxConcurrentStreams(maxCalls), grpc.UnaryInterceptor(guard(s.roster.logger)),
	)
	pb.RegisterDeviceMapperServiceServer(g, s)
	return &server{grpc: g, listener: listener}
}

// run serves until ctx ends, and closes the listener.
func (s *server) run(ctx context.Context) error {
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		limit := time.AfterFunc(stopGrace, s.grpc.Stop)
		defer limit.Stop()
		s.grpc.GracefulStop()
	})
	err := s.grpc.Serve(s.listener)
	if !stop() {
		<-stopped
	}
	if err != nil && !errors.Is(err, grpc.ErrServerStopped) { // ctx ended first
		return fmt.Errorf("serve EdgeCore at %v: %w", s.listener.Addr(), err)
	}
	return nil
}
