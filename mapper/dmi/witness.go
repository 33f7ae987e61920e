package dmi

import (
	"time"

	"datastub/mapper"
)

// A Witness is told how the mapper and EdgeCore get on, for people who watch.
// Its methods return at once and are called from many goroutines.
type Witness interface {
	// Registered says that EdgeCore has taken the mapper in for a protocol, or
	// has it still.
	Registered(protocol string, at time.Time)
	// Refused says that EdgeCore could not be asked, or would not have the
	// mapper: each try that came to nothing.
	Refused(protocol string, err error)
	// ConfigSeen says that EdgeCore has told a device's configuration, the same
	// or another one.
	ConfigSeen(key mapper.Key, at time.Time)
	// Missing gives the devices of a protocol that run and that EdgeCore's last
	// answer did not have, ordered; none if it had all.
	Missing(protocol string, keys []mapper.Key)
	// TwinsReported says that EdgeCore has taken a device's twins.
	TwinsReported(key mapper.Key, at time.Time)
}

// nobody is a Witness that forgets.
type nobody struct{}

func (nobody) Registered(string, time.Time)        {}
func (nobody) Refused(string, error)               {}
func (nobody) ConfigSeen(mapper.Key, time.Time)    {}
func (nobody) Missing(string, []mapper.Key)        {}
func (nobody) TwinsReported(mapper.Key, time.Time) {}
