package modbus

import (
	"encoding/binary"
	"fmt"

	"github.com/grid-x/modbus"
)

// What every framing carries is a PDU: function (1 byte) and data. The data of
// an answer to
//
//	functions 1-4        byte count (1), that many bytes
//	functions 5, 6       address (2), value (2), as in the request
//	functions 15, 16     address (2), count (2), as in the request
//	function 22          address (2), masks (2 + 2), as in the request
//	function + 0x80      exception (1)
const exceptionFlag = 0x80

// checkPDU checks that a reply of at least 2 bytes is an answer to the request,
// or a refusal of it, in every respect but its values.
func checkPDU(request, reply []byte) error {
	function, data := request[0], reply[1:]
	switch reply[0] {
	case function:
		return checkData(function, request[1:], data)
	case function | exceptionFlag:
		if len(data) != 1 || data[0] == 0 {
			return fmt.Errorf("exception is % x, want one byte that is not 0", data)
		}
		return nil
	}
	return fmt.Errorf("function is %d, want %d", reply[0], function)
}

// checkData checks the data of an answer that is no exception.
func checkData(function byte, request, reply []byte) error {
	count := int(binary.BigEndian.Uint16(request[2:]))
	want := request[:4]
	switch function {
	case modbus.FuncCodeReadCoils, modbus.FuncCodeReadDiscreteInputs:
		return checkCount(reply, (count+7)/8)
	case modbus.FuncCodeReadHoldingRegisters, modbus.FuncCodeReadInputRegisters:
		return checkCount(reply, 2*count)
	case modbus.FuncCodeMaskWriteRegister:
		want = request[:6]
	}
	if string(reply) != string(want) {
		return fmt.Errorf("written was % x, want % x", reply, want)
	}
	return nil
}

func checkCount(reply []byte, want int) error {
	if got := int(reply[0]); got != want {
		return fmt.Errorf("byte count is %d, want %d", got, want)
	}
	if got := len(reply) - 1; got != want {
		return fmt.Errorf("%d bytes follow the byte count of %d", got, want)
	}
	return nil
}

// replySize returns how many bytes the PDU that answers a request has.
func replySize(request []byte) int {
	count := int(binary.BigEndian.Uint16(request[3:]))
	switch request[0] {
	case modbus.FuncCodeReadCoils, modbus.FuncCodeReadDiscreteInputs:
		return 2 + (count+7)/8
	case modbus.FuncCodeReadHoldingRegisters, modbus.FuncCodeReadInputRegisters:
		return 2 + 2*count
	case modbus.FuncCodeMaskWriteRegister:
		return 7
	}
	return 5
}
