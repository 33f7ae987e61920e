package cloudsvc

import (
	"bytes"
	"fmt"

	"datastub/dataplane"
)

// A hookLine is a line of a stream: a message and its position.
type hookLine struct {
	message dataplane.Message
	at      Position
	text    []byte // without the newline; shared with others
}

// readHookLine reads what appendLine writes.
func readHookLine(reader *dataplane.MessageReader, text []byte) (*hookLine, error) {
	l := &hookLine{text: text}
	var position string
	err := reader.Read(text, &l.message, func(field string, value []byte) {
		if field == "position" {
			position = string(bytes.Trim(value, `"`)) // it has nothing that JSON escapes
		}
	})
	if err == nil {
		l.at, err = ParsePosition(position)
	}
	if err != nil {
		return nil, fmt.Errorf("read a line of %d bytes: %w", len(text), err)
	}
	return l, nil
}
