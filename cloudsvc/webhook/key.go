package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The prefixes by which keys are told from one another, and from anything else.
const (
	secretPrefix  = "whsec_" // of HMAC-SHA256, both ends have it
	privatePrefix = "whsk_"  // of ed25519, only we have it
	publicPrefix  = "whpk_"  // of ed25519, for receivers
)

// The specification wants secrets of 24 to 64 bytes; as many as SHA-256 and
// the seeds of ed25519 have are made.
const (
	minSecretBytes = 24
	maxSecretBytes = 64
	newKeyBytes    = ed25519.SeedSize
)

// A Key signs requests. The zero Key signs nothing.
type Key struct {
	secret  []byte             // of HMAC-SHA256, or nil
	private ed25519.PrivateKey // or nil
}

// A Signature is how requests are signed, by its name in the header.
type Signature string

// The signatures of Standard Webhooks.
const (
	V1  Signature = "v1"  // HMAC-SHA256: receivers have the same secret as we
	V1a Signature = "v1a" // ed25519: receivers have the public key only
)

// Validate returns what is wrong with a signature that is none of them.
func (s Signature) Validate() error {
	if s != V1 && s != V1a {
		return fmt.Errorf("signature %.64q: want %s or %s", s, V1, V1a)
	}
	return nil
}

// NewKey makes a key for a signature, of random bytes.
func NewKey(s Signature, random io.Reader) (Key, error) {
	if err := s.Validate(); err != nil {
		return Key{}, err
	}
	seed := make([]byte, newKeyBytes)
	if _, err := io.ReadFull(random, seed); err != nil {
		return Key{}, fmt.Errorf("make a key: %w", err)
	}
	if s == V1a {
		return Key{private: ed25519.NewKeyFromSeed(seed)}, nil
	}
	return Key{secret: seed}, nil
}

// ParseKey reads what Reveal writes: whsec_ or whsk_, and base64. Its error
// does not repeat the text.
func ParseKey(text string) (Key, error) {
	secret, isSecret := strings.CutPrefix(text, secretPrefix)
	seed, isPrivate := strings.CutPrefix(text, privatePrefix)
	switch {
	case isSecret:
		b, err := base64.StdEncoding.DecodeString(secret)
		if err != nil || len(b) < minSecretBytes || len(b) > maxSecretBytes {
			return Key{}, fmt.Errorf("key is no secret: want %s and the base64 of %d to %d bytes", secretPrefix, minSecretBytes, maxSecretBytes)
		}
		return Key{secret: b}, nil
	case isPrivate:
		b, err := base64.StdEncoding.DecodeString(seed)
		if err != nil || len(b) != ed25519.SeedSize {
			return Key{}, fmt.Errorf("key is no private key: want %s and the base64 of %d bytes", privatePrefix, ed25519.SeedSize)
		}
		return Key{private: ed25519.NewKeyFromSeed(b)}, nil
	}
	return Key{}, errors.New("key is of no known kind: want one that begins with " + secretPrefix + " or " + privatePrefix)
}

// Reveal returns the whole key as text, which nobody but its owner may see: not
// for logs, nor for any answer but the one to its making.
func (k Key) Reveal() string {
	if k.private != nil {
		return privatePrefix + base64.StdEncoding.EncodeToString(k.private.Seed())
	}
	return k.Secret()
}

// Secret returns what a receiver verifies V1 with, which is all there is of the
// key; "" of one that makes V1a.
func (k Key) Secret() string {
	if k.secret == nil {
		return ""
	}
	return secretPrefix + base64.StdEncoding.EncodeToString(k.secret)
}

// PublicKey returns what a receiver verifies V1a with, which everybody may
// know; "" of a key that makes V1.
func (k Key) PublicKey() string {
	if k.private == nil {
		return ""
	}
	return publicPrefix + base64.StdEncoding.EncodeToString(k.private.Public().(ed25519.PublicKey))
}

// Signature returns what the key makes.
func (k Key) Signature() Signature {
	if k.private != nil {
		return V1a
	}
	return V1
}

// String tells the key's kind, and nothing of the key.
func (k Key) String() string {
	switch {
	case k.secret != nil:
		return secretPrefix + "…"
	case k.private != nil:
		return privatePrefix + "…"
	}
	return "none"
}

// GoString is String: %#v tells no more.
func (k Key) GoString() string { return k.String() }

// sign returns a signature as the header has it.
func (k Key) sign(signed []byte) string {
	if k.private != nil {
		return string(V1a) + "," + base64.StdEncoding.EncodeToString(ed25519.Sign(k.private, signed))
	}
	mac := hmac.New(sha256.New, k.secret)
	_, _ = mac.Write(signed) // a hash takes everything
	return string(V1) + "," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
