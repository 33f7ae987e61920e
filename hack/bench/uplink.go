package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"datastub/cloudsvc/load"
	"datastub/dataplane"
)

const (
	uplinkTime = time.Second
	uplinkRate = latencyRate
)

// uplinkBytes is what a value costs on the link, up and with the frames of
// ZeroMQ, beside the same messages in JSON.
func (b *bench) uplinkBytes(ctx context.Context) error {
	for _, class := range dataplane.Classes {
		var ours, plain, zipped []float64
		for round := range rounds {
			m, err := b.programs.measureUplink(ctx, class, round)
			if err != nil {
				return err
			}
			ours = append(ours, m.link)
			plain = append(plain, m.plain)
			zipped = append(zipped, m.zipped)
		}
		name, carried := uplinkText(class)
		datastub := newSide("datastub_"+class.String(), syncAlways, ours, nil)
		b.add(newFigure(name, "B", lower, carried, datastub, newSide("json", syncNone, plain, nil)))
		b.add(newFigure(name, "B", lower, carried, datastub, newSide("json_gzip", syncNone, zipped, nil)))
	}
	return nil
}

func uplinkText(class dataplane.Class) (name, carried string) {
	if class == dataplane.RT {
		return "uplink_bytes_per_value_rt", fmt.Sprintf("%d messages a second, each zipped alone, as it is sent at once", uplinkRate)
	}
	return "uplink_bytes_per_value_bt", fmt.Sprintf("%d messages a second, zipped in batches of %d, as ours are", uplinkRate, load.BatchCount)
}

// sizes are the bytes of one value.
type sizes struct{ link, plain, zipped float64 }

// measureUplink sends messages through a meter.
func (p *programs) measureUplink(ctx context.Context, class dataplane.Class, round int) (sizes, error) {
	meter, err := load.NewMeter(ctx, p.uplink)
	if err != nil {
		return sizes{}, err
	}
	publisher, err := load.NewPublisher(meter.Endpoint(), fmt.Sprintf("bench-uplink-%v-%d", class, round), klog.Logger{})
	if err != nil {
		return sizes{}, err
	}
	var g errgroup.Group
	metering, endMeter := context.WithCancel(ctx)
	publishing, endPublisher := context.WithCancel(ctx)
	defer endPublisher()
	g.Go(func() error { return meter.Run(metering) })
	g.Go(func() error {
		defer endMeter() // when all is delivered
		return publisher.Run(publishing)
	})
	scale := newScale(class, publisher.Publish)
	source, err := load.NewSource(load.SourceOptions{
		Topic: btTopic, Devices: sourceDevices, Class: class, Window: datastubWindow,
		Received: scale.sent, Publish: scale.publish,
	})
	var sent load.Sent
	if err == nil {
		sent, err = source.Send(ctx, load.Order{For: uplinkTime, Rate: uplinkRate})
	}
	endPublisher()
	if err := errors.Join(err, g.Wait()); err != nil {
		return sizes{}, err
	}
	if left := publisher.Undelivered(); left > 0 {
		return sizes{}, fmt.Errorf("%d of %d messages did not get through the meter", left, sent.Count)
	}
	up, _ := meter.Bytes()
	plain, zipped := scale.bytes()
	n := float64(sent.Count)
	return sizes{link: float64(up) / n, plain: float64(plain) / n, zipped: float64(zipped) / n}, nil
}

// A scale weighs messages as JSON, and zipped, on their way to a publisher.
type scale struct {
	next  func([]dataplane.Message) error
	batch int // messages that are zipped together

	count  uint64
	plain  int
	zipped countWriter
	zip    *gzip.Writer
	text   []byte
}

func newScale(class dataplane.Class, next func([]dataplane.Message) error) *scale {
	s := &scale{next: next, batch: 1}
	if class == dataplane.BT {
		s.batch = load.BatchCount
	}
	s.zip = gzip.NewWriter(&s.zipped)
	return s
}

// sent returns how many messages have passed.
func (s *scale) sent() uint64 { return s.count }

func (s *scale) publish(messages []dataplane.Message) error {
	if err := s.next(messages); err != nil {
		return err
	}
	for i := range messages {
		s.text = append(messages[i].AppendJSON(s.text[:0]), '\n')
		s.plain += len(s.text)
		if _, err := io.Copy(s.zip, bytes.NewReader(s.text)); err != nil {
			return err
		}
		if s.count++; s.count%uint64(s.batch) == 0 {
			s.endBatch()
		}
	}
	return nil
}

// endBatch begins the next zipped batch.
func (s *scale) endBatch() {
	_ = s.zip.Close() // countWriter takes everything
	s.zip.Reset(&s.zipped)
}

// bytes returns what all messages came to. It is called once, at the end.
func (s *scale) bytes() (plain, zipped int) {
	if s.count%uint64(s.batch) != 0 {
		s.endBatch()
	}
	return s.plain, int(s.zipped)
}

// countWriter counts what is written to it.
type countWriter int

// Write takes everything.
func (c *countWriter) Write(b []byte) (int, error) {
	*c += countWriter(len(b))
	return len(b), nil
}
