package cloudsvc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// load reads a config from a file's content, the environment and a command
// line.
func load(t *testing.T, file string, env map[string]string, args ...string) (Config, error) {
	t.Helper()
	if file != "" {
		path := filepath.Join(t.TempDir(), "cloudsvc.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	flags := pflag.NewFlagSet("cloudsvc", pflag.ContinueOnError)
	AddConfigFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return LoadConfig(flags, func(key string) (string, bool) {
		text, ok := env[key]
		return text, ok
	})
}

func TestConfigPrecedence(t *testing.T) {
	const file = "http: 127.0.0.1:1\nuplink: tcp://127.0.0.1:1\ndata: from-file\n"
	env := map[string]string{"DATASTUB_HTTP": "127.0.0.1:2", "DATASTUB_UPLINK": "tcp://127.0.0.1:2", "DATASTUB_DATA": ""}
	got, err := load(t, file, env, "--http", "127.0.0.1:3")
	want := Config{HTTP: "127.0.0.1:3", Uplink: "tcp://127.0.0.1:2", Data: "from-file", NATSSyncInterval: 2 * time.Minute}
	if err != nil || got != want {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestConfigDefault(t *testing.T) {
	for _, file := range []string{"", "# nothing\n"} {
		if got, err := load(t, file, nil); err != nil || got != DefaultConfig() {
			t.Errorf("file %q: got %+v, %v", file, got, err)
		}
	}
}

func TestConfigFromNATS(t *testing.T) {
	got, err := load(t, "", map[string]string{"DATASTUB_NATS_URL": "nats://a:4222, tls://b:4222"}, "--nats-sync-interval=10s")
	if err != nil || got.NATSURL == "" || got.NATSSyncInterval != 10*time.Second {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestConfigProblems(t *testing.T) {
	tests := map[string]struct {
		file string
		env  map[string]string
		args []string
		want string // errors, one a line
	}{
		"all together": {
			env:  map[string]string{"DATASTUB_UPLINK": "ipc://x", "DATASTUB_NATS_SYNC_INTERVAL": "soon"},
			args: []string{"--http", "8080", "--data", ""},
			want: `environment variable DATASTUB_NATS_SYNC_INTERVAL: "soon" is no duration: want a number and a unit, such as 2m
http: "8080": no host:port: want host:port, such as 127.0.0.1:8080, or :8080 for every interface
uplink: "ipc://x": no tcp:// URL: want tcp://host:port, such as tcp://127.0.0.1:5557, or tcp://*:5557 for every interface
data: empty, and so is natsURL: want a folder for the embedded log, or NATS servers to keep it`,
		},
		"unknown keys": {
			file: "htp: x\nuplnk: y\n",
			want: "configuration FILE: yaml: unmarshal errors:\n  line 1: field htp not found in type cloudsvc.Config\n  line 2: field uplnk not found in type cloudsvc.Config",
		},
		"two documents": {
			file: "http: 127.0.0.1:1\n---\ndata: x\n",
			want: "configuration FILE: more than one YAML document: want one",
		},
		"data and NATS": {
			args: []string{"--data", "x", "--nats-url", "nats://a"},
			want: `data: "x", and natsURL is set too: the log is in that folder or at those servers, so leave one of them out`,
		},
		"password": {
			args: []string{"--nats-url", "http://user:secret@a,nats://user:secret@b:x,nats:"},
			want: `natsURL: scheme "http" of a: want nats://host:port, or tls, ws or wss
natsURL: one of the servers is no URL: want nats://host:port, or tls, ws or wss
natsURL: one of the servers has no host: want nats://host:port, or tls, ws or wss`,
		},
		"ports": {
			args: []string{"--http", ":x", "--uplink", "tcp://:5557", "--nats-sync-interval", "0s"},
			want: `http: ":x": port "x" is no number from 0 to 65535: want host:port, such as 127.0.0.1:8080, or :8080 for every interface
uplink: "tcp://:5557": no host: want tcp://host:port, such as tcp://127.0.0.1:5557, or tcp://*:5557 for every interface
natsSyncInterval: 0s: want more than 0, such as 2m`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, tt.file, tt.env, tt.args...)
			if err == nil {
				t.Fatal("no error")
			}
			got := err.Error()
			if i := strings.Index(got, "configuration /"); i >= 0 {
				end := i + strings.Index(got[i:], ".yaml:") + len(".yaml")
				got = got[:i] + "configuration FILE" + got[end:]
			}
			if got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestConfigFileMissing(t *testing.T) {
	_, err := load(t, "", map[string]string{"DATASTUB_CONFIG": "/no/such/file.yaml"})
	if err == nil || !strings.Contains(err.Error(), "read the configuration: open /no/such/file.yaml") {
		t.Errorf("got %v", err)
	}
}
