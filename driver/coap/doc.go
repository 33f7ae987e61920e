// Package coap is a driver for CoAP (RFC 7252) over UDP and DTLS, with observed
// resources (RFC 7641) and block-wise transfers (RFC 7959).
//
// # Device
//
// The settings of a device stand in its protocol.configData:
//
//	address      host, host:port, coap://host:port or coaps://host:port, required;
//	             the port is 5683, and 5684 of coaps, which is DTLS
//	pskIdentity  of coaps: the identity that the device knows the key by
//	pskKey       of coaps: the pre-shared key, or
//	pskKeyFile   a file that holds it, read for each handshake
//	timeout      after which a request is sent again, 100ms to 1m, 2s; a bare
//	             number is milliseconds
//	retries      how often, 0 to 10, 2: a device is unreachable that has not
//	             answered in (retries + 1) × timeout
//
// Requests are confirmable, and one is under way at a time. After one that
// nothing answers the connection is made anew, and the device left alone for a
// random time, up to 0.2 s at first and 30 s in the end (exponential back-off
// with full jitter); reads meanwhile fail at once and say until when. A response
// that refuses, such as 4.04, is an error of its point alone.
//
// # Point
//
// The settings of a point stand in its visitors.configData:
//
//	path         of the resource, required, such as /actors?name=pump
//	observe      true: the device tells of changes by itself; false
//	format       text, json or bytes; by default bytes for BYTES, json where there
//	             is a jsonKey, else text
//	jsonKey      what of a JSON document: names and indexes, parted by dots, such
//	             as sensors.0.value; such a point is not written
//	writeMethod  PUT or POST; PUT
//
// Points of one resource share its requests. A representation of another
// Content-Format than the point's is the reading's error; one that says none is
// taken, and bytes are taken of any.
//
// # Value
//
// Text, or what jsonKey leads to, becomes a value of the point's type:
//
//	INT      rounded to the nearest, halves away from zero; what needs more than
//	         64 bits is the reading's error
//	FLOAT    the nearest float32; too large is the reading's error
//	DOUBLE   the nearest float64; NaN and infinity are kept as suspect, as of FLOAT
//	BOOLEAN  true, false, on, off, or a number: true unless 0
//	STRING   as it is; what is not UTF-8 is replaced, and the reading suspect. Of
//	         JSON: strings as they are, anything else as JSON
//	BYTES    the payload
//
// Writing goes the same way back; booleans are written as true and false.
//
// # Observation
//
// Each notification is a reading: a resource that changes three times in one
// collectCycle gives three, and as many messages as its rules let through. CoAP
// itself promises no more than the last state: a device may leave out what lay
// between, and a notification that has been overtaken is dropped. Of a resource
// that needs several blocks a notification only says that it has changed: it is
// read then.
//
// The point is read at its collectCycle all the same, which tells whether the
// device is there: a long one spares it the requests. The driver registers anew
// when the connection was lost, when a notification refuses, and when none has
// come for the last one's Max-Age (60 s, where it says none) and a random 5 to 15
// s more; so this is how long the restart of a device may go unnoticed that no
// read has noticed. A resource that the device lets nobody observe is only read.
package coap
