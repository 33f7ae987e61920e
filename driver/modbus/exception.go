package modbus

import (
	"fmt"

	"github.com/grid-x/modbus"
)

// exception is a device's refusal of a request, section 7 of the Modbus
// application protocol.
type exception byte

// exceptionNames are the specification's.
var exceptionNames = map[exception]string{
	modbus.ExceptionCodeIllegalFunction:                    "illegal function",
	modbus.ExceptionCodeIllegalDataAddress:                 "illegal data address",
	modbus.ExceptionCodeIllegalDataValue:                   "illegal data value",
	modbus.ExceptionCodeServerDeviceFailure:                "server device failure",
	modbus.ExceptionCodeAcknowledge:                        "acknowledge",
	modbus.ExceptionCodeServerDeviceBusy:                   "server device busy",
	modbus.ExceptionCodeMemoryParityError:                  "memory parity error",
	modbus.ExceptionCodeGatewayPathUnavailable:             "gateway path unavailable",
	modbus.ExceptionCodeGatewayTargetDeviceFailedToRespond: "gateway target device failed to respond",
}

// Error names the exception: "illegal data address (exception 2)".
func (e exception) Error() string {
	name, ok := exceptionNames[e]
	if !ok {
		name = "unknown refusal"
	}
	text := fmt.Sprintf("%s (exception %d)", name, byte(e))
	switch e {
	case modbus.ExceptionCodeAcknowledge:
		text += ": accepted, and not done yet"
	case modbus.ExceptionCodeServerDeviceBusy:
		text += ": to be asked again later"
	}
	return text
}

// ofSpan tells whether the exception may be about some of the addresses
// that were asked for, or about how many they were. The specification has 2 and
// 3 for that; many devices say 4.
func (e exception) ofSpan() bool {
	return e == modbus.ExceptionCodeIllegalDataAddress || e == modbus.ExceptionCodeIllegalDataValue || e.failure()
}

// failure tells whether the device failed to do what it was asked for.
func (e exception) failure() bool { return e == modbus.ExceptionCodeServerDeviceFailure }

// unreachable tells whether a gateway answered because the device did not.
func (e exception) unreachable() bool {
	return e == modbus.ExceptionCodeGatewayPathUnavailable || e == modbus.ExceptionCodeGatewayTargetDeviceFailedToRespond
}

// later tells whether the device says that it can be asked again, but not at once.
func (e exception) later() bool {
	return e == modbus.ExceptionCodeAcknowledge || e == modbus.ExceptionCodeServerDeviceBusy
}
