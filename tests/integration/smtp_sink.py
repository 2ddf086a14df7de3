"""A mail server for tests: it keeps what it gets, and can be made to misbehave.
With it a name server that knows two names, for who looks them up.
"""
import base64
import socket
import socketserver
import ssl
import subprocess
import threading
import time


def certificates(folder, host):
    """An authority, a certificate of its for @host, and one that nobody signed.
    Their files: ca.pem, good.pem, bad.pem, each with its key where it has one."""
    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, cwd=folder,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=test authority", "-days", "2")
    openssl("req", *curve, "-keyout", "good.key", "-out", "good.csr",
            "-subj", f"/CN={host}")
    with open(f"{folder}/ext", "w") as f:
        f.write(f"subjectAltName=DNS:{host}\n")
    openssl("x509", "-req", "-in", "good.csr", "-CA", "ca.pem", "-CAkey",
            "ca.key", "-CAcreateserial", "-out", "good.crt", "-days", "2",
            "-extfile", "ext")
    openssl("req", "-x509", *curve, "-keyout", "bad.key", "-out", "bad.crt",
            "-subj", f"/CN={host}", "-days", "2", "-addext",
            f"subjectAltName=DNS:{host}")
    for name in ("good", "bad"):
        with open(f"{folder}/{name}.pem", "w") as out:
            for part in ("key", "crt"):
                with open(f"{folder}/{name}.{part}") as f:
                    out.write(f.read())


class Names(threading.Thread):
    """Answers every question for @hosts with 127.0.0.1, if it answers."""

    def __init__(self, hosts):
        super().__init__(daemon=True)
        self.hosts, self.silent, self.asked = set(hosts), False, 0
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 53))
        self.start()

    def run(self):
        while True:
            query, peer = self.sock.recvfrom(512)
            self.asked += 1
            if not self.silent:
                self.sock.sendto(self.answer(query), peer)

    def answer(self, query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += query[at] + 1
        end = at + 5
        kind = int.from_bytes(query[at + 1:at + 3], "big")
        known = ".".join(labels) in self.hosts
        found = known and kind == 1
        head = query[:2] + (b"\x81\x80" if known else b"\x81\x83") + \
            b"\0\1" + (b"\0\1" if found else b"\0\0") + b"\0\0\0\0"
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if found else b""
        return head + query[12:end] + record


class Sink:
    """@replies: verb -> what is said instead; END is the end of the text."""

    def __init__(self, port, cert, at_once=False):
        self.port, self.cert, self.at_once = port, cert, at_once
        self.starttls, self.auth, self.delay = not at_once, None, 0
        self.replies, self.mails, self.clear, self.login = {}, [], [], None
        self.banner, self.server, self.talks = "220 sink", None, 0

    def up(self):
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    Talk(sink, self.connection).run()
                except (OSError, ValueError, EOFError):
                    pass

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address, daemon_threads = True, True
            request_queue_size = 64
        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True,
                         args=(0.05,)).start()
        return self

    def down(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.server = None

    def await_mails(self, n, seconds=60):
        until = time.monotonic() + seconds
        while len(self.mails) < n and time.monotonic() < until:
            time.sleep(0.02)
        return len(self.mails) >= n


class Talk:
    def __init__(self, sink, sock):
        self.sink, self.sock, self.tls = sink, sock, False
        self.mail, self.user = {}, None
        sink.talks += 1

    def wrap(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.sink.cert)
        self.sock = context.wrap_socket(self.sock, server_side=True)
        self.tls = True
        self.file = self.sock.makefile("rb")

    def say(self, text):
        self.sock.sendall(text.encode() + b"\r\n")

    def line(self):
        line = self.file.readline()
        if not line:
            raise EOFError
        if not self.tls:
            self.sink.clear.append(line)
        return line

    def run(self):
        self.sock.settimeout(60)
        self.file = self.sock.makefile("rb")
        if self.sink.at_once:
            self.wrap()
        time.sleep(self.sink.delay)
        self.say(self.sink.banner)
        while True:
            line = self.line().decode("latin-1").rstrip("\r\n")
            verb = line.split(" ")[0].split(":")[0].upper()
            reply = self.sink.replies.get(verb)
            if reply:
                self.say(reply)
            elif not getattr(self, "on_" + verb.lower(), self.unknown)(line):
                return

    def unknown(self, line):
        self.say("500 what?")
        return True

    def on_ehlo(self, line):
        words = ["sink"]
        if self.sink.starttls and not self.tls:
            words.append("STARTTLS")
        if self.sink.auth and self.tls:
            words.append("AUTH " + self.sink.auth)
        for i, word in enumerate(words):
            self.say(f"250{' ' if i + 1 == len(words) else '-'}{word}")
        self.mail["ehlo"] = line[5:]
        return True

    def on_starttls(self, line):
        self.say("220 go on")
        self.wrap()
        return True

    def on_auth(self, line):
        words = line.split(" ")
        if words[1] == "PLAIN":
            if len(words) < 3:
                self.say("334 ")
                words.append(self.line().decode().strip())
            _, user, password = base64.b64decode(words[2]).split(b"\0")
        else:
            got = []
            for ask in ("Username:", "Password:"):
                self.say("334 " + base64.b64encode(ask.encode()).decode())
                got.append(base64.b64decode(self.line()))
            user, password = got
        good = (user.decode(), password.decode()) == self.sink.login
        self.user = user.decode() if good else None
        self.say("235 welcome" if good else "535 5.7.8 wrong password")
        return True

    def on_mail(self, line):
        if self.sink.auth and not self.user:
            self.say("530 5.7.0 log in first")
            return True
        self.mail["from"] = line[10:]
        self.say("250 ok")
        return True

    def on_rcpt(self, line):
        self.mail["to"] = line[8:]
        self.say("250 ok")
        return True

    def on_data(self, line):
        self.say("354 go on")
        text = b""
        while True:
            got = self.line()
            if got == b".\r\n":
                break
            text += got[1:] if got.startswith(b".") else got
        reply = self.sink.replies.get("END", "250 2.0.0 taken as 4711")
        if reply == "hang up":
            return False
        if reply.startswith("2"):
            self.sink.mails.append(dict(self.mail, text=text, tls=self.tls,
                                        user=self.user))
        self.say(reply)
        return True

    def on_quit(self, line):
        self.say("221 bye")
        return False
