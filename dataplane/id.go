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
func (id ID) String() string {
	if id == (ID{}) {
		return ""
	}
	return string(id.appendPlace(append(make([]byte, 0, 64), id.Publisher...)))
}

// appendJSON appends what String returns, with what JSON escapes.
func (id ID) appendJSON(dst []byte) []byte {
	if id == (ID{}) {
		return dst
	}
	return id.appendPlace(appendJSONText(dst, id.Publisher))
}

// appendPlace appends what is behind the publisher.
func (id ID) appendPlace(dst []byte) []byte {
	dst = append(dst, '/')
	dst = append(dst, id.Class.String()...)
	dst = append(dst, '/')
	dst = strconv.AppendUint(dst, id.Epoch, 10)
	dst = append(dst, '/')
	return strconv.AppendUint(dst, id.Seq, 10)
}

// ParseID reads what String writes.
func ParseID(s string) (ID, error) {
	id, ok := parseID(s)
	if !ok {
		return ID{}, fmt.Errorf("id %q is not <node>/<mapper>/<class>/<epoch>/<seq>", s)
	}
	return id, nil
}

func parseID(s string) (id ID, ok bool) {
	rest := s
	if id.Seq, rest, ok = cutNumber(rest); !ok {
		return id, false
	}
	if id.Epoch, rest, ok = cutNumber(rest); !ok {
		return id, false
	}
	at := strings.LastIndexByte(rest, '/')
	if at < 0 {
		return id, false
	}
	class, err := ParseClass(rest[at+1:])
	id.Class, id.Publisher = class, rest[:at]
	// One message has one id: no "rt".
	return id, err == nil && class.String() == rest[at+1:] && ValidatePublisher(id.Publisher) == nil
}

// cutNumber takes the last level off, a number as strconv writes it.
func cutNumber(s string) (n uint64, rest string, ok bool) {
	at := strings.LastIndexByte(s, '/')
	if at < 0 {
		return 0, "", false
	}
	digits := s[at+1:]
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, s[:at], err == nil && (digits[0] != '0' || digits == "0")
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
