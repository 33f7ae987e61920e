package modbus

import "net"

// WithPort has serial ports opened by a function.
func (o Options) WithPort(open func() net.Conn) Options {
	o.port = func(string, serialConfig) (conn, error) { return open(), nil }
	return o
}
