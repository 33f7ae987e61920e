package webhook

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
)

func TestKeysComeBack(t *testing.T) {
	t.Parallel()
	for _, made := range []Key{newSecret(t), newPrivate(t)} {
		read, err := ParseKey(made.Reveal())
		if err != nil {
			t.Fatalf("ParseKey: %v", err)
		}
		if read.Reveal() != made.Reveal() || read.Verifier() != made.Verifier() {
			t.Errorf("key %v comes back as %v", made.Reveal(), read.Reveal())
		}
	}
}

func TestParseKeyRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "secret", "whsec_", "whsec_AAAA", "whsec_!!", "whsk_AAAA", "whpk_AAAA",
		"whsec_" + strings.Repeat("A", 88), // 66 bytes
	} {
		_, err := ParseKey(text)
		if err == nil {
			t.Errorf("ParseKey(%q): no error", text)
		} else if len(text) > 8 && strings.Contains(err.Error(), text) {
			t.Errorf("ParseKey(%q) repeats the key: %v", text, err)
		}
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	t.Parallel()
	for _, k := range []Key{newSecret(t), newPrivate(t)} {
		_, secret, _ := strings.Cut(k.Reveal(), "_")
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if text := fmt.Sprintf(format, k); strings.Contains(text, secret) {
				t.Errorf("%s prints the key: %s", format, text)
			}
			if text := fmt.Sprintf(format, []Key{k}); strings.Contains(text, secret) {
				t.Errorf("%s prints the key in a slice: %s", format, text)
			}
		}
	}
}

func TestNewKeysNeedRandomBytes(t *testing.T) {
	t.Parallel()
	want := errors.New("no entropy")
	if _, err := NewSecret(iotest.ErrReader(want)); !errors.Is(err, want) {
		t.Errorf("NewSecret: %v, want %v", err, want)
	}
	if _, err := NewPrivate(bytes.NewReader(nil)); err == nil {
		t.Error("NewPrivate: no error")
	}
}

func newSecret(t *testing.T) Key {
	t.Helper()
	k, err := NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newPrivate(t *testing.T) Key {
	t.Helper()
	k, err := NewPrivate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
