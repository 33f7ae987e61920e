package modbus

import (
	"context"
	"fmt"
	"time"

	"github.com/grid-x/modbus"
)

// lineConfig is how a line is reached. Devices whose are equal share it.
type lineConfig struct {
	mode    mode
	address string // host:port, or the path of a serial port
	serial  serialConfig
	tls     tlsConfig
}

// String tells what devices that share an address must agree upon.
func (c lineConfig) String() string {
	switch c.mode {
	case overSerial:
		return c.serial.String()
	case overTLS:
		return c.tls.String()
	}
	return c.mode.String()
}

// codec returns what makes the frames of the line.
func (c lineConfig) codec() codec {
	if c.mode.numbered() {
		return modbus.NewTCPClientHandler(c.address) // of which only the codec is used
	}
	return modbus.NewRTUClientHandler(c.address) // here, too
}

// pace returns that of the line, if its frames have no numbers.
func (c lineConfig) pace() pace {
	if c.mode == overSerial {
		return serialPace(c.serial.baudRate)
	}
	return tcpPace
}

// airtime is what a request and its answer take on a serial line.
func (c lineConfig) airtime(request []byte) time.Duration {
	if c.mode != overSerial {
		return 0
	}
	answer := replySize(pdu(request)) + pduAt + crcSize
	return time.Duration(len(request)+answer) * c.pace().character
}

// connect makes a connection, and a link of it.
func (c lineConfig) connect(ctx context.Context, o Options, owed debts) (link, error) {
	conn, err := c.open(ctx, o)
	if err != nil {
		return nil, err
	}
	if c.mode.numbered() {
		return newMBAP(conn), nil
	}
	return &rtu{conn: conn, codec: c.codec(), pace: c.pace(), debts: owed, now: o.Now}, nil
}

// open makes a connection.
func (c lineConfig) open(ctx context.Context, o Options) (conn, error) {
	if c.mode == overSerial {
		return o.port(c.address, c.serial)
	}
	socket, err := o.Dial(ctx, "tcp", c.address)
	if err != nil || c.mode != overTLS {
		return socket, err
	}
	secured, err := c.tls.secure(ctx, socket, o.Now)
	if err != nil {
		socket.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return secured, nil
}
