"""A Nexus of the bench's own, started as `make up` does, and a user of it."""
import glob
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import time

from tools import BUILD, run

PORT = 18080  # of a network namespace that has no other program
NAME = "bench"
START_S = 60
STOP_S = 60


class Nexus:
    def __init__(self, state, options=()):
        """@options: more of nexus-up's."""
        self.state = state
        self.options = options
        self.env = {}
        self.token = None
        self.port = PORT

    def __enter__(self):
        self.start()
        try:
            self.token = self.register(NAME)
        except BaseException:
            self.stop()
            raise
        return self

    def start(self):
        self.log = open(self.state + ".log", "a", encoding="utf-8")
        self.up = subprocess.Popen(
            self.up_command(),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env={**os.environ, "BUILD": BUILD}, start_new_session=True)
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise

    def up_command(self):
        return ["packaging/up.sh", str(PORT), "--state", self.state,
                *self.options]

    def interrupt(self):
        self.up.send_signal(signal.SIGINT)

    def link(self, seconds=120):
        """A connection of its own."""
        return http.client.HTTPConnection("127.0.0.1", self.port,
                                          timeout=seconds)

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.state, ignore_errors=True)

    def wait_ready(self):
        path = os.path.join(self.state, "nexus.env")
        until = time.monotonic() + START_S
        while not os.path.exists(path):
            if self.up.poll() is not None or time.monotonic() > until:
                raise RuntimeError("Nexus did not get ready: " + self.said())
            time.sleep(0.05)
        with open(path, encoding="utf-8") as f:
            self.env = dict(line.rstrip("\n").split("=", 1) for line in f)

    def said(self):
        """The last that nexus-up and the daemons had to say."""
        with open(self.log.name, encoding="utf-8") as f:
            lines = [line.strip() for line in f if re.match(r"[\w-]+: ", line)]
        return "; ".join(lines[-8:])

    def stop(self):
        if self.up.poll() is None:
            self.interrupt()
        try:
            status = self.up.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.up.kill()
            status = self.up.wait()
        self.log.close()
        if status != 0:
            raise RuntimeError(f"Nexus ended with status {status}: "
                               + self.said())

    def restart(self, between):
        """Stops it, runs @between, starts it again with the same state."""
        self.stop()
        between()
        self.start()

    def check(self):
        """That the daemons are those it began with: none has died."""
        path = os.path.join(self.state, "nexus.env")
        with open(path, encoding="utf-8") as f:
            now = dict(line.rstrip("\n").split("=", 1) for line in f)
        if now != self.env:
            raise RuntimeError("a daemon died on the way: " + self.said())

    def daemons(self):
        prefix = "NEXUS_PID_"
        return {name[len(prefix):]: int(pid)
                for name, pid in self.env.items() if name.startswith(prefix)}

    # --- a user ---------------------------------------------------------------

    def register(self, name):
        """The token of a new user."""
        who = {"Username": name, "Password": "correct horse battery",
               "Email": f"{name}@example.org"}
        self.json("POST", "/auth/register/init", who)
        answer = self.json("POST", "/auth/register/verify",
                           {"Email": who["Email"],
                            "Code": self.code(who["Email"])})
        return answer["token"]

    def code(self, address):
        """The code in the one message to @address."""
        for _ in range(100):
            for path in glob.glob(self.env["NEXUS_MAIL"] + "/new/*"):
                with open(path, encoding="utf-8") as f:
                    head, body = f.read().split("\n\n", 1)
                if address in head:
                    return re.search(r"\b\d{6}\b", body).group()
            time.sleep(0.1)
        raise RuntimeError("no mail with a code arrived")

    def json(self, method, path, body=None, seconds=120):
        """One request over a connection of its own; raises unless 2xx."""
        link = self.link(seconds)
        head = {"Content-Type": "application/json"}
        if self.token:
            head["Authorization"] = "Bearer " + self.token
        link.request(method, path, json.dumps(body) if body else None, head)
        reply = link.getresponse()
        text = reply.read()
        link.close()
        if reply.status // 100 != 2:
            raise RuntimeError(f"{method} {path}: {reply.status} "
                               + text.decode(errors="replace"))
        return json.loads(text) if text else None

    def request_file(self, where, method, path, body=b""):
        """The request as request.c sends it, in a file; its path."""
        name = os.path.join(where, "request")
        with open(name, "wb") as f:
            f.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
                    f"Authorization: Bearer {self.token}\r\n".encode())
            if body:
                f.write(b"Content-Type: application/json\r\n"
                        b"Content-Length: %d\r\n" % len(body))
            f.write(b"\r\n" + body)
        return name

    def ctl(self, *words):
        """nexusctl; what it prints."""
        return run(os.path.join(BUILD, "bin/nexusctl"), *words,
                   env={**os.environ, "NEXUS_SOCK": self.env["NEXUS_SOCK"]})
