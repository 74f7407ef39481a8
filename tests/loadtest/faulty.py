"""A server that answers every request with the bytes it is given, in a thread: the faults of real ones."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Answer = Callable[[bytes, socket.socket], bytes]
"""Told the request; what it gives is sent and the connection closed. It may send something itself first."""


@contextmanager
def faulty(answer: Answer, tls: "ssl.SSLContext | None" = None) -> Iterator[str]:
    """Serve on a port of its own; give the URL."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                threading.Thread(target=talk, args=(client,), daemon=True).start()

    def talk(client: socket.socket) -> None:
        with suppress(OSError):
            said = tls.wrap_socket(client, server_side=True) if tls else client
            with said:
                request = b""
                while b"\r\n\r\n" not in request or len(request.partition(b"\r\n\r\n")[2]) < length(request):
                    piece = said.recv(65536)
                    if not piece:
                        return
                    request += piece
                said.sendall(answer(request, said))

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def length(request: bytes) -> int:
    head = request.partition(b"\r\n\r\n")[0].lower()
    return int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)


def page(body: bytes, status: str = "200 OK", kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


MODELS = page(b'{"data": [{"id": "m"}]}')
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
EVENT = 'data: {"choices": [{"delta": {"content": "字"}, "finish_reason": null}]}\r\n\r\n'.encode()
DONE = b"data: [DONE]\r\n\r\n"
