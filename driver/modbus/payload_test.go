package modbus

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"testing"

	"datastub/driver"
)

// A payload is a line of testdata/payload.py.
type payload struct {
	Type      string `json:"type"` // in pymodbus's words
	ByteOrder string `json:"byteorder"`
	WordOrder string `json:"wordorder"`
	Value     string `json:"value"`
	Registers string `json:"registers"`
}

// payloads are the types that pymodbus and the driver have, and some value of
// each. Floats lack a bit of the exponent that NaN and infinity have.
var payloads = []struct {
	theirs, ours string
	typ          driver.Type
	registers    int
	value        func(*rand.Rand) any
}{
	{"16bit_int", "int16", driver.Int, 1, func(r *rand.Rand) any { return int64(int16(r.Uint32())) }},
	{"32bit_int", "int32", driver.Int, 2, func(r *rand.Rand) any { return int64(int32(r.Uint32())) }},
	{"64bit_int", "int64", driver.Int, 4, func(r *rand.Rand) any { return int64(r.Uint64()) }},
	{"16bit_uint", "uint16", driver.Int, 1, func(r *rand.Rand) any { return int64(uint16(r.Uint32())) }},
	{"32bit_uint", "uint32", driver.Int, 2, func(r *rand.Rand) any { return int64(r.Uint32()) }},
	{"64bit_uint", "uint64", driver.Int, 4, func(r *rand.Rand) any { return unsignedValue(r.Uint64()) }},
	{"32bit_float", "float32", driver.Float, 2, func(r *rand.Rand) any { return math.Float32frombits(r.Uint32() &^ (1 << 23)) }},
	{"64bit_float", "float64", driver.Double, 4, func(r *rand.Rand) any { return math.Float64frombits(r.Uint64() &^ (1 << 52)) }},
	{"bcd16", "bcd16", driver.Int, 1, func(r *rand.Rand) any { return r.Int64N(1e4) }},
	{"bcd32", "bcd32", driver.Int, 2, func(r *rand.Rand) any { return r.Int64N(1e8) }},
	{"bcd64", "bcd64", driver.Int, 4, func(r *rand.Rand) any { return r.Int64N(1e16) }},
	{"string", "string", driver.String, 3, func(r *rand.Rand) any { return strconv.Itoa(100_000 + r.IntN(900_000)) }},
}

// unsignedValue is n as a point has it.
func unsignedValue(n uint64) any {
	if n > math.MaxInt64 {
		return n
	}
	return int64(n)
}

// TestPymodbusAgrees gives random values of each type and order both ways: the
// registers are those that pymodbus makes, and pymodbus reads ours as the value.
func TestPymodbusAgrees(t *testing.T) {
	t.Parallel()
	const each = 50
	random := rand.New(rand.NewPCG(3, 14))
	type test struct {
		payload
		format format
		value  any
	}
	var tests []test
	var lines bytes.Buffer
	for o, name := range orderNames {
		for _, p := range payloads {
			if p.theirs == "string" && name != "ABCD" {
				continue // pymodbus turns no text around
			}
			f := formatOf(t, p.typ, registers("dataType", p.ours, "limit", p.registers, "wordOrder", name))
			for range each {
				value := p.value(random)
				data, err := f.encode(value)
				if err != nil {
					t.Fatal(err)
				}
				line := payload{p.theirs, ">", ">", fmt.Sprint(value), hex.EncodeToString(data)}
				if o.swapBytes {
					line.ByteOrder = "<"
				}
				if o.swapWords {
					line.WordOrder = "<"
				}
				tests = append(tests, test{line, f, value})
				if err := json.NewEncoder(&lines).Encode(line); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	python := exec.CommandContext(t.Context(), "/usr/bin/python3", "testdata/payload.py")
	python.Stdin, python.Stderr = &lines, os.Stderr
	out, err := python.Output()
	if err != nil {
		t.Fatal(err)
	}
	theirs := json.NewDecoder(bytes.NewReader(out))
	for _, tt := range tests {
		var got payload
		if err := theirs.Decode(&got); err != nil {
			t.Fatal(err)
		}
		made, err := hex.DecodeString(got.Registers)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ofText(got.Value, tt.value)
		if got.Registers != tt.Registers || err != nil || !reflect.DeepEqual(back, tt.value) {
			t.Errorf("%+v: pymodbus makes %s of the value, and %s of the registers, %v", tt.payload, got.Registers, got.Value, err)
		}
		if value, suspect, err := tt.format.decode(made); err != nil || suspect != "" || !reflect.DeepEqual(value, tt.value) {
			t.Errorf("%+v: got %v, %q, %v of pymodbus's registers", tt.payload, value, suspect, err)
		}
	}
}

// ofText makes a value like another one of a text.
func ofText(text string, like any) (any, error) {
	if _, isText := like.(string); isText {
		return text, nil
	}
	n, err := parseNumber(text)
	if err != nil {
		return nil, err
	}
	switch like.(type) {
	case float32:
		return float32(asFloat(n)), nil
	case float64:
		return asFloat(n), nil
	}
	return asWhole(n)
}
