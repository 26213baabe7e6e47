"""A stand-in for a schema registry on loopback: the part of Confluent's API that Weir asks."""

import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from weir.transforms.decode.protobuf.compile import file_set


class RegistryServer:
    """``schemas`` are by id, ``subjects`` by name and version; ``answer`` replaces all answers.

    ``answer`` is a function of the handler, which writes what it likes.
    """

    def __init__(self):
        self.schemas: dict[int, dict] = {}
        self.subjects: dict[str, list[int]] = {}
        self.asked: list[str] = []
        self.headers: list[dict] = []
        self.answer = None
        self.url = ""

    def add(self, schema, kind="AVRO", subject=None, references=()):
        """Register a schema, an object or a text; return its id."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        number = len(self.schemas) + 1
        self.schemas[number] = {
            "schema": text,
            "schemaType": kind,
            "references": [
                dict(zip(("name", "subject", "version"), r, strict=True)) for r in references
            ],
        }
        self.subjects.setdefault(subject or f"s{number}", []).append(number)
        return number

    def found(self, path):
        path, _, query = path.partition("?")
        match path.strip("/").split("/"):
            case ["schemas", "types"]:
                return ["AVRO", "PROTOBUF", "JSON"]
            case ["schemas", "ids", number]:
                found = self.schemas.get(int(number))
                return _serialized(found) if found and "format=serialized" in query else found
            case ["subjects", subject, "versions", version]:
                ids = self.subjects.get(unquote(subject), [])
                at = len(ids) if version == "latest" else int(version)
                return self.schemas[ids[at - 1]] | {"version": at} if 0 < at <= len(ids) else None
        return None


def _serialized(found):
    if found["schemaType"] != "PROTOBUF":
        return found
    *_, own = file_set(found["schema"]).file
    return found | {"schema": base64.b64encode(own.SerializeToString()).decode()}


@contextmanager
def registry_server(port=0):
    server = RegistryServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append(self.path)
            server.headers.append(dict(self.headers))
            if server.answer is not None:
                server.answer(self)
                return
            found = server.found(self.path)
            if found is None:
                say(self, 404, {"error_code": 40403, "message": "not found"})
            else:
                say(self, 200, found)

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if server.answer is not None:
                server.answer(self)
                return
            subject, *versions = unquote(self.path).split("/")[2:]
            known = [
                n
                for n in server.subjects.get(subject, ())
                if server.schemas[n]["schema"] == body["schema"]
            ]
            if known:
                say(self, 200, {"id": known[0]})
            elif versions:
                say(self, 200, {"id": server.add(body["schema"], body["schemaType"], subject)})
            else:
                say(self, 404, {"error_code": 40403, "message": "not found"})

        def log_message(self, *_):
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.url = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def say(handler, status, body, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(content)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)
