package zmq

import (
	"fmt"

	zmq "github.com/pebbe/zmq4"
)

// monitor tells what becomes of a socket's connections.
type monitor struct {
	watched *zmq.Socket
	events  *zmq.Socket // to be polled
}

// newMonitor watches a socket that is neither bound nor dialled yet, for some
// events. The name is unique in the context.
func newMonitor(zctx *zmq.Context, watched *zmq.Socket, name string, events zmq.Event) (*monitor, error) {
	socket, err := zctx.NewSocket(zmq.PAIR)
	if err != nil {
		return nil, fmt.Errorf("open the monitor of %s: %w", name, err)
	}
	m := &monitor{watched: watched, events: socket}
	if err := m.connect("inproc://monitor-"+name, events); err != nil {
		m.close()
		return nil, fmt.Errorf("monitor %s: %w", name, err)
	}
	return m, nil
}

func (m *monitor) connect(endpoint string, events zmq.Event) error {
	// ZeroMQ's own thread sends the events, and must not wait for their reader.
	if err := m.events.SetRcvhwm(0); err != nil {
		return err
	}
	if err := m.watched.Monitor(endpoint, events); err != nil {
		return err
	}
	return m.events.Connect(endpoint)
}

// next returns the oldest event that was not returned yet, and the file
// descriptor of its connection. It never blocks; ok is false where there is no
// event.
func (m *monitor) next() (event zmq.Event, fd int, ok bool) {
	event, _, fd, err := m.events.RecvEvent(zmq.DONTWAIT)
	return event, fd, err == nil
}

// close ends the monitoring, before the watched socket is closed. The events'
// socket is closed last: ZeroMQ's own thread would wait for ever for a monitor
// that is gone, with every other connection of the context.
func (m *monitor) close() {
	_ = m.watched.Monitor("", 0)
	_ = m.events.Close()
}
