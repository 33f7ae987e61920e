package webhook

import (
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"https://app.example.com/hook?a=b":           true,
		"http://10.0.0.1:8080":                       true,
		"http://[::1]:8080/x":                        true,
		"http://my_app.cluster.local:8080/x":         true,
		"http://bücher.example:8080/x":               true,
		"http://2130706433/":                         false,
		"http://0x7f.1/":                             false,
		"http://0177.0.0.1/":                         false,
		"http://127.0.0.0x1./":                       false,
		"http://①②⑦.⓪.⓪.①/":                          false,
		"https://app.example.com:65535/hook":         true,
		"https://app.example.com:0/hook":             false,
		"https://app.example.com:/hook":              true,
		"https://app.example.com:65536/hook":         false,
		"https://[::1]:99999/hook":                   false,
		"app.example.com/hook":                       false,
		"/hook":                                      false,
		"ftp://app.example.com":                      false,
		"https://":                                   false,
		"https://u:s3cret@app.example.com":           false,
		"https://app.example.com/#s3cret":            false,
		"https://s3cret\x7f":                         false,
		"https://h/" + strings.Repeat("s3cret", 400): false,
	} {
		u, err := ParseURL(text)
		if (err == nil) != ok {
			t.Errorf("ParseURL(%.40q): %v, want ok %v", text, err, ok)
		}
		if err == nil && strings.Contains(text, "bücher") && u.Host != "xn--bcher-kva.example:8080" {
			t.Errorf("ParseURL(%.40q): host %q, want it in ASCII", text, u.Host)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("ParseURL(%.40q) repeats it: %v", text, err)
		}
	}
}
