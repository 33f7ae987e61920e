package hostile

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"datastub/hack/stack"
)

// maxConfig is what a mapper may take, in bytes, to refuse a config.
const maxConfig = 512 << 20

// TestEdgeConfig starts mappers with configs that are wrong: each ends at once
// and says why.
func TestEdgeConfig(t *testing.T) {
	for _, tt := range []struct{ name, config, want string }{
		{"unknown key", "dataplane: {uplnk: 'tcp://a:1'}\n",
			`dataplane.uplnk: Invalid value: "tcp://a:1": unknown key: want one of `},
		{"wrong type", "dataplane: {batch: {maxCount: many}}\n",
			`dataplane.batch.maxCount: Invalid value: "many": want a whole number, without quotes`},
		{"a list for a map", "devices: [folder]\n",
			`devices: Invalid value: a list: want a map with the keys folder, source`},
		{"class FAST", "dataplane: {defaults: {qosClass: FAST}}\n",
			`dataplane.defaults.qosClass: Invalid value: "FAST": class "FAST" is not RT or BT`},
		{"wildcard in the default topic", "dataplane: {defaults: {topic: a/#}}\n",
			`dataplane.defaults.topic: Invalid value: "a/#": topic "a/#" has '#' at byte 2`},
		{"a size of a second's thought", "dataplane: {spool: {maxBytes: '1e-9999999'}}\n",
			`dataplane.spool.maxBytes: Invalid value: "1e-9999999": want a size in bytes such as 262144, 256Ki or 1Gi`},
		{"billion laughs", laughs(), "with its aliases written out it is larger than 1Mi"},
		{"laughs of long texts", "x: &x " + strings.Repeat("x", 1<<15) + "\ndataplane: {defaults: {deadband: [" + strings.Repeat("*x,", 1<<13) + "]}}\n",
			"with its aliases written out it is larger than 1Mi"},
		{"50 MB", strings.Repeat("# a comment\n", 50<<20/12), "it is larger than 64Ki"},
		{"binary garbage", "\x7fELF\x02\x01\x01\x00\xff\xfe", "(file): Invalid value: YAML: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(path, []byte(tt.config), 0o600); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			c := stack.Command("mapper", "--config-file", path)
			c.Stdout, c.Stderr = &out, &out
			if err := c.Run(); err == nil || c.ProcessState.ExitCode() != 1 {
				t.Errorf("got %v, want the exit status 1", err)
			}
			if text := out.String(); !strings.Contains(text, path+": ") || !strings.Contains(text, tt.want) {
				t.Errorf("got  %.2000s\nwant %s", text, tt.want)
			}
			if out.Len() > 4096 {
				t.Errorf("the refusal is %d bytes long", out.Len())
			}
			if took := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10; took > maxConfig {
				t.Errorf("it took %d MiB, want %d at the most", took>>20, maxConfig>>20)
			}
		})
	}
}

// laughs returns a text of 400 bytes that aliases make 9^9 of.
func laughs() string {
	var b strings.Builder
	b.WriteString("a: &a [x,x,x,x,x,x,x,x,x]\n")
	for c := 'b'; c <= 'i'; c++ {
		before := "*" + string(c-1)
		b.WriteString(string(c) + ": &" + string(c) + " [" + strings.Repeat(before+",", 8) + before + "]\n")
	}
	return b.String()
}
