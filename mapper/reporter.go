package mapper

import "datastub/driver"

// A Reporter is told how the devices are and what they read last, for people
// who watch, and for the twins of EdgeCore. Its methods return at once and are
// called from many goroutines, those of one device from one at a time.
type Reporter interface {
	// ReportSpec says that a device runs by this Spec from now on. It comes
	// before anything else of the device; of properties that the Spec has not,
	// nothing comes any more.
	ReportSpec(spec Spec)
	// ReportValues gives the newest readings of properties with ReportToCloud,
	// those that are new since the last report. None has an error.
	ReportValues(key Key, values []Reported)
	// ReportHealth says that a device's health has changed.
	ReportHealth(key Key, health Health)
	// Removed says that there is no such device any more.
	Removed(key Key)
}

// A Reported is the newest reading of a property.
type Reported struct {
	Property string
	Reading  driver.Reading
	Desired  string // what the device was last told to hold, as the Device says it; empty: nothing
}

// Reporters are told one after the other.
type Reporters []Reporter

var _ Reporter = Reporters(nil)

// ReportSpec implements Reporter.
func (r Reporters) ReportSpec(spec Spec) {
	for _, one := range r {
		one.ReportSpec(spec)
	}
}

// ReportValues implements Reporter.
func (r Reporters) ReportValues(key Key, values []Reported) {
	for _, one := range r {
		one.ReportValues(key, values)
	}
}

// ReportHealth implements Reporter.
func (r Reporters) ReportHealth(key Key, health Health) {
	for _, one := range r {
		one.ReportHealth(key, health)
	}
}

// Removed implements Reporter.
func (r Reporters) Removed(key Key) {
	for _, one := range r {
		one.Removed(key)
	}
}
