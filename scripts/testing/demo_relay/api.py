"""The HTTP API of `make demo APP=relay`, on the test host: says each request on standard output, and takes it."""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Api(BaseHTTPRequestHandler):
    """Takes what is posted."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take an order."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        said = {
            "request": f"POST {self.path}",
            "key": self.headers["Idempotency-Key"],
            "body": body,
            "at": time.time(),
        }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Say nothing else."""


ThreadingHTTPServer(("127.0.0.1", 8000), Api).serve_forever()
