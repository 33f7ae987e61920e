package cloudsvc

import (
	"fmt"
	"time"

	"datastub/dataplane"
)

// logPublisher is the publisher of gaps in the log itself.
const logPublisher = "cloudsvc/log"

// logGap is what a subscriber is told where blocks from one to another are not
// in the log, or no more: nobody knows what was in them. To is dataplane.Open
// where that is not known either. The incarnation is the log's that they were
// in.
func logGap(incarnation uint64, class dataplane.Class, from, to uint64, reason string) Gap {
	return Gap{
		ID:   dataplane.ID{Publisher: logPublisher, Class: class, Line: 1, Epoch: incarnation, Seq: from, Through: to},
		Loss: dataplane.Loss{Publisher: logPublisher, Namespace: defaultNamespace, From: from, Reason: reason},
		Time: time.Now().UTC(),
	}
}

// trimmed is the reason of a gap where the log's limits have taken blocks.
func trimmed(class dataplane.Class, from, to uint64) string {
	return fmt.Sprintf("%v blocks %d to %d are not in the log any more: limits of age and size took them, and all of the same retention class before the next that is there", class, from, to)
}

// unreadable is the reason of a gap where a block is damaged.
func unreadable(class dataplane.Class, block uint64) string {
	return fmt.Sprintf("%v block %d of the log cannot be read", class, block)
}

// otherLog is the reason of a gap behind a position that another log gave.
const otherLog = "the position is of another log than this one, which is told from its beginning"

// lostEnd is the reason of a gap where a position is behind what was once the
// log's end.
func lostEnd(class dataplane.Class, last uint64) string {
	return fmt.Sprintf("the position is behind %v block %d, where the log ended when it was opened: it has lost what was there", class, last)
}
