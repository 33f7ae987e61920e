package dataplane

import "testing"

func TestParseClass(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want Class
		err  string
	}{
		{"RT", RT, ""},
		{"BT", BT, ""},
		{"rt", RT, ""},
		{"Bt", BT, ""},
		{"", 0, `class "" is not RT or BT`},
		{"RT ", 0, `class "RT " is not RT or BT`},
		{"Class(1)", 0, `class "Class(1)" is not RT or BT`},
	} {
		got, err := ParseClass(tt.text)
		if got != tt.want || errText(err) != tt.err {
			t.Errorf("ParseClass(%q) = %v, %v; want %v, %q", tt.text, got, err, tt.want, tt.err)
		}
	}
}

func TestClassText(t *testing.T) {
	t.Parallel()
	for _, want := range Classes {
		text, err := want.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var got Class
		if err := got.UnmarshalText(text); err != nil || got != want {
			t.Errorf("%s reads as %v, %v", text, got, err)
		}
	}
	if text, err := Class(3).MarshalText(); err == nil {
		t.Errorf("Class(3) is written as %s", text)
	}
	if got := Class(3).String(); got != "Class(3)" {
		t.Errorf("Class(3) is called %s", got)
	}
}

// errText returns an error's text, "" for none.
func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
