package modbus

import (
	"bytes"
	"math"
	"reflect"
	"slices"
	"testing"

	"datastub/driver"
)

// formatOf makes a format of settings, as a CR has them.
func formatOf(t testing.TB, typ driver.Type, settings driver.Settings) format {
	t.Helper()
	p, err := newPoint(&device{}, driver.PointConfig{Name: "p", Type: typ, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	return p.format
}

func registers(pairs ...any) driver.Settings {
	s := driver.Settings{"register": "HoldingRegister", "offset": 0}
	for i := 0; i < len(pairs); i += 2 {
		s[pairs[i].(string)] = pairs[i+1]
	}
	return s
}

func coilsOf(limit int) driver.Settings {
	return driver.Settings{"register": "CoilRegister", "offset": 0, "limit": limit}
}

// TestDecode gives values both ways where back is set.
func TestDecode(t *testing.T) {
	t.Parallel()
	const back = true
	for _, tt := range []struct {
		name     string
		typ      driver.Type
		settings driver.Settings
		data     []byte
		want     any
		back     bool
	}{
		{"int16", driver.Int, registers(), []byte{0xFF, 0xFE}, int64(-2), back},
		{"uint16", driver.Int, registers("dataType", "uint16"), []byte{0xFF, 0xFE}, int64(65534), back},
		{"int32", driver.Int, registers("limit", 2), []byte{0x80, 0, 0, 0}, int64(math.MinInt32), back},
		{"uint32", driver.Int, registers("dataType", "uint32"), []byte{0x80, 0, 0, 1}, int64(1<<31 + 1), back},
		{"int64", driver.Int, registers("limit", 4), []byte{0x80, 0, 0, 0, 0, 0, 0, 1}, int64(math.MinInt64 + 1), back},
		{"uint64 large", driver.Int, registers("dataType", "uint64"), bytes.Repeat([]byte{0xFF}, 8), uint64(math.MaxUint64), back},
		{"uint64 small", driver.Int, registers("dataType", "uint64"), []byte{0, 0, 0, 0, 0, 0, 1, 0}, int64(256), back},
		{"float32", driver.Float, registers("dataType", "float32"), []byte{0x41, 0xBD, 0, 0}, float32(23.625), back},
		{"float64", driver.Double, registers("limit", 4), []byte{0x40, 0x37, 0xA0, 0, 0, 0, 0, 0}, 23.625, back},
		{"swapped words", driver.Int, registers("limit", 4, "isRegisterSwap", true), []byte{0, 4, 0, 3, 0, 2, 0, 1}, int64(0x0001000200030004), back},
		{"swapped bytes", driver.Int, registers("limit", 2, "isSwap", true), []byte{2, 1, 4, 3}, int64(0x01020304), back},
		{"swapped both", driver.Int, registers("limit", 2, "isSwap", true, "isRegisterSwap", true), []byte{4, 3, 2, 1}, int64(0x01020304), back},
		{"scale 0 is 1", driver.Int, registers("scale", 0), []byte{0, 7}, int64(7), back},
		{"scale 0.1 is exact", driver.Double, registers("scale", 0.1), []byte{0, 3}, 0.3, back},
		{"scale 0.1 of a float32 setting", driver.Double, registers("scale", float32(0.1)), []byte{0, 3}, 0.3, back},
		{"scale -0.5", driver.Double, registers("scale", -0.5), []byte{0, 3}, -1.5, back},
		{"scale 10", driver.Int, registers("scale", 10), []byte{0, 3}, int64(30), back},
		{"scale 2.5", driver.Float, registers("scale", 2.5), []byte{0, 3}, float32(7.5), back},
		{"half up", driver.Int, registers("scale", 0.5), []byte{0, 5}, int64(3), !back},
		{"half down below zero", driver.Int, registers("scale", 0.5), []byte{0xFF, 0xFB}, int64(-3), !back},
		{"int64 keeps its bits", driver.Int, registers("limit", 4), []byte{0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, int64(math.MaxInt64), back},
		{"scaled beyond int64", driver.Int, registers("limit", 4, "scale", 2), []byte{0x40, 0, 0, 0, 0, 0, 0, 0}, uint64(1 << 63), back},
		{"float as INT", driver.Int, registers("dataType", "float32"), []byte{0x41, 0xBD, 0, 0}, int64(24), !back},
		{"register as BOOLEAN", driver.Boolean, registers(), []byte{1, 0}, true, !back},
		{"true", driver.Boolean, registers("limit", 2, "isRegisterSwap", true), []byte{0, 1, 0, 0}, true, back},
		{"false", driver.Boolean, registers(), []byte{0, 0}, false, back},
		{"BOOLEAN of a number", driver.Boolean, registers("dataType", "int16", "scale", 10), []byte{0, 1}, true, back},
		{"bool as INT", driver.Int, registers("dataType", "bool"), []byte{9, 9}, int64(1), !back},
		{"bool as FLOAT", driver.Float, registers("dataType", "bool"), []byte{0, 0}, float32(0), back},
		{"bool as STRING", driver.String, registers("dataType", "bool"), []byte{0, 1}, "true", back},
		{"number as STRING", driver.String, registers("dataType", "float32"), []byte{0x3D, 0xCC, 0xCC, 0xCD}, "0.1", back},
		{"uint64 as STRING", driver.String, registers("dataType", "uint64"), bytes.Repeat([]byte{0xFF}, 8), "18446744073709551615", back},
		{"text", driver.String, registers("limit", 2), []byte("Ab\x00\x00"), "Ab", back},
		{"text behind NUL", driver.String, registers("limit", 2), []byte("A\x00xy"), "A", !back},
		{"swapped text", driver.String, registers("limit", 2, "isSwap", true), []byte("bAdc"), "Abcd", back},
		{"text behind spaces", driver.String, registers("limit", 2), []byte("A b "), "A b", !back},
		{"bcd of one register", driver.Int, registers("dataType", "BCD"), []byte{0x12, 0x34}, int64(1234), back},
		{"bcd of two", driver.Int, registers("dataType", "bcd", "limit", 2), []byte{0x12, 0x34, 0x56, 0x78}, int64(12345678), back},
		{"bcd of four", driver.Int, registers("dataType", "bcd64"), bytes.Repeat([]byte{0x99}, 8), int64(9999999999999999), back},
		{"bcd scaled", driver.Double, registers("dataType", "bcd32", "scale", 0.01), []byte{0, 0, 0x23, 0x45}, 23.45, back},
		{"bcd as STRING", driver.String, registers("dataType", "bcd16", "wordOrder", "BADC"), []byte{0x34, 0x12}, "1234", back},
		{"bit 0", driver.Boolean, registers("bit", 0), []byte{0, 1}, true, back},
		{"bit 15", driver.Int, registers("bit", "15"), []byte{0x80, 0}, int64(1), back},
		{"bit 15 of swapped bytes", driver.Boolean, registers("bit", 15, "isSwap", true), []byte{0, 0x80}, true, back},
		{"bit among others", driver.Boolean, registers("bit", 3), []byte{0xFF, 0xF7}, false, !back},
		{"bit as STRING", driver.String, registers("bit", 3, "limit", 1, "dataType", "bool"), []byte{0, 8}, "true", back},
		{"ABCD", driver.Int, registers("limit", 2, "wordOrder", "ABCD"), []byte{1, 2, 3, 4}, int64(0x01020304), back},
		{"DCBA", driver.Int, registers("limit", 2, "wordOrder", "dcba"), []byte{4, 3, 2, 1}, int64(0x01020304), back},
		{"BADC", driver.Int, registers("limit", 2, "wordOrder", "BADC"), []byte{2, 1, 4, 3}, int64(0x01020304), back},
		{"CDAB", driver.Int, registers("limit", 2, "wordOrder", "CDAB"), []byte{3, 4, 1, 2}, int64(0x01020304), back},
		{"DCBA of 64 bits", driver.Int, registers("limit", 4, "wordOrder", "DCBA"), []byte{8, 7, 6, 5, 4, 3, 2, 1}, int64(0x0102030405060708), back},
		{"BADC of 64 bits", driver.Int, registers("limit", 4, "wordOrder", "BADC"), []byte{2, 1, 4, 3, 6, 5, 8, 7}, int64(0x0102030405060708), back},
		{"CDAB of 64 bits", driver.Int, registers("limit", 4, "wordOrder", "CDAB"), []byte{7, 8, 5, 6, 3, 4, 1, 2}, int64(0x0102030405060708), back},
		{"DCBA of 16 bits", driver.Int, registers("wordOrder", "DCBA"), []byte{2, 1}, int64(0x0102), back},
		{"CDAB of 16 bits", driver.Int, registers("wordOrder", "CDAB"), []byte{1, 2}, int64(0x0102), back},
		{"name and swaps agree", driver.Int, registers("limit", 2, "wordOrder", "CDAB", "isRegisterSwap", true, "isSwap", false), []byte{3, 4, 1, 2}, int64(0x01020304), back},
		{"swaps that say nothing", driver.Int, registers("limit", 2, "wordOrder", "CDAB", "isRegisterSwap", false), []byte{3, 4, 1, 2}, int64(0x01020304), back},
		{"float32 as DOUBLE", driver.Double, registers("dataType", "float32"), []byte{0x3D, 0xCC, 0xCC, 0xCD}, 0.1, back},
		{"float32 by 10", driver.Float, registers("limit", 2, "scale", 10), []byte{0x41, 0xA3, 0xAE, 0x14}, float32(204.6), back},
		{"largest float32", driver.Double, registers("dataType", "float32"), []byte{0x7F, 0x7F, 0xFF, 0xFF}, 3.4028235e38, back},
		{"FLOAT of a float64", driver.Float, registers("dataType", "float64"), []byte{0x40, 0x37, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66}, float32(23.4), back},
		{"valueOffset", driver.Double, registers("scale", 0.1, "valueOffset", -40), []byte{0, 235}, -16.5, back},
		{"valueOffset alone", driver.Int, registers("valueOffset", "-273"), []byte{0x01, 0x11}, int64(0), back},
		{"valueOffset is exact", driver.Double, registers("scale", 0.1, "valueOffset", 0.2), []byte{0, 1}, 0.3, back},
		{"valueOffset of other digits", driver.Double, registers("scale", 0.25, "valueOffset", 0.1), []byte{0, 3}, 0.85, back},
		{"counter by 10", driver.Int, registers("dataType", "uint64", "scale", 10), []byte{0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF}, int64(819855292164868950), back},
		{"counter above int64 less 1", driver.Int, registers("dataType", "uint64", "valueOffset", -1), bytes.Repeat([]byte{0xFF}, 8), uint64(math.MaxUint64 - 1), back},
		{"counter by 0.001", driver.Double, registers("dataType", "uint64", "scale", 0.001), []byte{0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF}, 81985529216486.895, !back},
		{"scale with no whole numbers", driver.Double, registers("scale", 1e-30), []byte{0, 3}, 3e-30, back},
		{"bytes", driver.Bytes, registers("limit", 2, "isRegisterSwap", true), []byte{1, 2, 3, 4}, []byte{3, 4, 1, 2}, back},
		{"one bit as BOOLEAN", driver.Boolean, coilsOf(1), []byte{1}, true, back},
		{"one bit as INT", driver.Int, coilsOf(1), []byte{1}, int64(1), back},
		{"one bit as STRING", driver.String, coilsOf(1), []byte{1}, "1", back},
		{"12 bits", driver.Int, coilsOf(12), []byte{0x34, 0x02}, int64(0x234), back},
		{"64 bits", driver.Int, coilsOf(64), []byte{1, 0, 0, 0, 0, 0, 0, 0x80}, uint64(1<<63 + 1), back},
		{"9 bits as BOOLEAN", driver.Boolean, coilsOf(9), []byte{0, 1}, true, !back},
		{"bits know no swaps", driver.Bytes, driver.Settings{"register": "CoilRegister", "offset": 0, "limit": 12, "isSwap": true}, []byte{0x34, 0x02}, []byte{0x34, 0x02}, back},
		{"12 bits as BYTES", driver.Bytes, coilsOf(12), []byte{0x34, 0x02}, []byte{0x34, 0x02}, back},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := formatOf(t, tt.typ, tt.settings)
			got, suspect, err := f.decode(slices.Clone(tt.data))
			if err != nil || suspect != "" || !reflect.DeepEqual(got, tt.want) {
				t.Fatalf("decode % x: got %v (%T) %q, %v, want %v (%T)", tt.data, got, got, suspect, err, tt.want, tt.want)
			}
			if data, err := f.encode(tt.want); tt.back && (err != nil || !bytes.Equal(data, tt.data)) {
				t.Errorf("encode %v: got % x, %v, want % x", tt.want, data, err, tt.data)
			}
		})
	}
}

// TestDeviceOrder has a device say the order of all its points.
func TestDeviceOrder(t *testing.T) {
	t.Parallel()
	d := &device{order: order{swapWords: true}}
	for _, tt := range []struct {
		name     string
		typ      driver.Type
		settings driver.Settings
		want     order
	}{
		{"unsaid", driver.Int, registers("limit", 2), d.order},
		{"false says nothing", driver.Int, registers("limit", 2, "isSwap", false, "isRegisterSwap", false), d.order},
		{"a bit", driver.Boolean, registers("bit", 2), d.order},
		{"by name", driver.Int, registers("limit", 2, "wordOrder", "ABCD"), order{}},
		{"by swaps", driver.Int, registers("limit", 2, "isSwap", true), order{swapBytes: true}},
		{"text", driver.String, registers("limit", 2), order{}},
		{"bytes", driver.Bytes, registers("limit", 2), order{}},
		{"text by name", driver.String, registers("limit", 2, "wordOrder", "BADC"), order{swapBytes: true}},
		{"coils", driver.Int, coilsOf(16), order{}},
	} {
		p, err := newPoint(d, driver.PointConfig{Type: tt.typ, Settings: tt.settings})
		if err != nil || p.format.order != tt.want {
			t.Errorf("%s: got %+v, %v, want %+v", tt.name, p.format.order, err, tt.want)
		}
	}
}

// TestEncodeSpareBits gives more bits than the point has: they are not sent.
func TestEncodeSpareBits(t *testing.T) {
	t.Parallel()
	got, err := formatOf(t, driver.Bytes, coilsOf(12)).encode([]byte{0xFF, 0xFF})
	if want := []byte{0xFF, 0x0F}; err != nil || !bytes.Equal(got, want) {
		t.Errorf("got % x, %v, want % x", got, err, want)
	}
}

func TestDecodeSuspects(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		typ      driver.Type
		settings driver.Settings
		data     []byte
		want     string
	}{
		{"below min", driver.Int, registers("min", -1), []byte{0xFF, 0xFE}, "below min -1"},
		{"above max after scale", driver.Float, registers("scale", 0.1, "max", 0.25), []byte{0, 3}, "above max 0.25"},
		{"at max", driver.Float, registers("scale", 0.1, "max", 0.3), []byte{0, 3}, ""},
		{"at max of 32 bits", driver.Float, registers("limit", 2, "max", 0.1), []byte{0x3D, 0xCC, 0xCC, 0xCD}, ""},
		{"above max of 32 bits", driver.Float, registers("limit", 2, "max", 0.1), []byte{0x3D, 0xCC, 0xCC, 0xCE}, "above max 0.1"},
		{"at min of 32 bits", driver.Double, registers("dataType", "float32", "min", -0.1), []byte{0xBD, 0xCC, 0xCC, 0xCD}, ""},
		{"below min of 32 bits", driver.Float, registers("limit", 2, "min", -0.1), []byte{0xBD, 0xCC, 0xCC, 0xCE}, "below min -0.1"},
		{"NaN", driver.Float, registers("limit", 2), []byte{0x7F, 0xC0, 0, 0}, "not a number"},
		{"infinite", driver.Float, registers("limit", 2), []byte{0xFF, 0x80, 0, 0}, "infinite"},
		{"not UTF-8", driver.String, registers("limit", 1), []byte{'a', 0xFF}, "text is not UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			value, suspect, err := formatOf(t, tt.typ, tt.settings).decode(tt.data)
			if err != nil || suspect != tt.want || !tt.typ.Holds(value) {
				t.Errorf("got %v (%T) %q, %v, want %q", value, value, suspect, err, tt.want)
			}
		})
	}
}

func TestDecodeErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		typ      driver.Type
		settings driver.Settings
		data     []byte
	}{
		{"NaN as INT", driver.Int, registers("dataType", "float32"), []byte{0x7F, 0xC0, 0, 0}},
		{"infinite as INT", driver.Int, registers("dataType", "float32"), []byte{0x7F, 0x80, 0, 0}},
		{"beyond 64 bits", driver.Int, registers("limit", 4, "scale", 16), []byte{0x7F, 0, 0, 0, 0, 0, 0, 0}},
		{"below 64 bits", driver.Int, registers("limit", 4, "scale", 4), []byte{0x80, 0, 0, 0, 0, 0, 0, 0}},
		{"BCD with a hex digit", driver.Int, registers("dataType", "bcd32"), []byte{0, 0, 0x1A, 0x34}},
		{"beyond FLOAT", driver.Float, registers("dataType", "float64"), []byte{0x7E, 0x37, 0xE4, 0x3C, 0x88, 0, 0x75, 0x9C}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if value, _, err := formatOf(t, tt.typ, tt.settings).decode(tt.data); err == nil || value != nil {
				t.Errorf("got %v, %v, want an error", value, err)
			}
		})
	}
}

// FuzzDecode makes a format of any settings that are taken. No bytes may make
// it panic or give a value of another type, and what is written of a value must
// be read as the same value.
func FuzzDecode(f *testing.F) {
	f.Add("FLOAT", "HoldingRegister", "", "2", "0", "0", "", "", []byte{0x41, 0xBD, 0, 0})
	f.Add("INT", "CoilRegister", "int", "12", "1", "0", "", "DCBA", []byte{0x34, 0x12})
	f.Add("STRING", "InputRegister", "string", "3", "", "", "", "BADC", []byte("abcdef"))
	f.Add("INT", "HoldingRegister", "uint64", "4", "2.5", "-40", "", "CDAB", []byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Add("DOUBLE", "HoldingRegister", "bcd", "2", "1e-3", "1e300", "", "ABCD", []byte{0x12, 0x34, 0x56, 0x78})
	f.Add("BOOLEAN", "InputRegister", "bool", "1", "1", "0", "7", "BADC", []byte{0xFF, 0})
	f.Fuzz(func(t *testing.T, typ, register, dataType, limit, factor, offset, bit, order string, data []byte) {
		settings := driver.Settings{"offset": 0}
		for key, value := range map[string]string{
			"register": register, "dataType": dataType, "limit": limit, "scale": factor, "valueOffset": offset, "bit": bit, "wordOrder": order,
		} {
			if value != "" {
				settings[key] = value
			}
		}
		p, err := newPoint(&device{}, driver.PointConfig{Type: driver.Type(typ), Settings: settings})
		if err != nil {
			t.Skip()
		}
		form := p.format
		data = append(data, make([]byte, form.size())...)[:form.size()]
		value, suspect, err := form.decode(data)
		if err != nil {
			return
		}
		if !form.typ.Holds(value) {
			t.Fatalf("decode % x: got a %T for %s", data, value, form.typ)
		}
		written, err := form.encode(value)
		if err != nil || form.scale != nil || suspect != "" || form.encoding.kind == float && form.typ != driver.Double {
			return // rounding may change it, or make it too large
		}
		again, _, err := form.decode(written)
		if err != nil || !reflect.DeepEqual(again, value) {
			t.Fatalf("%v is written as % x, which is read as %v, %v", value, written, again, err)
		}
	})
}
