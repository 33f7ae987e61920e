"""A Modbus server on pymodbus, for the tests of the driver.

Prints the port it listens on, 0 for a serial one. Ends when its standard input
does, so that it never outlives a test.
"""

import argparse
import asyncio
import logging
import os
import ssl
import struct
import sys
import threading

from pymodbus.datastore import (
    ModbusServerContext,
    ModbusSlaveContext,
    ModbusSparseDataBlock,
)
from pymodbus.framer.rtu_framer import ModbusRtuFramer
from pymodbus.framer.socket_framer import ModbusSocketFramer
from pymodbus.server.async_io import (
    ModbusSerialServer,
    ModbusTcpServer,
    ModbusTlsServer,
)

UNIT = 1


def words(layout, *values):
    """Return the registers of packed values, big-endian."""
    data = struct.pack(">" + layout, *values)
    return list(struct.unpack(f">{len(data) // 2}H", data))


def swapped(registers):
    """Return registers with the bytes in each swapped."""
    return [(r & 0xFF) << 8 | r >> 8 for r in registers]


def block(*runs):
    """Return a table of runs, each (first address, values); holes between."""
    values = {}
    for first, run in runs:
        values.update({first + i: v for i, v in enumerate(run)})
    return ModbusSparseDataBlock(values)


HOLDING = block(
    (0, [235]),
    (1, words("h", -2)),
    (2, words("i", -123456)),
    (4, words("q", -1234567890123)),
    (8, [40000, 0]),
    (10, words("f", 23.625)),
    (12, words("d", 3.141592653589793)),
    (16, words("f", 23.625)[::-1]),
    (18, swapped(words("f", 23.625))),
    (20, swapped(words("f", 23.625)[::-1])),
    (22, words("10s", b"Kessel 7")),
    (27, words("Q", 2**64 - 1)),
    (31, words("f", float("nan"))),
    (40, [0] * 20),  # to write to
    # 60-69 do not exist
    (70, [70, 71]),
    (1000, list(range(1000, 1300))),
    # 2057 and 2130 do not exist
    (2000, range(2000, 2057)),
    (2058, range(2058, 2130)),
    (2131, range(2131, 2200)),
    (65535, [4711]),
)
INPUTS = block((0, [7, 8, 9]))
COILS = block((0, [1, 0, 1, 1, 0, 0, 0, 0, 1, 1]), (20, [0] * 12))
DISCRETE = block((0, [0, 1]))


def arguments():
    """Return what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int, nargs="?", default=0)
    parser.add_argument("--rtu", action="store_true", help="frames of RTU, over TCP")
    parser.add_argument("--serial", help="the serial port to serve, and no other")
    parser.add_argument("--lacks", type=int, nargs="*", default=[], help="functions")
    parser.add_argument("--tls", help="a folder of ca.pem, server.pem and server.key")
    return parser.parse_args()


def context():
    """Return the units."""
    first = ModbusSlaveContext(
        di=DISCRETE, co=COILS, hr=HOLDING, ir=INPUTS, zero_mode=True
    )
    second = ModbusSlaveContext(hr=block((0, [22])), zero_mode=True)
    return ModbusServerContext(slaves={UNIT: first, 2: second}, single=False)


def secure(folder):
    """Return TLS that asks for a certificate of the client."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
    tls.load_verify_locations(f"{folder}/ca.pem")
    tls.verify_mode = ssl.CERT_REQUIRED
    return tls


def listener(args):
    """Return the server of a TCP port."""
    framer = ModbusRtuFramer if args.rtu else ModbusSocketFramer
    options = {
        "framer": framer,
        "address": ("127.0.0.1", args.port),
        "allow_reuse_address": True,
    }
    if args.tls:
        return ModbusTlsServer(context(), sslctx=secure(args.tls), **options)
    return ModbusTcpServer(context(), **options)


async def serve_serial(path):
    """Serve a serial port until the process ends."""
    server = ModbusSerialServer(
        context(),
        framer=ModbusRtuFramer,
        port=path,
        baudrate=19200,
        parity="N",  # a pseudoterminal has none
        ignore_missing_slaves=True,
    )
    await server.start()
    if server.transport is None:  # it does not say why
        raise SystemExit(f"{path} cannot be opened")
    print(0, flush=True)
    await server.serve_forever()


async def serve(args):
    """Serve until the process ends."""
    if args.serial:
        await serve_serial(args.serial)
        return
    server = listener(args)
    for function in args.lacks:
        del server.decoder._ServerDecoder__lookup[function]  # it has no other way
    task = asyncio.ensure_future(server.serve_forever())
    await asyncio.wait({server.serving, task}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    print(server.server.sockets[0].getsockname()[1], flush=True)
    await task


def end_with_stdin():
    """End the process when nobody holds its standard input any more."""
    sys.stdin.read()
    os._exit(0)


logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # it calls a disconnect an error
threading.Thread(target=end_with_stdin, daemon=True).start()
asyncio.run(serve(arguments()))
