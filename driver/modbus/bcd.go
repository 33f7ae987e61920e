package modbus

import "fmt"

// Packed BCD: each four bits are a decimal digit, the most significant first,
// so that 1234 is 0x1234.

// decodeBCD returns the number that u, of so many bits, stands for.
func decodeBCD(u uint64, bits int) (uint64, error) {
	var n uint64
	for at := bits - 4; at >= 0; at -= 4 {
		digit := u >> at & 0xF
		if digit > 9 {
			return 0, fmt.Errorf("0x%0*X is not BCD: %X is no digit", bits/4, u, digit)
		}
		n = 10*n + digit
	}
	return n, nil
}

// encodeBCD undoes decodeBCD. It is not ok if n has more digits than fit.
func encodeBCD(n uint64, bits int) (u uint64, ok bool) {
	for at := 0; at < bits; at += 4 {
		u |= n % 10 << at
		n /= 10
	}
	return u, n == 0
}
