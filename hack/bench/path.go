package main

import (
	"context"
	"time"

	"datastub/cloudsvc/load"
	"datastub/dataplane"
)

// The topics have 24 characters, as many as that of a real plant.
const (
	rtTopic     = "hall-07/boiler/sensor-01"
	btTopic     = "hall-08/boiler/sensor-01"
	mapperTopic = "hall-09/boiler/sensor-01"
	hookTopic   = "hall-10/boiler/sensor-01"
)

const (
	// The windows. A subscription of cloudsvc holds 16 MiB, which is 44,000
	// lines of these messages; an MQTT client has 65,535 packet ids.
	datastubWindow = 32_768
	zmqWindow      = 100_000
	mqttWindow     = 16_384
	hookWindow     = 1000 // a subscription waits in memory for its receiver
)

// The sync settings: what is on disk when a message is delivered.
const (
	syncAlways = "always" // the message is
	syncNone   = "none"   // nothing need be
)

// A path carries messages from a source to a sink.
type path struct {
	*pair
	name      string
	sync      string
	processes []watched
}

// outcome is what one round of a path came to.
type outcome struct {
	load.Result
	Rate  float64 `json:"rate"` // messages a second
	Usage []usage `json:"usage"`
}

// uplinkPath is a load's own publisher, cloudsvc, and an NDJSON subscriber.
func (p *programs) uplinkPath(ctx context.Context, class dataplane.Class, topic string) (*path, error) {
	sink := setup{Kind: kindDatastub, Address: p.http, Topic: topic, Class: class}
	source := setup{Kind: kindDatastub, Address: p.uplink, Topic: topic, Class: class, Node: "bench-" + class.String(), Window: datastubWindow}
	return p.newPath(ctx, "datastub_"+class.String(), syncAlways, sink, source, watched{"cloudsvc", p.cloudsvc.ID()})
}

// hookPath is a load's own publisher, a cloudsvc, and receivers of webhooks, each
// of which has a subscription to all.
func (p *programs) hookPath(ctx context.Context, c *cloud, name string, receivers int) (*path, error) {
	sink := setup{Kind: kindHook, Address: c.http, Topic: hookTopic, Class: dataplane.RT, Hooks: receivers}
	source := setup{Kind: kindDatastub, Address: c.uplink, Topic: hookTopic, Class: dataplane.RT, Node: "bench-hook", Window: hookWindow}
	return p.newPath(ctx, name, syncAlways, sink, source, watched{"cloudsvc", c.cloudsvc.ID()})
}

// zmqPath is a bare PUB and a bare SUB.
func (p *programs) zmqPath(ctx context.Context) (*path, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := setup{Kind: kindZMQ, Address: "tcp://" + address, Topic: rtTopic, Class: dataplane.RT, Node: "bench", Window: zmqWindow}
	return p.newPath(ctx, "zmq_pub_sub", syncNone, s, s)
}

// mqttPath is two clients of mosquitto.
func (p *programs) mqttPath(ctx context.Context) (*path, error) {
	s := setup{Kind: kindMQTT, Address: p.mqtt, Topic: rtTopic, Class: dataplane.RT, Node: "bench", Window: mqttWindow}
	return p.newPath(ctx, "mosquitto_qos1", syncNone, s, s, watched{"mosquitto", p.mosquitto.ID()})
}

func (p *programs) newPath(ctx context.Context, name, sync string, sink, source setup, between ...watched) (*path, error) {
	pair, err := startPair(ctx, sink, source, p.log)
	if err != nil {
		return nil, err
	}
	way := &path{pair: pair, name: name, sync: sync, processes: between}
	for _, a := range pair.actors() {
		way.processes = append(way.processes, watched{a.role, a.cmd.Process.Pid})
	}
	return way, nil
}

// about returns the path's name and what it syncs.
func (p *path) about() (name, sync string) { return p.name, p.sync }

// measure has the path carry a load, after some of it to warm up.
func (p *path) measure(ctx context.Context, warmUp time.Duration, o load.Order) (outcome, error) {
	if _, _, err := p.send(ctx, load.Order{For: warmUp, Rate: o.Rate}); err != nil {
		return outcome{}, err
	}
	used, err := watch(p.processes)
	if err != nil {
		return outcome{}, err
	}
	sent, result, err := p.send(ctx, o)
	if err != nil {
		return outcome{}, err
	}
	out := outcome{Result: result, Rate: float64(result.Received) / result.Last.Sub(sent.Began).Seconds()}
	out.Usage, err = used()
	return out, err
}
