package dataplane

import (
	"fmt"
	"strconv"
	"strings"
)

// An ID names one message for ever, everywhere: on the LAN, over HTTP and
// MQTT, in the log. It is given when the publisher accepts the message.
type ID struct {
	Publisher string // <node>/<mapper>
	Class     Class
	Epoch     uint64 // rises with each start of the publisher
	Seq       uint64 // 1, 2, 3 … within the class and the epoch
}

// String returns <publisher>/<class>/<epoch>/<seq>, "edge-1/mapper/RT/7/42",
// and nothing for the zero ID.
func (id ID) String() string { return string(id.append(nil)) }

func (id ID) append(dst []byte) []byte {
	if id == (ID{}) {
		return dst
	}
	dst = append(dst, id.Publisher...)
	dst = append(dst, '/')
	dst = append(dst, id.Class.String()...)
	dst = append(dst, '/')
	dst = strconv.AppendUint(dst, id.Epoch, 10)
	dst = append(dst, '/')
	return strconv.AppendUint(dst, id.Seq, 10)
}

// ParseID reads what String writes.
func ParseID(s string) (ID, error) {
	wrong := fmt.Errorf("id %q is not <node>/<mapper>/<class>/<epoch>/<seq>", s)
	parts := strings.Split(s, "/")
	if len(parts) != 5 {
		return ID{}, wrong
	}
	publisher := parts[0] + "/" + parts[1]
	if ValidatePublisher(publisher) != nil {
		return ID{}, wrong
	}
	class, err := ParseClass(parts[2])
	if err != nil {
		return ID{}, wrong
	}
	epoch, err := strconv.ParseUint(parts[3], 10, 64)
	if err != nil {
		return ID{}, wrong
	}
	seq, err := strconv.ParseUint(parts[4], 10, 64)
	if err != nil {
		return ID{}, wrong
	}
	id := ID{Publisher: publisher, Class: class, Epoch: epoch, Seq: seq}
	if id.String() != s { // one message has one id: no "rt", no leading zero
		return ID{}, wrong
	}
	return id, nil
}

// ValidatePublisher checks a publisher's name, <node>/<mapper>.
func ValidatePublisher(name string) error {
	node, mapper, ok := strings.Cut(name, "/")
	if !ok {
		return fmt.Errorf("publisher %q is not <node>/<mapper>", name)
	}
	if err := ValidateLevel("node", node); err != nil {
		return err
	}
	return ValidateLevel("mapper", mapper)
}
