package mapper

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzConfig holds parseConfig to what it promises of any file: a Config that
// can be checked, and problems of one line each.
func FuzzConfig(f *testing.F) {
	paths, err := filepath.Glob("../resource/*/*.yaml")
	if err != nil || len(paths) == 0 {
		f.Fatalf("got %v, %v, want configs", paths, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("dataplane: {batch: {maxCount: 10, maxBytes: 64Ki, maxAge: 500ms}, defaults: {deadband: 2%, qosClass: rt}}\n"))
	f.Add([]byte("a: &a [x]\ndataplane: {defaults: {deadband: *a, maxAge: [*a, *a]}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		config, errs := parseConfig(data)
		for _, err := range append(errs, config.validate()...) {
			if len(data) < 256 { // a decoder's words are as long as the keys that they quote
				checkRefusal(t, err)
			}
		}
	})
}
