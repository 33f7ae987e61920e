// Package libmodbus starts Modbus servers for tests that are not ours: Debian's
// libmodbus behind src/server.c, built by the C compiler when they are started.
package libmodbus
