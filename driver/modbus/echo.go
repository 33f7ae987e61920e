package modbus

import (
	"bytes"
	"errors"
	"time"

	"github.com/grid-x/modbus"
)

// errEcho is next to never seen.
var errEcho = errors.New("cannot tell the line's echo from the answer until another address is read")

// echo tells whether a line gives back each request before its answer, as an
// adapter for RS-485 does whose receiver stays on while it sends. A request that
// comes back is mostly no answer to itself, and so is known for what it is; but
// the echo of a write by function 5, 6 or 22 looks like its confirmation. So
// nothing of that kind is sent before another request was answered.
type echo byte

const (
	unheard echo = iota // nothing was answered yet
	absent
	present
)

// isOwnAnswer tells whether a request begins with what would be an answer to it.
func (r *rtu) isOwnAnswer(request []byte) bool {
	size, err := frameSize(request)
	if err != nil || size > len(request) {
		return false
	}
	frame := request[:size]
	if _, err := r.codec.Decode(frame); err != nil {
		return false
	}
	return checkPDU(pdu(request), pdu(frame)) == nil
}

// listen finds out whether there is an echo, by a read where the request writes.
func (r *rtu) listen(request []byte) error {
	read := byte(modbus.FuncCodeReadHoldingRegisters)
	if request[pduAt] <= modbus.FuncCodeWriteSingleCoil {
		read = modbus.FuncCodeReadCoils
	}
	r.codec.SetSlave(request[0])
	probe, err := r.codec.Encode(&modbus.ProtocolDataUnit{FunctionCode: read, Data: []byte{request[2], request[3], 0, 1}})
	if err != nil {
		return err
	}
	if _, err := r.exchange(probe); err != nil {
		return err
	}
	if r.echo == unheard {
		return errEcho
	}
	return r.Settle(request[0])
}

// hearEcho takes the echo of a request off what comes, once that is no part of it
// only. It tells whether there was one.
func (r *rtu) hearEcho(request []byte) (bool, error) {
	if r.echo == absent && r.isOwnAnswer(request) {
		return false, nil
	}
	for {
		r.skipNoise()
		n := min(len(r.unread), len(request))
		switch {
		case !bytes.Equal(r.unread[:n], request[:n]):
			return false, nil
		case n == len(request):
			r.unread, r.echo = r.unread[n:], present
			return true, nil
		}
		if err := r.read(time.Time{}); err != nil {
			return false, err
		}
	}
}
