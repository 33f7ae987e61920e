package mapper

import (
	"net/http"
	"slices"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/build"
	"datastub/dataplane/rest"
)

// An Overview is the answer to GET /status.
type Overview struct {
	Node     string           `json:"node"`
	Mapper   string           `json:"mapper"`
	Version  string           `json:"version"`
	Time     time.Time        `json:"time"`
	Source   string           `json:"source"` // of the devices, as the config says it
	Uplink   UplinkOverview   `json:"uplink"`
	EdgeCore []EdgeStatus     `json:"edgecore"` // by protocol; empty where devices come from a folder
	Devices  []DeviceOverview `json:"devices"`  // by namespace and name
}

// An UplinkOverview tells of the way to cloudsvc.
type UplinkOverview struct {
	Address   string `json:"address"`
	Connected bool   `json:"connected"` // cloudsvc has granted a session
}

// A DeviceOverview tells of one device. Ages are seconds.
type DeviceOverview struct {
	Namespace  string    `json:"namespace"`
	Name       string    `json:"name"`
	Protocol   string    `json:"protocol"`
	Properties int       `json:"properties"`
	State      State     `json:"state"`
	Reason     string    `json:"reason"`
	Since      time.Time `json:"since,omitzero"` // of the state
	Faults     []Fault   `json:"faults,omitempty"`
	ConfigSeen time.Time `json:"configSeen,omitzero"` // when EdgeCore last gave the configuration, or its file was read
	Skipped    uint64    `json:"skipped"`             // cycles left out since the device was opened, as it was still being read
	TwinAge    *float64  `json:"twinAge"`             // since EdgeCore last took its twins; null: it never did
}

// overview answers GET /status.
func (a *App) overview(config *Config) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, _ *http.Request) error {
		now := time.Now()
		return rest.WriteJSON(w, http.StatusOK, Overview{
			Node: config.Node, Mapper: config.Common.Name, Version: build.Read().String(), Time: now.UTC(), Source: config.Devices.Source,
			Uplink:   UplinkOverview{Address: config.DataPlane.Uplink.Address, Connected: a.uplink.Connected(dataplane.RT)},
			EdgeCore: append([]EdgeStatus{}, a.Status.Edges()...),
			Devices:  a.Status.overview(now, a.fleet.skipped),
		})
	}
}

// overview tells of all devices, ordered by key. Skipped tells how many cycles
// of one were left out.
func (s *Status) overview(now time.Time, skipped func(Key) uint64) []DeviceOverview {
	s.mu.Lock()
	defer s.mu.Unlock()
	devices := make([]DeviceOverview, 0, len(s.devices))
	for _, d := range s.devices {
		o := DeviceOverview{
			Namespace: d.Key.Namespace, Name: d.Key.Name, Protocol: d.Protocol, Properties: d.Properties,
			State: d.Health.State, Reason: d.Health.Reason, Since: d.Since.UTC(), Faults: d.Health.Faults, ConfigSeen: d.ConfigSeen.UTC(),
			Skipped: skipped(d.Key),
		}
		if o.State == "" {
			o.State = stateUnknown
		}
		if !d.TwinsReported.IsZero() {
			age := now.Sub(d.TwinsReported).Seconds()
			o.TwinAge = &age
		}
		devices = append(devices, o)
	}
	slices.SortFunc(devices, func(a, b DeviceOverview) int {
		return Key{a.Namespace, a.Name}.Compare(Key{b.Namespace, b.Name})
	})
	return devices
}
