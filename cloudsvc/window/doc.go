// Package window reduces the messages of a log to rows, by event time: how many
// there were of each device and topic from 12:00 to 12:05, the least, the
// greatest, the average. It is pure: others read the log and deliver.
//
//	Spec      how long windows are, and what is computed by what
//	Reducer   takes the lines of a log in, in order
//	Delivery  one closed window of one publisher, or a part of one
//
// Windows are aligned to the Unix epoch, and are of messages from their start to
// before their end. A message belongs to the window, or, where they slide, to
// all windows, that its time is in: when it was read at the edge.
//
// Each publisher has windows and a watermark of its own, the greatest time that
// it has sent, less the lateness. A window closes when the watermark has reached
// its end. So nobody else's clock makes a publisher late, nor does an outage: its
// messages come in its order, and its windows close as they would have. It is
// the publisher and not the node, as two mappers of a node are cut off each by
// itself. What a node's mappers send is therefore never summed together, nor
// that of two namespaces, nor values of different types or units.
//
// A message all of whose windows are closed is late: it is counted, and told in
// the publisher's next delivery. So is one of which its quality says that its
// time is too far ahead: it is in no window, else it would close all others. A
// clock that is set back makes late what comes until it is where it was.
//
// A publisher that has been silent for long is idle: its windows close as if its
// watermark had passed them, so that the last one of a machine that was switched
// off is sent, and the log need not be read again from there for ever. What it has
// of them afterwards is late. How long it was silent the log does not tell: who
// reads it decides, and has that stored in the State before anything closes. Who is
// idle is forgotten where another publisher needs the room.
//
// What was sent is a function of the log, of the Spec, of where the first Reducer
// began, and of who was found idle where: State is where it is, as at the last line of which all is
// delivered, without what is in the windows that are open. Who resumes reads the
// log again from From, which is before the first message of these; up to that
// last line, only they take something in.
//
// Of each series, of one topic and device, a delivery says which sequences it
// covers. A jump among them that nobody has told, within one epoch, is missing, in
// all windows that hold a message before it. A gap that was told is missing in the publisher's next
// delivery: where it lies in time nobody knows, and its sequences lie between what
// two windows cover.
//
// Whole numbers are exact. The sum of n floats x is compensated (Neumaier), with
// u = 2^-53: it differs from the true sum by at most 2u|Σx| + 4n²u²Σ|x|. An
// average is the sum divided by the count, rounded once more; of whole numbers,
// rounded once. A sum beyond the doubles is null.
package window
