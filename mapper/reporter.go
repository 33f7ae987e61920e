package mapper

import "datastub/driver"

// A Reporter is told how the devices are and what they read last: for people
// with devices from a folder, for the twins of EdgeCore with KubeEdge. Its
// methods return at once and are called from many goroutines, those of one
// device from one at a time.
type Reporter interface {
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
}
