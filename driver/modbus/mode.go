package modbus

// mode is how a device is reached.
type mode byte

const (
	overTCP mode = iota
	overTLS
	overSerial
	rtuOverTCP
)

// modes is what there is to know of each: the setting's word for it, the port
// that is its default, and whether its frames have numbers.
var modes = [...]struct {
	word     string
	port     int64
	numbered bool
}{
	overTCP:    {"TCP", 502, true},
	overTLS:    {"TLS", 802, true}, // MODBUS/TCP Security V36, section 4
	overSerial: {"RTU", 0, false},
	rtuOverTCP: {"RTUOverTCP", 502, false},
}

func (m mode) String() string { return modes[m].word }

// numbered tells whether an answer is known by its number, however late.
func (m mode) numbered() bool { return modes[m].numbered }
