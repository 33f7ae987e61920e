package coap

import (
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/udp/client"
)

// partial is an option that mend gives to what is not whole. Its number is one
// for experiments, RFC 7252 section 12.2, and elective.
const partial message.OptionID = 65000

// more is the bit of a block option that says that others follow, RFC 7959
// section 2.2.
const more = 1 << 3

// mending is the option of a client that has mend look at each message first.
type mending struct{}

// UDPClientApply implements udp.Option.
func (mending) UDPClientApply(c *client.Config) { c.RequestMonitor = mend }

// mend helps the library with blocks. Of what a device sends as a confirmable
// message, go-coap v3.3.6 asks for the next block in its acknowledgement, which
// no device understands: with libcoap both would send without end. So a response
// is acknowledged here, and passed on as one that need not be; and the rest of a
// notification is not asked for at all, but that there is one is marked.
func mend(conn *client.Conn, m *pool.Message) (drop bool, err error) {
	block, err := m.GetOptionUint32(message.Block2)
	if err != nil || block&more == 0 {
		return false, nil // whole, or the last
	}
	if m.HasOption(message.Observe) {
		m.Remove(message.Block2)
		m.Remove(message.Size2)
		m.SetOptionUint32(partial, 1)
		return false, nil
	}
	if m.Type() != message.Confirmable {
		return false, nil
	}
	m.SetType(message.NonConfirmable)
	return false, acknowledge(conn, m.MessageID())
}

// acknowledge sends an empty acknowledgement, RFC 7252 section 4.2.
func acknowledge(conn *client.Conn, id int32) error {
	m := conn.AcquireMessage(conn.Context())
	defer conn.ReleaseMessage(m)
	m.SetType(message.Acknowledgement)
	m.SetCode(codes.Empty)
	m.SetMessageID(id)
	return conn.Session().WriteMessage(m)
}
