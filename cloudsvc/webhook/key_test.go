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
	for _, made := range []Key{newKey(t, V1), newKey(t, V1a)} {
		read, err := ParseKey(made.Reveal())
		if err != nil {
			t.Fatalf("ParseKey: %v", err)
		}
		if read.Reveal() != made.Reveal() || read.Secret() != made.Secret() || read.PublicKey() != made.PublicKey() || read.Signature() != made.Signature() {
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
	for _, k := range []Key{newKey(t, V1), newKey(t, V1a)} {
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

func TestNewKeyRefuses(t *testing.T) {
	t.Parallel()
	want := errors.New("no entropy")
	for _, signature := range []Signature{V1, V1a} {
		if _, err := NewKey(signature, iotest.ErrReader(want)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", signature, err, want)
		}
		if _, err := NewKey(signature, bytes.NewReader(make([]byte, newKeyBytes-1))); err == nil {
			t.Errorf("%s of too few bytes: no error", signature)
		}
	}
	if _, err := NewKey("v2", rand.Reader); err == nil || err.Error() != `signature "v2": want v1 or v1a` {
		t.Errorf("v2: %v", err)
	}
}

func newKey(t *testing.T, s Signature) Key {
	t.Helper()
	k, err := NewKey(s, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
