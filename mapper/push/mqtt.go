package push

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

const (
	// connectTime is how long it may take to connect, TLS and handshake included.
	connectTime = 5 * time.Second
	// writeTime is how long a broker may take no byte of a value.
	writeTime = 5 * time.Second
	// ackTime is how long a broker may take to acknowledge a batch.
	ackTime = 10 * time.Second
	// keepAlive is how often a connection that rests is tried, so that NATs keep it
	// and a broker that is gone is seen.
	keepAlive = 30 * time.Second
	// farewell is how long the DISCONNECT may take to leave.
	farewell = 250 * time.Millisecond
)

// A courier is the carrier of an MQTT broker: one connection for all topics. It
// does not have the library reconnect, whose queue would stand behind ours
// without a bound.
type courier struct {
	broker string
	name   string      // the client id
	client mqtt.Client // nil: never connected
}

var _ carrier = (*courier)(nil)

func newCourier(client, broker string) *courier {
	return &courier{broker: broker, name: clientID(client, broker)}
}

// clientID returns a client id that stays the same over restarts, and is
// another one for each mapper and for each spelling of an address: brokers cut
// off the older of two clients with one id.
func clientID(client, broker string) string {
	sum := sha256.Sum256([]byte(client + "\x00" + broker))
	return fmt.Sprintf("datastub-%s-%x", strings.ReplaceAll(client, "/", "-"), sum[:4])
}

// carry implements carrier. All letters are under way at once. What was not
// acknowledged when the connection broke is sent again, whatever its QoS.
func (c *courier) carry(ctx context.Context, batch [][]*letter) error {
	if err := c.connect(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, ackTime, fmt.Errorf("no acknowledgement within %v", ackTime))
	defer cancel()
	letters := slices.Concat(batch...)
	tokens := publish(ctx, c.client, letters)
	for _, l := range letters {
		if err := wait(ctx, tokens); err != nil {
			c.hangUp()
			return fmt.Errorf("publish: %w", reasonOf(err))
		}
		l.fate = delivered
	}
	return nil
}

// publish hands letters to a client until it takes one no more or ctx ends, and
// returns what stands for each. It does so in a goroutine: where the broker
// reads nothing, the client waits for room as long as writeTime, and heeds no
// context. Nobody waits for that one at the mapper's end.
func publish(ctx context.Context, client mqtt.Client, letters []*letter) <-chan mqtt.Token {
	tokens := make(chan mqtt.Token, len(letters))
	go func() {
		for _, l := range letters {
			token := client.Publish(l.mqtt.Topic, l.mqtt.QoS, l.mqtt.Retained, l.body)
			tokens <- token
			if token.Error() != nil || ctx.Err() != nil {
				return // the others wait
			}
		}
	}()
	return tokens
}

// connect connects unless it is. Where ctx ends before, the library's dialling
// ends by itself within connectTime.
func (c *courier) connect(ctx context.Context) error {
	if c.client != nil && c.client.IsConnectionOpen() {
		return nil
	}
	c.hangUp()
	c.client = mqtt.NewClient(mqtt.NewClientOptions().
		AddBroker(c.broker).SetClientID(c.name).SetProtocolVersion(4).SetCleanSession(true).
		SetAutoReconnect(false).SetConnectTimeout(connectTime).SetWriteTimeout(writeTime).SetKeepAlive(keepAlive))
	if err := await(ctx, c.client.Connect()); err != nil {
		return fmt.Errorf("connect: %w", reasonOf(err))
	}
	return nil
}

// wait waits for a token, and for what it stands for.
func wait(ctx context.Context, tokens <-chan mqtt.Token) error {
	select {
	case token := <-tokens:
		return await(ctx, token)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// await waits for what a token stands for.
func await(ctx context.Context, token mqtt.Token) error {
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// hangUp ends the connection, if there is one. The client is not used again.
func (c *courier) hangUp() {
	if c.client != nil {
		c.client.Disconnect(uint(farewell.Milliseconds()))
		c.client = nil
	}
}

// close implements carrier.
func (c *courier) close() { c.hangUp() }
