"""A producer as the proposal has it: a PUB socket that sends "topic SP json",
and POST /register as a heartbeat. It does what its standard input says, one
command a line, answers each with one line, and ends with its input.

The socket is an XPUB, which to its readers is a PUB, and tells who reads.
"""
import sys
import threading
import urllib.error
import urllib.request

import zmq

server, address = sys.argv[1:]
socket = zmq.Context().socket(zmq.XPUB)
socket.setsockopt(zmq.LINGER, 0)
socket.setsockopt(zmq.SNDHWM, 0)  # what is dropped, cloudsvc drops
socket.bind(address)
readers = 0
count = 0
quiet = threading.Event()


def register(body):
    try:
        with urllib.request.urlopen(server + "/register", body.encode(), 5) as answer:
            return f"{answer.status} {answer.read().decode().strip()}"
    except urllib.error.HTTPError as refusal:
        return f"{refusal.code} {refusal.read().decode().strip()}"
    except OSError as error:
        return f"0 {error}"


def beat(body):
    while not quiet.wait(0.5):
        register(body)


def look():
    global readers
    while socket.poll(0):
        readers += 1 if socket.recv() == b"\x01" else -1
    return readers


for line in sys.stdin:
    command, _, rest = line.rstrip("\n").partition(" ")
    answer = "ok"
    if command == "register":  # BODY
        answer = register(rest)
    elif command == "beat":  # BODY, from now on
        threading.Thread(target=beat, args=(rest,), daemon=True).start()
    elif command == "quiet":  # no heartbeats any more
        quiet.set()
    elif command == "readers":
        answer = str(look())
    elif command == "send":  # TOPIC JSON
        socket.send_string(rest)
    elif command == "parts":  # a message of several frames
        socket.send_multipart([part.encode() for part in rest.split()])
    elif command == "count":  # TOPIC HOW-MANY: numbers that go on
        topic, n = rest.split()
        for _ in range(int(n)):
            count += 1
            socket.send_string(f"{topic} {count}")
    elif command == "flood":  # TOPIC HOW-MANY SIZE
        topic, n, size = rest.split()
        frame = f'{topic} "{"x" * int(size)}"'.encode()
        for _ in range(int(n)):
            socket.send(frame)
    else:
        answer = "no such command"
    print(answer, flush=True)
