"""The server that plays a judge keeps the connections that it has."""

import gc
import socket
import time

from tests.scripted_server import ScriptedServer


def test_a_connection_that_waits_outlives_a_collection_of_garbage():
    server = ScriptedServer()
    try:
        port = int(server.url.removesuffix("/v1").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as asking:
            asking.sendall(b"GET /v1/models HTTP/1.1\r\n")
            time.sleep(0.1)  # until it waits for the rest
            gc.collect()
            asking.sendall(b"\r\n")
            assert asking.recv(12) == b"HTTP/1.1 200"
    finally:
        server.close()
