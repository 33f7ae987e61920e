package modbus_test

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"datastub/driver"
	"datastub/driver/modbus"
)

// TestSpecificationExamples has the examples of the MODBUS Application Protocol
// Specification V1.1b3, by section: what is read or written makes its request,
// and its response makes the values.
func TestSpecificationExamples(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name              string
		settings          driver.Settings
		typ               driver.Type
		request, response string
		read, write       any // one of them
		err               string
	}{
		{"6.1 coils 20-38", bitsOf("CoilRegister", 19, 19), driver.Bytes, "01 00 13 00 13", "01 03 CD 6B 05", []byte{0xCD, 0x6B, 0x05}, nil, ""},
		{"6.2 discrete inputs 197-218", bitsOf("DiscreteInputRegister", 196, 22), driver.Int, "02 00 C4 00 16", "02 03 AC DB 35", int64(0x35DBAC), nil, ""},
		{"6.3 registers 108-110", holding("offset", 107, "limit", 3), driver.Bytes, "03 00 6B 00 03", "03 06 02 2B 00 00 00 64", []byte{2, 0x2B, 0, 0, 0, 0x64}, nil, ""},
		{"6.4 input register 9", bitsOf("InputRegister", 8, 1), driver.Int, "04 00 08 00 01", "04 02 00 0A", int64(10), nil, ""},
		{"6.5 coil 173", bitsOf("CoilRegister", 172, 1), driver.Boolean, "05 00 AC FF 00", "05 00 AC FF 00", nil, true, ""},
		{"6.6 register 2", holding("offset", 1), driver.Int, "06 00 01 00 03", "06 00 01 00 03", nil, int64(3), ""},
		{"6.11 coils 20-29", bitsOf("CoilRegister", 19, 10), driver.Bytes, "0F 00 13 00 0A 02 CD 01", "0F 00 13 00 0A", nil, []byte{0xCD, 0x01}, ""},
		{"6.12 registers 2-3", holding("offset", 1, "limit", 2), driver.Int, "10 00 01 00 02 04 00 0A 01 02", "10 00 01 00 02", nil, int64(0xA0102), ""},
		{"6.16 a bit of register 5", holding("offset", 4, "bit", 2), driver.Boolean, "16 00 04 FF FB 00 04", "16 00 04 FF FB 00 04", nil, true, ""},
		{"7 coil 1186", bitsOf("CoilRegister", 0x4A1, 1), driver.Boolean, "01 04 A1 00 01", "81 02", nil, nil, "illegal data address (exception 2)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan string, 1) // there is one request
			port := listen(t, script(func(request, _ []byte) []byte {
				asked <- strings.ToUpper(hex.EncodeToString(request[7:]))
				pdu, err := hex.DecodeString(strings.ReplaceAll(tt.response, " ", ""))
				if err != nil {
					t.Error(err)
				}
				return append(append(request[:4:4], 0, byte(1+len(pdu)), request[6]), pdu...)
			}).answer)
			device := open(t, modbus.New(modbus.Options{}), peerSettings(port))
			p := point(t, device, tt.typ, tt.settings)
			if tt.write != nil {
				if err := device.Write(t.Context(), p, tt.write); err != nil {
					t.Error(err)
				}
			} else if r := read(t, device, p); !reflect.DeepEqual(r.Value, tt.read) || (r.Err != nil) != (tt.err != "") || r.Err != nil && !contains(r.Err, tt.err) {
				t.Errorf("got %v, %v, want %v, %q", r.Value, r.Err, tt.read, tt.err)
			}
			if got, want := <-asked, strings.ReplaceAll(tt.request, " ", ""); got != want {
				t.Errorf("asked for %s, want %s", got, want)
			}
		})
	}
}

// bitsOf returns the settings of some addresses of a table.
func bitsOf(register string, offset, limit int) driver.Settings {
	return driver.Settings{"register": register, "offset": offset, "limit": limit}
}
