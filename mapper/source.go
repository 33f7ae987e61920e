package mapper

import "context"

// A Source says which devices there are: a folder, or EdgeCore.
type Source interface {
	// Run tells target about every device that there is and then about every
	// change, until ctx ends, and returns when all that it started has ended.
	// It calls target from one goroutine at a time. The end of Run removes no
	// device. An error means that the source cannot work at all; what is wrong
	// with single devices, their settings included, is logged with the place
	// where it stands, and the others go on.
	Run(ctx context.Context, target Target) error
}

// A Target takes the devices of a Source. Its methods return at once,
// whatever the devices do, and may be called before the target runs. Calls
// count in the order in which they were made: the last one of a key holds.
type Target interface {
	// Put says that there is a device, or that it is another now. A Spec is
	// whole: nothing of an earlier one holds on. The same Spec again changes
	// nothing.
	Put(spec Spec)
	// Remove says that there is no such device any more.
	Remove(key Key)
}
