package cloudsvc

import (
	"encoding/json"
	"testing"
)

func TestDoneLetters(t *testing.T) {
	t.Parallel()
	var d doneLetters
	if d.has("edge-1/mapper/RT/1/7") {
		t.Error("has an id that was not added")
	}
	for _, id := range []string{
		"edge-1/mapper/RT/1/7", "edge-1/mapper/RT/1/8", "edge-2/mapper/RT/1/7", "edge-1/mapper/RT/1/9", "edge-1/mapper/RT/1/11",
		"edge-1/mapper/RT/1/20-29.1", "edge-1/mapper/RT/2/18446744073709551615", "edge-1/mapper/RT/2/0", "7",
	} {
		d.add(id)
	}
	text, err := json.Marshal(d)
	const want = `{"7":null,"edge-1/mapper/RT/1/":[[7,9],[11,11]],"edge-1/mapper/RT/1/20-29.1":null,` +
		`"edge-1/mapper/RT/2/":[[18446744073709551615,18446744073709551615],[0,0]],"edge-2/mapper/RT/1/":[[7,7]]}`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
	var again doneLetters
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{
		"edge-1/mapper/RT/1/6": false, "edge-1/mapper/RT/1/7": true, "edge-1/mapper/RT/1/8": true, "edge-1/mapper/RT/1/9": true,
		"edge-1/mapper/RT/1/10": false, "edge-1/mapper/RT/1/11": true, "edge-1/mapper/RT/1/12": false, "edge-1/mapper/RT/1/07": false,
		"edge-2/mapper/RT/1/7": true, "edge-2/mapper/RT/1/8": false, "edge-3/mapper/RT/1/7": false,
		"edge-1/mapper/RT/1/20-29.1": true, "edge-1/mapper/RT/1/20-29.2": false, "edge-1/mapper/RT/1/20": false,
		"edge-1/mapper/RT/2/18446744073709551615": true, "edge-1/mapper/RT/2/0": true, "edge-1/mapper/RT/2/1": false,
		"7": true, "8": false, "": false, "edge-1/mapper/RT/1/": false,
	} {
		if got := again.has(id); got != want {
			t.Errorf("has %q: %v, want %v", id, got, want)
		}
	}
}
