// Package client talks to cloudsvc from Go: it publishes messages, streams
// them, has them sent to webhooks, lists nodes, and tells which build cloudsvc is.
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
// A Stream ends when its connection does, and says why; its Position is where
// another one can go on. A Subscription does that by itself.
//
// What cloudsvc refuses comes back as a *Problem.
package client
