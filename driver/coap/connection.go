package coap

import (
	"context"
	"fmt"
	"math"
	"net"
	"time"

	"github.com/pion/dtls/v3"
	dtlsnet "github.com/pion/dtls/v3/pkg/net"
	coapdtls "github.com/plgd-dev/go-coap/v3/dtls"
	"github.com/plgd-dev/go-coap/v3/net/blockwise"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/udp"
	"github.com/plgd-dev/go-coap/v3/udp/client"
)

// A connection is a socket, over which a device knows its observer.
type connection struct {
	conn    *client.Conn
	stop    context.CancelFunc
	broken  chan error    // holds one: what went wrong since the last request began
	resting chan struct{} // closed when nothing is sent again any more
}

// connect opens a connection. Over UDP alone nothing is sent, and whether the
// device is there turns out later.
func connect(ctx context.Context, c *config) (*connection, error) {
	socket, err := new(net.Dialer).DialContext(ctx, "udp", c.address)
	if err != nil {
		return nil, err
	}
	if !c.secure {
		made := newConnection()
		made.conn = udp.Client(socket.(*net.UDPConn), made.options(c)...)
		return made, nil
	}
	secured, err := handshake(ctx, socket, &c.key)
	if err != nil {
		_ = socket.Close() // nothing was sent that could be lost
		return nil, err
	}
	made := newConnection()
	made.conn = coapdtls.Client(secured, made.options(c)...)
	return made, nil
}

// handshake makes a DTLS session of a socket, or leaves it to be closed.
func handshake(ctx context.Context, socket net.Conn, key *psk) (*dtls.Conn, error) {
	options, err := key.options()
	if err != nil {
		return nil, err
	}
	secured, err := dtls.ClientWithOptions(dtlsnet.PacketConnFromConn(socket), socket.RemoteAddr(), options...)
	if err != nil {
		return nil, err
	}
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = secured.Close() // it never was open
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("DTLS handshake (do pskIdentity and the key fit?): %w", err)
	}
	return secured, nil
}

func newConnection() *connection {
	return &connection{broken: make(chan error, 1), resting: make(chan struct{})}
}

// options are those of the library's client.
func (c *connection) options(config *config) []udp.Option {
	ctx, stop := context.WithCancel(context.Background()) // it outlives the call that made it
	c.stop = stop
	const (
		atOnce    = 1              // request: RFC 7252's NSTART
		unlimited = 0              // here: the device's turn limits
		longest   = math.MaxUint16 // datagram: a shorter buffer would cut it, and nobody would know
	)
	return []udp.Option{
		options.WithContext(ctx),
		options.WithCloseSocket(),
		options.WithMTU(longest),
		// One more than are sent, or the library would give up as it sends the last.
		options.WithTransmission(atOnce, config.timeout, uint32(config.retries)+1),
		options.WithBlockwise(true, blockwise.SZX1024, config.patience()),
		options.WithLimitClientParallelRequest(unlimited),
		options.WithLimitClientEndpointParallelRequest(unlimited),
		options.WithErrors(c.note),
		mending{},
		options.WithPeriodicRunner(func(tick func(time.Time) bool) { go c.tick(ctx, config.timeout/4, tick) }),
	}
}

// note keeps the first that goes wrong: the cause of what follows.
func (c *connection) note(err error) {
	select {
	case c.broken <- err:
	default:
	}
}

// tick has the library send again what was not answered, and forget what is
// old.
func (c *connection) tick(ctx context.Context, every time.Duration, tick func(time.Time) bool) {
	defer close(c.resting)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			if !tick(now) {
				return
			}
		}
	}
}

// ended tells whether the connection is closed, by whomever.
func (c *connection) ended() bool { return c.conn.Context().Err() != nil }

// cause returns why a connection ended by itself. The library tells that just
// after it has ended it.
func (c *connection) cause(ctx context.Context) error {
	select {
	case err := <-c.broken:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close closes the connection, and returns when nothing of it is left. What
// closing says is of no use to anyone: it is given up.
func (c *connection) close() {
	c.stop()
	_ = c.conn.Close()
	<-c.conn.Done()
	<-c.resting
}

// forget forgets complaints about earlier requests.
func (c *connection) forget() {
	select {
	case <-c.broken:
	default:
	}
}
