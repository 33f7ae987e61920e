// Package modbus is a driver for Modbus over TCP, TLS and serial lines, after the
// MODBUS Application Protocol Specification V1.1b3, the MODBUS Messaging on
// TCP/IP Implementation Guide V1.0b, MODBUS over Serial Line V1.02 and the
// MODBUS/TCP Security Protocol Specification. It takes the Device CRs of
// KubeEdge's own Modbus mapper as they are.
//
// # Device
//
// The settings of a device stand in its protocol.configData:
//
//	communicateMode  TCP, TLS, RTU (a serial line) or RTUOverTCP (a gateway that
//	                 passes frames of RTU on); TCP, and RTU where there is a
//	                 serialName and no ip
//	slaveID          unit identifier, 0 to 255, of RTU 1 to 247; 1
//	wordOrder        of points that say none, see below; ABCD
//	ip               IP address or host name, required but for RTU
//	port             502, with TLS 802
//	serialName       path of a serial port, required for RTU; or serialPort
//	baudRate         19200
//	parity           even, odd or none; even
//	stopBits         1 or 2; 1
//	dataBits         8
//	rs485Enabled     the port's driver switches the transceiver, by RTS; false
//	tlsCA            file of the authorities that certify the device, in PEM; the
//	                 system's
//	tlsCert tlsKey   files of the mapper's certificate and its key, in PEM
//	tlsServerName    name that the device's certificate has; ip
//	timeout          of a connection and of each answer, 10ms to 1m, 1s; a bare
//	                 number is milliseconds, here and below
//	retries          how often a read is sent again at once whose answer came
//	                 damaged, or whose connection broke, 0 to 10; 1
//	pause            least time between an answer and the next request to the
//	                 device, up to 1m; 0
//	connectPause     the same between connecting and the first request; 0
//
// Devices of one address share one connection, made at the first read and kept
// until the last of them is closed; they must agree on how it is made. One
// request is under way at a time; writes go before reads. What is not exactly
// an answer to the request (of another transaction, unit, function or length)
// is none. Over TCP and TLS, it closes the connection, as do two requests in a
// row that nothing answers; an answer that comes late is known by its number, and
// thrown away. Frames of RTU have no numbers: a unit whose answer did not come is
// asked nothing for as long again as its timeout. Choose it no shorter than the
// device may take. A line may echo, as adapters for RS-485 do that hear themselves:
// before a write by function 5, 6 or 22 that comes first on a connection, what it
// writes is read, to find out.
//
// After a failure a device is left alone for a random time, up to 0.2 s at first
// and 30 s in the end (exponential back-off with full jitter); reads meanwhile
// fail at once and say until when. So it is after exceptions 5 and 6, by which it
// says that it is busy, though it is not unreachable. Those of a connection's
// devices that do not answer get a twentieth of its time, together, while others
// do. A device that is changed is tried at once.
//
// # Point
//
// The settings of a point stand in its visitors.configData:
//
//	register        CoilRegister, DiscreteInputRegister, HoldingRegister or
//	                InputRegister, required; the first and the third are written
//	offset          address of the first register or bit, from 0, required
//	limit           how many registers or bits; by default as many as dataType
//	                has, else 1; strings and bytes need it
//	dataType        see below; by default the point's type
//	bit             0 to 15: the point is this bit of the register, 0 the lowest
//	wordOrder       how two registers with the bytes ABCD arrive: ABCD, DCBA, BADC
//	                or CDAB; of four registers ABCDEFGH, HGFEDCBA, BADCFEHG or
//	                GHEFCDAB; of one AB, BA, BA or AB
//	isRegisterSwap  CDAB: the least significant register comes first
//	isSwap          BADC: the less significant byte of each register comes first;
//	                both are DCBA
//	scale           a value is the register's number times scale, plus valueOffset;
//	                1, and 0 means 1
//	valueOffset     0
//	min max         a value outside is kept as suspect; the mapper writes none
//	verify          true: each write is read back before anything else is asked
//	                of the line, and fails if the device holds another value
//
// Registers and bytes are big-endian where neither the point nor, for anything
// but text and bytes, the device says otherwise. With a dataType of int16,
// int32, int64, uint16, uint32, uint64, float32, float64, bcd16, bcd32, bcd64,
// bool, string or bytes, limit must agree. The types int, float, double and
// boolean, which KubeEdge's CRs have, and bcd, are taken by limit:
//
//	            1 register  2 registers  4 registers
//	int         int16       int32        int64
//	float       int16       float32      float64
//	double      int16       float32      float64
//	bcd         bcd16       bcd32        bcd64
//	boolean     true unless all are 0, of any number of registers
//
// BCD has a decimal digit in each four bits, without a sign; a digit above 9 is
// the reading's error.
//
// Bits, at most 64, are a whole number whose least significant bit is the
// first; as boolean they are true unless all are 0; bytes are as Modbus packs
// them, the first bit lowest. Bits know only int, float, double, boolean and
// bytes, and the two swaps mean nothing to them.
//
// # Value
//
// What was decoded and scaled becomes a value of the point's type:
//
//	INT      rounded to the nearest, halves away from zero; NaN, infinity and
//	         what needs more than 64 bits are the reading's error
//	FLOAT    the nearest float32; too large is the reading's error
//	DOUBLE   a float64; whole numbers above 2^53 are rounded; a float32 is taken
//	         for the decimal that it is written as, 0.1 for 0.1
//	BOOLEAN  true unless 0
//	STRING   of text: up to the first NUL, without spaces at the end; what is not
//	         UTF-8 is replaced, and the reading suspect. Of numbers: their
//	         decimal text
//	BYTES    of bytes only
//
// A float that is NaN or infinite is kept as suspect. Scale and valueOffset are
// reckoned in decimals: 235 by 0.1 is 23.5. Writing goes the same way back: scale
// undone, whole numbers rounded, and refused if they do not fit. Text is filled
// up with NULs.
//
// One register is written by function 6, more by 16, one coil by 5, more by 15,
// one bit of a register by 22. What a device refuses as unknown (exception 1)
// is done by another one in the same turn of the line, and from then on: 6 and
// 16, 5 and 15 stand in for each other, one request an address if need be; for
// 22 the register is read and written.
//
// # Requests
//
// The points of one table that are read together share requests, where that is
// cheaper than one each. A device's settings bound them:
//
//	maxGap        registers in a row that are read for nobody, 0 to 124, 16; of
//	              bits as many bytes. The default suits a serial line, and a
//	              gateway to one; a device that is itself on TCP takes more
//	maxRegisters  registers a request, 1 to 125, 125
//	maxCoils      bits a request, coils or inputs, 1 to 2000, 2000
//
// What a device refuses (exceptions 2, 3 and 4) is asked for in halves at once,
// by at most 64 requests a read, until only the points at fault are without a
// value. Why is remembered until the device's settings change: a point that it
// has not is asked for again after 1 minute (5 s after exception 4), then twice
// as long, at most 1 h; a gap, a border between two blocks, or a size that it
// does not take, after 1 h; all of it after a reconnect. Such retests are one
// request in 20. Once a refused point is answered, all are asked for anew. A
// device that does not answer large requests, instead of refusing them, needs
// maxRegisters.
package modbus
