// Package client talks to cloudsvc from Go: it publishes messages, streams
// them, lists nodes, and tells which build cloudsvc is.
//
//	c, err := client.New(client.Options{Server: "http://127.0.0.1:8080"})
//	...
//	stream, err := c.Subscribe(ctx, "sensor/+/temperature")
//	...
//	defer stream.Close()
//	for event, err := range stream.Events() {
//		...
//	}
//
// A Stream ends when its connection does, and says why. A Subscription opens
// a new one each time. Neither gets the messages that were stored in between:
// the Position of the last Event tells where the hole begins, but cloudsvc
// cannot replay from there yet.
//
// What cloudsvc refuses comes back as a *Problem.
package client
