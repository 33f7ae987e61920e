// Package drivertest is the conformance suite of package driver's contract.
// The test of a driver describes its devices to it in a Harness, real ones if
// it can, and calls Run:
//
//	func TestConformance(t *testing.T) {
//		drivertest.Run(t, drivertest.Harness{Driver: …, Settings: …, Points: …})
//	}
//
// Each promise of the contract is one subtest, named for it. What a protocol
// cannot show, such as a virtual device that goes away, its harness leaves
// out, and the subtests that need it do not exist.
package drivertest
