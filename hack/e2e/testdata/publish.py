"""Publish at the mapper's Unix socket, with nothing but the standard library.

usage: publish.py SOCKET CLIENTS

Each line of standard input is a body. CLIENTS connections at once, each in a
thread, send them all, with @ replaced by the client's number, and print status
and answer, a line each.
"""
import http.client
import socket
import sys
import threading


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("mapper", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def client(path, number, bodies):
    connection = UnixConnection(path)
    for body in bodies:
        connection.request("POST", "/publish", body.replace("@", str(number)).encode())
        answer = connection.getresponse()
        text = answer.read().decode().strip()
        with printing:
            print(answer.status, text, flush=True)
    connection.close()


printing = threading.Lock()
lines = [line.strip() for line in sys.stdin]
clients = [threading.Thread(target=client, args=(sys.argv[1], n, lines)) for n in range(int(sys.argv[2]))]
for c in clients:
    c.start()
for c in clients:
    c.join()
