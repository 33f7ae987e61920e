package coap

import (
	"fmt"
	"slices"

	"github.com/plgd-dev/go-coap/v3/message"

	"datastub/driver"
)

// A format is how a resource's representation is read and written.
type format string

// The formats, as settings name them.
const (
	asText  format = "text"
	asJSON  format = "json"
	asBytes format = "bytes"
)

// media is the Content-Format that a format is sent as.
var media = map[format]message.MediaType{
	asText:  message.TextPlain,
	asJSON:  message.AppJSON,
	asBytes: message.AppOctets,
}

// readFormat reads the format of a point's resource.
func readFormat(r *driver.Reader, typ driver.Type, member string) format {
	const key = "format"
	def := asText
	switch {
	case typ == driver.Bytes:
		def = asBytes
	case member != "":
		def = asJSON
	}
	f := format(r.Enum(key, string(def), string(asText), string(asJSON), string(asBytes)))
	switch {
	case (f == asBytes) != (typ == driver.Bytes):
		r.Refuse(key, f, "bytes for the type BYTES, and text or json for any other")
	case member != "" && f != asJSON:
		r.Refuse(key, f, "json, as jsonKey is given")
	}
	return f
}

// accept is what a request asks for. Only of JSON devices have something else
// beside; and a device that does not know the option must refuse it.
func (f format) accept() message.MediaType {
	if f == asJSON {
		return message.AppJSON
	}
	return anyFormat
}

// check tells whether what a device sent can be of the format: it says so, or
// nothing. Bytes are taken of whatever they are.
func (f format) check(sent message.MediaType, said bool) error {
	if !said || f == asBytes || sent == media[f] {
		return nil
	}
	if f == asJSON && slices.Contains(jsonMedia, sent) {
		return nil
	}
	return fmt.Errorf("the device sends %v (content-format %d), which is not format %s", sent, sent, f)
}

// jsonMedia are formats that are JSON, too.
var jsonMedia = []message.MediaType{message.AppSenmlJSON, message.AppLwm2mJSON}
