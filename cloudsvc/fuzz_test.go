package cloudsvc

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"datastub/dataplane"
)

// FuzzConfigFile: what is accepted is valid or told with its key, a line each.
func FuzzConfigFile(f *testing.F) {
	for _, seed := range []string{
		"", "http: 127.0.0.1:8080\nuplink: tcp://*:5557\n", "http: [a]\n", "htp: x\n", "http: a\nhttp: b\n", "&a [*a]", "a: &a b\nhttp: *a\n", "---\n---\n",
		"natsSyncInterval: 2m\n", "deadLetters: {maxAge: 7d}\nsync: 1s\nretention: [{topics: [a/#], maxAge: 7d, maxBytes: 1Gi}, {topics: ['#'], maxAge: 1h}]\n", "\xff\xfeh", "data: !!binary gIGC\n", "? {a: b}\n: c\n",
	} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "config.yaml")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		c := DefaultConfig()
		if err := c.readFile(path); err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.HasPrefix(line, "configuration "+path+": ") {
					t.Errorf("a line of the error names no file: %q", line)
				}
			}
			return
		}
		if err := c.Validate(); err != nil && err.Error() == "" {
			t.Error("an error says nothing")
		}
	})
}

// FuzzSettings sets every setting to a text, as the environment does.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{"", "127.0.0.1:8080", "tcp://*:5557", "2m", "-1s", "nats://a:b@host:4222,tls://x", "nats://[::1", "%zz", "\x00", "always", "[{topics: [a/#], maxAge: 7d, maxBytes: 1Gi}]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for i := range settings {
			s, c := &settings[i], DefaultConfig()
			if err := s.set(&c, text); err != nil {
				continue
			}
			if err := c.Validate(); err != nil {
				continue
			}
			again := DefaultConfig()
			if err := s.set(&again, s.get(&c)); err != nil || s.get(&again) != s.get(&c) {
				t.Errorf("%s: %q is written %q, which reads as %q, %v", s.key, text, s.get(&c), s.get(&again), err)
			}
		}
	})
}

// FuzzRegistration: what is accepted has an id, topics and an address that
// others can use.
func FuzzRegistration(f *testing.F) {
	for _, seed := range []string{
		`{"id":"a"}`, `{"id":"edge-1/mapper","address":"tcp://10.0.0.1:5556","topics":["a/b"]}`, `{"id":"","address":"http://x","topics":["a b",7]}`,
		`{"id":"a","address":"tcp://[::1]:0"}`, `{"id":"a","address":"tcp://u:p@h:1/p?q#f"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := dataplane.ReadObject("body", body, registrationFields[:]...)
		if err != nil {
			return
		}
		r := readRegistration(o)
		r.validate(100, o.Refuse)
		if o.Err() != nil {
			return
		}
		if r.ID == "" || len(r.Topics) > 100 || slices.ContainsFunc(r.Topics, func(topic string) bool { return dataplane.ValidateTopic(topic) != nil }) {
			t.Errorf("%s is accepted as %+v", body, r)
		}
		if r.Address == nil || *r.Address == "" {
			return
		}
		if u, err := url.Parse(*r.Address); err != nil || u.Scheme != "tcp" || u.Hostname() == "" || u.Port() == "" || u.User != nil || u.Path != "" {
			t.Errorf("the address %q is accepted: %v", *r.Address, err)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
	})
}

// FuzzQuery: what passes has known parameters, once each.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"", "topic=a", "topic=a&topic=b", "topics=a", "topic=%zz", "%0A0=1", "a;b", "topic=%00", "=&=&topic"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if err := checkQuery(raw, []string{"topic"}); err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the refusal %q is not one line", err)
			}
			return
		}
		values, err := url.ParseQuery(raw)
		if err != nil || len(values) > 1 || len(values["topic"]) != len(values) {
			t.Errorf("%q passes as %v, %v", raw, values, err)
		}
	})
}
