package cloudsvc

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"datastub/cloudsvc/webhook"
)

// A record that is too large keeps where each hook is, and not what was tried.
func TestCursorsFit(t *testing.T) {
	t.Parallel()
	for _, tries := range []int{2, maxOutbox} {
		p := &cursorPartition{record: make(cursorRecord)}
		want := make(cursorRecord)
		for hook := range maxHooks / cursorPartitions {
			c := cursorAt(Position{Incarnation: 1 << 63, RT: endOf(1 << 40), BT: endOf(1 << 40)}.String())
			c.BT.Batch = &batchMark{Topic: "sensor/#", To: c.BT.Position, Since: testTime}
			c.RT.Tries = make(map[string]webhook.Tries)
			for n := range tries {
				c.RT.Tries[fmt.Sprint("edge-1/mapper/RT/1234567890/", n)] = webhook.Tries{Count: 1, First: testTime, Next: testTime}
			}
			id := fmt.Sprint("sub_", hook)
			p.record[id] = c
			if tries == maxOutbox {
				c.RT.Tries = nil
			}
			want[id] = c
		}
		text, err := p.encode()
		var got cursorRecord
		if err == nil {
			err = json.Unmarshal(text, &got)
		}
		if err != nil || len(text) > maxCursors || !reflect.DeepEqual(got, want) {
			t.Errorf("%d tries: %d bytes, %v, want %d at most, and each hook where it is", tries, len(text), err, maxCursors)
		}
	}
}
