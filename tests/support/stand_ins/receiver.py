"""A receiver of SMS over HTTP, alone on its machine: each request becomes a line of JSON in a file."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with Path(sys.argv[2]).open("a") as file:
            file.write(json.dumps({"headers": dict(self.headers), "body": json.loads(body)}) + "\n")
        answer = json.dumps({"code": 0, "data": {"id": "n-1"}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing: the test reads the file."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    Path(sys.argv[2]).touch()
    server.serve_forever()
