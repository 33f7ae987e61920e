package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"datastub/cloudsvc/client/clienttest"
)

// completed returns what is offered, and the directive.
func completed(t *testing.T, server string, args ...string) (offers []string, directive string) {
	t.Helper()
	status, out, _ := runTo(t, server, "", append([]string{"__completeNoDesc"}, args...)...)
	if status != 0 {
		t.Fatalf("%q: status %d", args, status)
	}
	lines := strings.Fields(out)
	return lines[:len(lines)-1], lines[len(lines)-1]
}

func TestComplete(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	server.Registry.Seen("edge-1/mapper", "")
	server.Registry.Published("edge-1/mapper", []string{"sensor/temperature", "sensor/druck_ä", "actuator/pump", "sensor/$(reboot)", "sensor/a;b", "~root"})
	server.Registry.Seen("edge-2/mapper", "")
	server.Registry.Published("edge-2/mapper", []string{"sensor/temperature"})
	const noFiles = ":4"
	tests := map[string]struct {
		args string // the last word is begun
		want string
	}{
		"commands":        {"sub", "subscribe subscriptions"},
		"all topics":      {"subscribe ", "actuator/pump sensor/druck_ä sensor/temperature"},
		"begun":           {"subscribe sensor/t", "sensor/temperature"},
		"publish":         {"publish ac", "actuator/pump"},
		"nodes":           {"nodes ac", "actuator/pump"},
		"no second topic": {"subscribe a ", ""},
		"formats":         {"nodes -o ", "table json yaml"},
		"class":           {"publish a 1 --class ", "RT BT"},
		"type":            {"publish a 1 --type ", "int float double boolean string bytes"},
		"free":            {"publish a 1 --unit ", ""},
		"server":          {"nodes --server ", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, directive := completed(t, server.URL, strings.Split(tt.args, " ")...)
			if strings.Join(got, " ") != tt.want || directive != noFiles {
				t.Errorf("got %q %s, want %q %s", got, directive, tt.want, noFiles)
			}
		})
	}
}

// TestCompleteWithoutServer asks nobody, and somebody who says nothing: the
// shell gets nothing, and soon.
func TestCompleteWithoutServer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, server := range []string{"http://" + silent.Addr().String(), "http://127.0.0.1:1", "no URL"} {
		if got, _ := completed(t, server, "subscribe", ""); len(got) != 0 {
			t.Errorf("%s: got %q, want nothing", server, got)
		}
	}
}

// TestCompletionScripts loads each script in its shell, and completes in bash
// as a key press does.
func TestCompletionScripts(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	server.Registry.Seen("edge-1/mapper", "")
	server.Registry.Published("edge-1/mapper", []string{"sensor/temperature"})
	dir, env := installProgram(t, server.URL)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		_, script, _ := runTo(t, "", "", "completion", shell)
		path := filepath.Join(dir, shell)
		if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		binary, err := exec.LookPath(shell)
		if err != nil && shell != "bash" {
			if !strings.Contains(script, "datastub") {
				t.Errorf("%s: no script: %q", shell, script)
			}
			continue
		}
		if out, err := exec.Command(binary, "-n", path).CombinedOutput(); err != nil {
			t.Errorf("%s -n: %v\n%s", shell, err, out)
		}
	}
	// What bash-completion's functions and readline do, as far as the script needs it.
	const round = `
_get_comp_words_by_ref() { cur=sensor/; prev=subscribe; words=(datastub subscribe sensor/); cword=2; }
_init_completion() { _get_comp_words_by_ref; }
compopt() { :; }
__ltrim_colon_completions() { :; }
source "$1"
COMP_TYPE=9 COMP_LINE='datastub subscribe sensor/' COMP_POINT=26
__start_datastub
printf '%s\n' "${COMPREPLY[@]}"`
	cmd := exec.Command("bash", "--norc", "-c", round, "bash", filepath.Join(dir, "bash"))
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "sensor/temperature" {
		t.Errorf("bash completed to %q, %v, want sensor/temperature", out, err)
	}
}
