"""What pymodbus makes of values, and of registers, for the tests of the driver.

Reads lines of JSON: {"type", "byteorder", "wordorder", "value", "registers"},
of which the registers are what the driver makes of the value, in hexadecimal.
Writes a line for each: what pymodbus makes of the value, and of the registers.
"""

import json
import sys

from pymodbus.payload import BinaryPayloadBuilder, BinaryPayloadDecoder


def bcd(value):
    """Return the whole number whose hexadecimal digits are value's decimal ones."""
    return int(str(value), 16)


for line in sys.stdin:
    case = json.loads(line)
    orders = {"byteorder": case["byteorder"], "wordorder": case["wordorder"]}
    kind, value = case["type"], case["value"]
    builder = BinaryPayloadBuilder(**orders)
    raw = bytes.fromhex(case["registers"])
    decoder = BinaryPayloadDecoder(raw, **orders)
    if kind == "string":
        builder.add_string(value)
        back = decoder.decode_string(len(raw)).decode()
    elif kind.startswith("bcd"):
        kind = f"{kind[3:]}bit_uint"
        getattr(builder, f"add_{kind}")(bcd(value))
        back = f"{getattr(decoder, f'decode_{kind}')():x}"
    else:
        number = float(value) if kind.endswith("float") else int(value)
        getattr(builder, f"add_{kind}")(number)
        back = repr(getattr(decoder, f"decode_{kind}")())
    made = b"".join(builder.build()).hex()
    print(json.dumps({"value": back, "registers": made}))
