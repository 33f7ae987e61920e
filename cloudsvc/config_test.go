package cloudsvc

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"datastub/dataplane"
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
	want := Config{HTTP: "127.0.0.1:3", Uplink: "tcp://127.0.0.1:2", Data: "from-file", WebhookOrigin: "datastub", NATSSyncInterval: 2 * time.Minute}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestConfigDefault(t *testing.T) {
	for _, file := range []string{"", "# nothing\n", "---\n", "http:\ndata: ~\n"} {
		if got, err := load(t, file, nil); err != nil || !reflect.DeepEqual(got, DefaultConfig()) {
			t.Errorf("file %q: got %+v, %v", file, got, err)
		}
	}
}

// The example under resource/ can be used as it is.
func TestConfigExample(t *testing.T) {
	t.Parallel()
	const path = "../resource/cloudsvc/cloudsvc.yaml"
	got, err := load(t, "", nil, "--config", path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Data != "/var/lib/cloudsvc" || got.Sync != SyncAlways || len(got.Retention) != 3 || len(got.WebhookAllow) != 1 {
		t.Errorf("got %+v", got)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range settings {
		if key := settings[i].key; !regexp.MustCompile(`(?m)^(# )?` + key + `:`).Match(text) {
			t.Errorf("%s does not show %s", path, key)
		}
	}
}

func TestConfigFromNATS(t *testing.T) {
	got, err := load(t, "", map[string]string{"DATASTUB_NATS_URL": "nats://a:4222, tls://b:4222"}, "--nats-sync-interval=10s")
	if err != nil || got.NATSURL == "" || got.NATSSyncInterval != 10*time.Second {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestConfigRetention(t *testing.T) {
	want := []RetentionRule{
		{Topics: []dataplane.Filter{mustFilter(t, "alarm/#"), mustFilter(t, "$events/#")}, MaxAge: 36 * time.Hour},
		{Topics: []dataplane.Filter{mustFilter(t, "#")}, MaxAge: time.Hour, MaxBytes: 10 << 30},
	}
	for _, tt := range []struct {
		file string
		args []string
	}{
		{file: "retention:\n- topics: [alarm/#, $events/#]\n  maxAge: 1d12h\n- {topics: ['#'], maxAge: 1h, maxBytes: 10Gi}\n"},
		{args: []string{"--retention", `[{topics: ["alarm/#", "$events/#"], maxAge: 36h}, {topics: ["#"], maxAge: 60m, maxBytes: 10737418240}]`}},
		{args: []string{"--retention", formatRetention(want)}},
	} {
		got, err := load(t, tt.file, nil, tt.args...)
		if err != nil || !reflect.DeepEqual(got.Retention, want) {
			t.Errorf("%+v: got %+v, %v, want %+v", tt, got.Retention, err, want)
		}
	}
}

func TestConfigDeadLetters(t *testing.T) {
	want := LetterRetention{MaxAge: 36 * time.Hour, MaxBytes: 1 << 30}
	for _, tt := range []struct {
		file string
		env  map[string]string
		args []string
		want LetterRetention
	}{
		{file: "deadLetters:\n  maxAge: 1d12h\n  maxBytes: 1Gi\n", want: want},
		{env: map[string]string{"DATASTUB_DEAD_LETTERS": "{maxAge: 36h, maxBytes: 1Gi}"}, want: want},
		{args: []string{"--dead-letters", want.String()}, want: want},
		{args: []string{"--dead-letters", "{maxAge: 7d}"}, want: LetterRetention{MaxAge: 7 * day}},
	} {
		got, err := load(t, tt.file, tt.env, tt.args...)
		if err != nil || got.DeadLetters != tt.want {
			t.Errorf("%+v: got %+v, %v", tt, got.DeadLetters, err)
		}
	}
}

func TestConfigSync(t *testing.T) {
	for args, want := range map[string]time.Duration{"": 0, "--sync=always": 0, "--sync=1s": time.Second} {
		got, err := load(t, "", nil, strings.Fields(args)...)
		if err != nil || got.Sync.Interval() != want || (got.Sync.Lag() > want) != (want > 0) {
			t.Errorf("%q: got %q, %v, want a sync every %v, and a lag beyond it", args, got.Sync, err, want)
		}
	}
}

// A list is a flag that is repeated, a text with commas, or a list of YAML.
func TestConfigList(t *testing.T) {
	const want = "10.0.0.0/8,fd00::/8,127.0.0.1/32"
	lists := []struct {
		file string
		env  map[string]string
		args []string
	}{
		{args: []string{"--webhook-allow", "10.0.0.0/8", "--webhook-allow", "fd00::/8,127.0.0.1"}},
		{env: map[string]string{"DATASTUB_WEBHOOK_ALLOW": "10.0.0.0/8, fd00::/8, 127.0.0.1"}},
		{file: "webhookAllow: [10.0.0.0/8, fd00::/8, 127.0.0.1]\n"},
		{file: "webhookAllow: 10.0.0.0/8,fd00::/8,127.0.0.1\n"},
		{file: "webhookAllow: [192.168.0.0/16]\n", args: []string{"--webhook-allow=" + want}},
	}
	for _, tt := range lists {
		got, err := load(t, tt.file, tt.env, tt.args...)
		if err != nil || !slices.Equal(got.WebhookAllow, prefixes(t, want)) {
			t.Errorf("%+v: got %v, %v, want %s", tt, got.WebhookAllow, err, want)
		}
	}
}

// filePath is the place of the file, which is another in each run.
var filePath = regexp.MustCompile(`configuration /\S+\.yaml:`)

func TestEveryFieldOfConfigIsASetting(t *testing.T) {
	if got, want := len(settings), reflect.TypeFor[Config]().NumField(); got != want {
		t.Errorf("%d settings for %d fields", got, want)
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
			file: "htp: x\nnatsUrl: y\nnats-sync-interval: 2m\n",
			want: `configuration FILE: line 1: htp: unknown key: want one of http, uplink, data, sync, retention, deadLetters, natsURL, webhookAllow, webhookOrigin, webhookCA, natsSyncInterval
configuration FILE: line 2: natsUrl: unknown key: want natsURL
configuration FILE: line 3: nats-sync-interval: unknown key: want natsSyncInterval`,
		},
		"wrong values": {
			file: "http: [a]\nuplink: {a: b}\nnatsURL: []\nnatsSyncInterval: soon\ndata: x\ndata: y\n",
			want: `configuration FILE: line 1: http: a list: want a text such as 127.0.0.1:8080
configuration FILE: line 2: uplink: a map: want a text such as tcp://127.0.0.1:5557
configuration FILE: line 3: natsURL: a list: want a text such as nats://127.0.0.1:4222
configuration FILE: line 4: natsSyncInterval: "soon" is no duration: want a number and a unit, such as 2m
configuration FILE: line 6: data: is given twice: want it once`,
		},
		"duration without unit": {
			file: "http: 8080\nnatsSyncInterval: 10\n",
			want: `configuration FILE: line 2: natsSyncInterval: "10" is no duration: want a number and a unit, such as 2m
http: "8080": no host:port: want host:port, such as 127.0.0.1:8080, or :8080 for every interface`,
		},
		"lists": {
			file: "webhookAllow: {a: b}\n",
			env:  map[string]string{"DATASTUB_WEBHOOK_ALLOW": "10.1.0.0/8"},
			args: []string{"--webhook-allow", "ten", "--webhook-allow", "300.0.0.0/8"},
			want: `configuration FILE: line 1: webhookAllow: a map: want a list such as [10.0.0.0/8]
flag --webhook-allow: "ten" is no CIDR: want an address and a length, such as 10.0.0.0/8; "300.0.0.0/8" is no CIDR: want an address and a length, such as 10.0.0.0/8`,
		},
		"list of lists": {
			file: "webhookAllow: [[10.0.0.0/8]]\n",
			want: "configuration FILE: line 1: webhookAllow: a list in the list: want texts such as 10.0.0.0/8",
		},
		"no map": {
			file: "- http\n",
			want: "configuration FILE: line 1: a list: want a map with the keys http, uplink, data, sync, retention, deadLetters, natsURL, webhookAllow, webhookOrigin, webhookCA, natsSyncInterval",
		},
		"not YAML": {
			file: "http: [\n",
			want: "configuration FILE: not YAML: line 1: did not find expected node content",
		},
		"two documents": {
			file: "http: 127.0.0.1:1\n---\ndata: x\n",
			want: "configuration FILE: more than one YAML document: want one",
		},
		"data and NATS": {
			args: []string{"--data", "x", "--nats-url", "nats://a"},
			want: `data: "x", and natsURL is set too: the log is in that folder or at those servers, so leave one of them out`,
		},
		"sync of another kind": {
			args: []string{"--sync", "2s"},
			want: `sync: "2s": want always or 1s`,
		},
		"sync and NATS": {
			file: "sync: always\nnatsURL: nats://a\n",
			want: `sync: "always", and natsURL is set too: its servers sync as their sync_interval says; leave sync out, and give natsSyncInterval what that is`,
		},
		"retention": {
			file: `retention:
- {topics: [alarm/#], maxAge: 30, maxBytes: 10G}
- {topic: [a], topics: [b/#/c], maxAge: 2m}
- alarm/#
- {topics: a, maxAge: 1d12h}
- {topics: [a], maxAge: 213504d}
`,
			want: `configuration FILE: line 1: retention: rule 0: maxAge: "30": want a time with its unit, from 1s to 36500d, such as 7d or 12h; rule 0: maxBytes: "10G": want a size in bytes, from 1Mi to 1024Ti, such as 10Gi; rule 1: topic: unknown key: want topics, maxAge or maxBytes; rule 1: topics: filter "b/#/c" has "#" before its end: it is the last level or none; rule 2: "alarm/#": want a map such as {topics: [alarm/#], maxAge: 30d, maxBytes: 10Gi}; rule 3: topics: "a": want a list such as [alarm/#]; rule 4: maxAge: "213504d": want a time with its unit, from 1s to 36500d, such as 7d or 12h`,
		},
		"retention with a key twice": {
			args: []string{"--retention", "[{topics: [a], maxAge: 1h, maxAge: 2h}]", "--dead-letters", "{maxBytes: 16Mi, maxBytes: 17Mi}"},
			want: `flag --retention: rule 0: maxAge: "2h" is a second value: want one
flag --dead-letters: maxBytes: "17Mi" is a second value: want one`,
		},
		"retention that makes no sense": {
			env: map[string]string{"DATASTUB_RETENTION": `[{topics: [a/#, b], maxAge: 1h}, {maxAge: 1h}, {topics: [a/+]}, {topics: ["#", c], maxAge: 1h}, {topics: ["#"], maxAge: 1h}, {topics: [d], maxAge: 1h}]`},
			want: `retention: rule 1: topics: none: want filters of topics such as alarm/#
retention: rule 2: neither maxAge nor maxBytes: want one of them, such as maxAge: 30d
retention: rule 2: topics: "a/+" never comes to this rule: rule 0 has "a/#", and the first one counts
retention: rule 3: topics: "#" is all topics: want it alone, in the last rule
retention: rule 4: topics: "#" never comes to this rule: rule 3 has "#", and the first one counts
retention: rule 5: topics: "d" never comes to this rule: rule 3 has "#", and the first one counts`,
		},
		"too many retention classes": {
			args: []string{"--retention", "[" + strings.Join(slices.Collect(func(yield func(string) bool) {
				for n := range 8 {
					_ = yield(fmt.Sprintf("{topics: [t%d], maxAge: 1h}", n))
				}
			}), ",") + "]"},
			want: "retention: 8 rules: want 7 at most, and one for # at the end",
		},
		"no retention": {
			args: []string{"--retention", "7d"},
			want: `flag --retention: "7d": want a list such as [{topics: [alarm/#], maxAge: 30d, maxBytes: 10Gi}]`,
		},
		"dead letters": {
			file: "deadLetters: {maxAge: 30, maxBytes: 1Mi, max: 2}\n",
			env:  map[string]string{"DATASTUB_DEAD_LETTERS": "[30d]"},
			want: `configuration FILE: line 1: deadLetters: maxAge: "30": want a time with its unit, from 1s to 36500d, such as 7d or 12h; maxBytes: "1Mi": want a size in bytes, from 16Mi to 1024Ti, such as 10Gi; max: unknown key: want maxAge or maxBytes
environment variable DATASTUB_DEAD_LETTERS: a list: want a map such as {maxAge: 30d, maxBytes: 128Mi}`,
		},
		"origin": {
			args: []string{"--webhook-origin", "https://app.example.com"},
			want: `webhookOrigin: "https://app.example.com": want a DNS name, such as datastub.example.com`,
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
			got = filePath.ReplaceAllString(got, "configuration FILE:")
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
