"""A plant for the demo: a Modbus TCP server, python3-pymodbus's own, whose
registers change. Each change is told on standard output as a line of JSON, so
that what arrives at the other end can be held against what the registers were.

  holding 0    temperature  0.1 °C   every 500 ms
  holding 1    pressure     0.01 bar every 500 ms
  holding 2-3  energy       kWh      every 1 s, 32 bits, high word first
  coil    0    pump                  every 5 s
"""

import asyncio
import json
import signal
import sys
import time

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server.async_io import ModbusTcpServer

HOLDING, COIL = 3, 1  # function codes: pymodbus names its tables by them


def tell(**change):
    print(json.dumps(dict(change, time=time.time_ns())), flush=True)


async def change(unit):
    step = 0
    while True:
        temperature, pressure = 200 + step % 51, 150 + (step * 7) % 60
        unit.setValues(HOLDING, 0, [temperature, pressure])
        tell(property="temperature", raw=temperature)
        tell(property="pressure", raw=pressure)
        if step % 2 == 0:
            energy = 100_000 + step // 2
            unit.setValues(HOLDING, 2, [energy >> 16, energy & 0xFFFF])
            tell(property="energy", raw=energy)
        if step % 10 == 0:
            pump = step // 10 % 2
            unit.setValues(COIL, 0, [pump])
            tell(property="pump", raw=pump)
        step += 1
        await asyncio.sleep(0.5)


async def main():
    unit = ModbusSlaveContext(
        co=ModbusSequentialDataBlock(0, [0] * 16),
        hr=ModbusSequentialDataBlock(0, [0] * 16),
        zero_mode=True,
    )
    server = ModbusTcpServer(ModbusServerContext(slaves=unit, single=True), address=("127.0.0.1", int(sys.argv[1])))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    tasks = [asyncio.ensure_future(t) for t in (change(unit), server.serve_forever(), ended.wait())]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


asyncio.run(main())
