package client

import "time"

// A Node is a publisher that cloudsvc knows.
type Node struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`              // "uplink" or "http": how it is known
	State      string    `json:"state"`             // "online" or "offline"
	Address    string    `json:"address,omitempty"` // at which cloudsvc reads it
	Detail     string    `json:"detail,omitempty"`  // how it goes to read it there, for people
	Software   string    `json:"software,omitempty"`
	Topics     []string  `json:"topics"`
	Registered time.Time `json:"registered"`
	LastSeen   time.Time `json:"lastSeen"`
}
