// Package mapper runs devices at the edge: it reads them in time and hands
// what it read to the data plane.
//
// The walk of a value:
//
//	Source ──Spec──► Fleet ──► device ──► driver.Device.Read
//	                             ├──► Hook ──► Publisher    every reading that the rules let through
//	                             └──► Reporter              the newest, once a reportCycle; what is wrong
//	                                   └──► Events ──► Publisher   each change of that, as a message
//
// A Source says which devices there are: Folder reads them from Device and
// DeviceModel files, the same that KubeEdge takes. Merge makes one Spec of a
// Device, its DeviceModel and the mapper's default Rules; a Spec is all that a
// device needs to run. A Vet asks the drivers what is wrong with it, so that a
// wrong setting is told with the file and the path where it stands. The Fleet
// runs one goroutine a device, so that one that is bad, slow or hung harms no
// other, and beside it a writer, for commands and for what CRs desire. A changed
// Spec is taken while the device runs. App wires it all, with two servers: one where the mapper is watched,
// and a Unix socket where programs on the node publish. Check says what is
// wrong with a configuration without running it.
//
// What belongs to the data plane stands under flat keys in a CR's configData,
// see Rules. Everything else in configData is the driver's.
package mapper
