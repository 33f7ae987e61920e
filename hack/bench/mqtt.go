package main

import (
	"context"
	"fmt"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"datastub/cloudsvc/load"
	"datastub/dataplane"
)

const (
	// mqttQoS is at least once, with an acknowledgement of each message.
	mqttQoS = 1
	// mqttWait bounds the wait for the broker's answers.
	mqttWait = 10 * time.Second
)

// dialMQTT connects, in order and without reconnects.
func dialMQTT(s setup, name string) (mqtt.Client, error) {
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(s.Address).SetClientID(name).
		SetAutoReconnect(false).SetOrderMatters(true))
	return client, done(client.Connect(), "connect to "+s.Address)
}

// done waits for a token.
func done(token mqtt.Token, what string) error {
	if !token.WaitTimeout(mqttWait) {
		return fmt.Errorf("%s: no answer in %v", what, mqttWait)
	}
	if err := token.Error(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// mqttOutlet publishes each message as its JSON, as KubeEdge's MQTT push
// would, but without waiting for one's acknowledgement before the next.
type mqttOutlet struct {
	client    mqtt.Client
	topic     string
	numbering *numbering
}

func newMQTTOutlet(s setup) (*mqttOutlet, error) {
	client, err := dialMQTT(s, "bench-source")
	return &mqttOutlet{client: client, topic: s.Topic, numbering: newNumbering(s)}, err
}

// Publish hands messages to the client. An acknowledgement that does not come
// is a message that the sink lacks, or has twice.
func (o *mqttOutlet) Publish(messages []dataplane.Message) error {
	o.numbering.give(messages)
	for i := range messages {
		token := o.client.Publish(o.topic, mqttQoS, false, messages[i].AppendJSON(nil))
		select {
		case <-token.Done():
			if err := token.Error(); err != nil {
				return err
			}
		default: // on its way
		}
	}
	return nil
}

// Run disconnects when ctx ends.
func (o *mqttOutlet) Run(ctx context.Context) error {
	<-ctx.Done()
	o.client.Disconnect(0)
	return nil
}

// mqttInlet subscribes at the same QoS.
type mqttInlet struct {
	client mqtt.Client
	wrong  chan error // holds the first message's that is none
}

func newMQTTInlet(s setup, tally *load.Tally) (*mqttInlet, error) {
	client, err := dialMQTT(s, "bench-sink")
	if err != nil {
		return nil, err
	}
	in := &mqttInlet{client: client, wrong: make(chan error, 1)}
	parser := load.NewParser()
	// The client calls it for one message after the other.
	take := func(_ mqtt.Client, m mqtt.Message) {
		a, err := parser.Message(m.Payload(), time.Now())
		if err == nil {
			tally.Add(a)
			return
		}
		select {
		case in.wrong <- err:
		default: // one has been told
		}
	}
	return in, done(client.Subscribe(s.Topic, mqttQoS, take), "subscribe to "+s.Topic)
}

// Run disconnects when ctx ends, or a message is none.
func (in *mqttInlet) Run(ctx context.Context) error {
	defer in.client.Disconnect(0)
	select {
	case err := <-in.wrong:
		return err
	case <-ctx.Done():
		return nil
	}
}
