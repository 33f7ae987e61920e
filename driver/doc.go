// Package driver is the contract between the mapper and the protocols that
// it speaks. A protocol is a folder below this one: it implements Driver and
// Device, passes the conformance suite of driver/drivertest, and is named in
// the table of drivers in the mapper's main. Nothing else changes.
//
// The life of a device:
//
//	Driver.Open(settings)      checks the protocol's settings; does no IO
//	  Device.Point(config)     checks one property's settings; does no IO
//	  Device.Read(points)      one coalesced read, one Reading a point
//	  Device.Write(point, v)   one value
//	  Device.Close()
//
// A driver knows nothing of topics, classes or Kubernetes. It turns settings,
// which are flat maps of scalars as a Device CR has them, into readings, which
// are typed Go values with a time. Errors in settings are SettingError values
// that name the key, the value and what would be right; keys that mean nothing
// to a driver are no errors, but can be asked for (Unreader), as can what reads
// take of their bus (Planner). Errors in reads are told apart by ErrUnreachable:
// the device as a whole did not answer. Anything else belongs to the one point
// whose Reading carries it.
package driver
