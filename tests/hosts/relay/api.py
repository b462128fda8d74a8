"""An HTTP API for the tests of the relay, of the standard library alone; runs on the test host.

usage: api.py PORT LOG [CERTIFICATE KEY]

The word after the last slash says how it answers: 404-7 with 404, later-7 with 503 the first time and then 204, slow-7
after a while; a file LOG.willing makes every answer 204, a file LOG.denied makes it 401. Each request is written down
before it is answered: its method, path and key, whether it may be a second one, the answer, and when it was.

The variable DIES_AFTER is after how many requests it kills itself, with the last one done and not answered.
LOG.listens has since when it listens; LOG.slow is there once something slow has begun.
"""

import os
import signal
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOG = sys.argv[2]
SEEN = set()
LAST, SERVED = int(os.environ.get("DIES_AFTER", "0")), [0]
LOCK = threading.Lock()


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self):
        word = self.path.rpartition("/")[2]
        kind = word.partition("-")[0]
        if kind == "slow":
            open(LOG + ".slow", "w").close()
            time.sleep(3)
        with LOCK:
            status = (
                int(kind)
                if kind.isdigit() and word != kind
                else 503
                if kind == "later" and word not in SEEN
                else 204
            )
            status = 204 if os.path.exists(LOG + ".willing") else status
            status = 401 if os.path.exists(LOG + ".denied") else status
            SEEN.add(word)
            again = self.headers.get("X-Relay-Redelivered", "false")
            with open(LOG, "a") as log:
                key = self.headers["Idempotency-Key"]
                log.write(f"{self.command} {self.path} {key} {again} {status} {time.time()}\n")
            SERVED[0] += 1
            if SERVED[0] == LAST:
                os.kill(os.getpid(), signal.SIGKILL)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if body:
            with open(LOG + ".bodies", "ab") as log:
                log.write(body + b"\n")
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_DELETE = do_POST = answer

    def log_message(self, *words):
        pass


ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer.request_queue_size = 50
SERVER = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Api)
if len(sys.argv) > 3:
    CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CONTEXT.load_cert_chain(*sys.argv[3:5])
    SERVER.socket = CONTEXT.wrap_socket(SERVER.socket, server_side=True)
with open(LOG + ".listens", "w") as since:
    since.write(str(time.time()))
SERVER.serve_forever()
