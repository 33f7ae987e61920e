package modbus

// table is one of the four tables of a Modbus device.
type table byte

const (
	coils table = iota
	discreteInputs
	holdingRegisters
	inputRegisters
)

// tables is what there is to know of each table: the setting's word for it,
// its name for messages, and whether it is of bits and can be written.
var tables = [...]struct {
	word, one      string
	bits, writable bool
}{
	coils:            {"CoilRegister", "coil", true, true},
	discreteInputs:   {"DiscreteInputRegister", "discrete input", true, false},
	holdingRegisters: {"HoldingRegister", "holding register", false, true},
	inputRegisters:   {"InputRegister", "input register", false, false},
}

// addresses is how many each table has.
const addresses = 1 << 16

// Limits of one request, sections 6.1 to 6.4, 6.11 and 6.12.
const (
	maxReadBits       = 2000
	maxReadRegisters  = 125
	maxWriteBits      = 1968
	maxWriteRegisters = 123
)

func (t table) bits() bool     { return tables[t].bits }
func (t table) writable() bool { return tables[t].writable }

// maxRead is how many registers or bits one request may read.
func (t table) maxRead() int {
	if t.bits() {
		return maxReadBits
	}
	return maxReadRegisters
}

// maxWrite is how many registers or bits one request may write.
func (t table) maxWrite() int {
	if t.bits() {
		return maxWriteBits
	}
	return maxWriteRegisters
}
