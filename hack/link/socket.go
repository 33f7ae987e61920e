package link

import (
	"context"
	"net"
	"syscall"
)

const (
	// socketBuffer is what the kernel may hold of a connection at either side of
	// a link, in bytes. Linux takes it twice, for what it needs beside the bytes.
	socketBuffer = 16 << 10
	// segment is the most that a peer sends at once, in bytes: on the loopback
	// interface, one would be larger than the buffer.
	segment = packet - 12
)

// listen listens at a free port of this machine.
func listen() (net.Listener, error) {
	config := net.ListenConfig{Control: small}
	return config.Listen(context.Background(), "tcp", "127.0.0.1:0") // nothing is looked up
}

func dial(ctx context.Context, target string) (*net.TCPConn, error) {
	dialer := net.Dialer{Timeout: dialTime, Control: small}
	c, err := dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// small gives a socket small buffers, before it is connected: later, they
// would not bound what the peer may send.
func small(_, _ string, c syscall.RawConn) error {
	var err error
	set := func(fd uintptr) {
		for _, option := range []struct{ level, name, value int }{
			{syscall.SOL_SOCKET, syscall.SO_RCVBUF, socketBuffer},
			{syscall.SOL_SOCKET, syscall.SO_SNDBUF, socketBuffer},
			{syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, segment},
		} {
			if err == nil {
				err = syscall.SetsockoptInt(int(fd), option.level, option.name, option.value)
			}
		}
	}
	if controlled := c.Control(set); controlled != nil {
		return controlled
	}
	return err
}
