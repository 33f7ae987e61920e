package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	zmq "github.com/pebbe/zmq4"
)

// bareSize is the bytes of a bare message: about those of one in JSON.
const bareSize = 200

// measureBare sends messages from a PUB to a SUB over TCP at the rate, and
// returns how long each took.
func measureBare(ctx context.Context, length time.Duration) (sample []time.Duration, err error) {
	zctx, err := zmq.NewContext()
	if err != nil {
		return nil, err
	}
	defer func() { _ = zctx.Term() }()
	pub, err := zctx.NewSocket(zmq.PUB)
	if err != nil {
		return nil, err
	}
	defer func() { _ = pub.Close() }()
	sub, err := zctx.NewSocket(zmq.SUB)
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Close() }()
	if err := errors.Join(pub.SetLinger(0), pub.Bind("tcp://127.0.0.1:*"), sub.SetSubscribe(""), sub.SetRcvtimeo(time.Second)); err != nil {
		return nil, err
	}
	endpoint, err := pub.GetLastEndpoint()
	if err != nil {
		return nil, err
	}
	if err := sub.Connect(endpoint); err != nil {
		return nil, err
	}
	sending, stop := context.WithTimeout(ctx, length)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { sendBare(sending, pub) })
	for sending.Err() == nil {
		b, err := sub.RecvBytes(0)
		if err != nil && sending.Err() == nil {
			return nil, fmt.Errorf("bare ZeroMQ: %w", err)
		}
		if err == nil {
			sample = append(sample, time.Since(time.Unix(0, int64(binary.BigEndian.Uint64(b)))))
		}
	}
	return sample, ctx.Err()
}

func sendBare(ctx context.Context, pub *zmq.Socket) {
	message := make([]byte, bareSize)
	tick := time.NewTicker(time.Second / rate)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			binary.BigEndian.PutUint64(message, uint64(time.Now().UnixNano()))
			if _, err := pub.SendBytes(message, 0); err != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
