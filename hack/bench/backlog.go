package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"k8s.io/klog/v2"

	"datastub/cloudsvc/load"
	"datastub/dataplane"
	"datastub/dataplane/spool"
	"datastub/dataplane/uplink"
	"datastub/dataplane/zmq"
)

// A backlog is a day of one node: so many devices with so many properties,
// each read once a cycle, all of class BT.
const (
	backlogDevices    = 10
	backlogProperties = 10
	backlogCycle      = time.Second
	backlogTime       = 24 * time.Hour
	backlogCount      = backlogDevices * backlogProperties * int(backlogTime/backlogCycle)
	backlogRate       = float64(backlogCount) / float64(backlogTime/time.Second)
)

// spoolBytes is what a mapper's spool may take unless it is told otherwise.
const spoolBytes = 1 << 30

// makeBacklog puts the day that ends now into the mapper's spool on disk, as
// if cloudsvc had been away for as long.
func makeBacklog(dir string, now time.Time) error {
	publisher, err := zmq.NewPublisher(zmq.PublisherOptions{
		Node: mapperNode, Mapper: mapperName, Uplink: "tcp://127.0.0.1:1", // never dialled
		Spool: spool.Storage{Dir: dir, MaxBytes: spoolBytes}, Logger: klog.Background(),
		Batch: uplink.BatchPolicy{MaxCount: load.BatchCount, MaxBytes: 256 << 10, MaxAge: time.Second},
	})
	if err != nil {
		return fmt.Errorf("make a backlog: %w", err)
	}
	defer publisher.Close()
	day := newDay(now.Add(-backlogTime))
	for range backlogCount / len(day.messages) {
		if err := publisher.Publish(day.next()); err != nil {
			return fmt.Errorf("make a backlog: %w", err)
		}
	}
	if n := publisher.Dropped(); n > 0 {
		return fmt.Errorf("a spool of %d bytes had to drop %d records of a day's %d", spoolBytes, n, backlogCount)
	}
	return nil
}

// A day makes its messages, a cycle at a time.
type day struct {
	messages []dataplane.Message
	at       time.Time
	cycle    int
	random   *rand.Rand
}

func newDay(begin time.Time) *day {
	d := &day{at: begin, random: rand.New(rand.NewPCG(1, 2))}
	for device := range backlogDevices {
		for property := range backlogProperties {
			d.messages = append(d.messages, dataplane.Message{
				Topic: fmt.Sprintf("hall-10/boiler/sensor-%02d", property), Namespace: "default",
				Device: fmt.Sprintf("device-%03d", device), Property: fmt.Sprintf("sensor-%02d", property),
				Class: dataplane.BT, Unit: "°C",
			})
		}
	}
	return d
}

// next returns the messages of the next cycle, in a slice that is used again.
// A value is a temperature to a hundredth of a degree that turns slowly, with
// noise; a device's were read in one go.
func (d *day) next() []dataplane.Message {
	for i := range d.messages {
		if i%backlogProperties == 0 {
			d.messages[i].Time = d.at.Add(time.Duration(d.random.Int64N(int64(backlogCycle / 10))))
		} else {
			d.messages[i].Time = d.messages[i-1].Time
		}
		celsius := 50 + 40*math.Sin(float64(d.cycle+1000*i)/1e4) + d.random.Float64()
		d.messages[i].Value = dataplane.FloatValue(float32(math.Round(celsius*100) / 100))
	}
	d.at = d.at.Add(backlogCycle)
	d.cycle++
	return d.messages
}
