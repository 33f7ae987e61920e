package dataplane

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// An ID names one message for ever, everywhere: on the LAN, over HTTP and
// MQTT, in the log. It is given when the publisher accepts the message.
//
// A message that tells of a gap has an ID of its own kind: the records Seq to
// Through are lost, and it is one line of those that say so. None of these
// records' own IDs will do, as somebody on the LAN may have had them. Where it is
// not known how much was lost, it is Seq to Open.
type ID struct {
	Publisher string // <node>/<mapper>
	Class     Class
	Line      uint32 // of a gap: 1, 2, 3 … in the order of its series; else 0
	Epoch     uint64 // rises with each start of the publisher
	Seq       uint64 // 1, 2, 3 … within the class and the epoch
	Through   uint64 // of a gap: the last record lost, or Open; else 0
}

// Open is ID.Through of a gap whose end nobody knows.
const Open = math.MaxUint64

// IsGap tells whether the ID is that of a message that tells of a gap.
func (id ID) IsGap() bool { return id.Through != 0 }

// String returns <publisher>/<class>/<epoch>/<seq>, "edge-1/mapper/RT/7/42", of
// a gap <publisher>/<class>/<epoch>/<seq>-<through>.<line>,
// "edge-1/mapper/RT/7/42-49.1", of one that is open
// "edge-1/mapper/RT/7/42-.1", and nothing for the zero ID.
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
	dst = strconv.AppendUint(dst, id.Seq, 10)
	if !id.IsGap() {
		return dst
	}
	dst = append(dst, '-')
	if id.Through != Open {
		dst = strconv.AppendUint(dst, id.Through, 10)
	}
	return strconv.AppendUint(append(dst, '.'), uint64(id.Line), 10)
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
	rest, ok := id.cutPlace(s)
	if !ok {
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

// cutPlace takes the last level off: a sequence, or those of a gap.
func (id *ID) cutPlace(s string) (rest string, ok bool) {
	at := strings.LastIndexByte(s, '/')
	seq, gap, isGap := strings.Cut(s[at+1:], "-")
	if id.Seq, ok = parseNumber(seq, 64); at < 0 || !ok || !isGap {
		return s[:max(at, 0)], at >= 0 && ok
	}
	through, line, _ := strings.Cut(gap, ".")
	n, ok := parseNumber(line, 32)
	id.Line = uint32(n)
	if id.Through, isGap = parseNumber(through, 64); through == "" {
		id.Through = Open
	} else if !isGap || id.Through < id.Seq || id.Through == Open {
		return "", false
	}
	return s[:at], ok && id.Seq > 0 && n > 0
}

// cutNumber takes the last level off, a number.
func cutNumber(s string) (n uint64, rest string, ok bool) {
	at := strings.LastIndexByte(s, '/')
	if at < 0 {
		return 0, "", false
	}
	n, ok = parseNumber(s[at+1:], 64)
	return n, s[:at], ok
}

// parseNumber reads a number as strconv writes it.
func parseNumber(digits string, bits int) (n uint64, ok bool) {
	n, err := strconv.ParseUint(digits, 10, bits)
	return n, err == nil && (digits[0] != '0' || digits == "0")
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
