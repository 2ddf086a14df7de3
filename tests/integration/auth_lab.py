# What auth_edge.py stands on: the frames of an edge, the daemons of identity
# under their own uids and filters, and tokens by other means than theirs.

import array
import base64
import glob
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
ROOT = "/mnt/nexus-auth-test"
STATE, RUN, BIN = ROOT + "/state", ROOT + "/run", ROOT + "/bin"
PASSWORD = "correct horse battery"
SECRETS = [PASSWORD]

ROLE = {"switch": 1, "gateway": 2, "storage": 3, "node": 4, "net": 5,
        "auth": 6, "mail": 7, "admin": 8}
USERS = {"switch": "nexus", "gateway": "nexus-gateway",
         "storage": "nexus-storage", "node": "nexus-node", "net": "nexus-net",
         "auth": "nexus-auth", "mail": "nexus-mail"}
HELLO, ATTACH = 1, 2
(REGISTER_INIT, REGISTER_VERIFY, LOGIN_INIT, LOGIN_VERIFY, LOGOUT, CHECK,
 TICKET_KEY) = range(100, 107)
USER_LIST, USER_GET, SET_DISABLED, USER_DELETE, STATUS = range(110, 115)
JWKS, ROTATE = 115, 116
REVOKE, USER_DELETED = 120, 121
OK, INVALID, UNAUTH, DENIED, NOT_FOUND, EXISTS = 0, 1, 2, 3, 4, 5
CONFLICT, FULL, LIMIT, UNAVAILABLE = 6, 8, 9, 11


# --- protobuf, as much as it takes ------------------------------------------
def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def pack(**fields):
    """pack(_1="text", _2=5): fields by number."""
    out = b""
    for key, value in fields.items():
        n = int(key[1:])
        if isinstance(value, str):
            value = value.encode()
        if isinstance(value, bytes):
            out += varint(n << 3 | 2) + varint(len(value)) + value
        else:
            out += varint(n << 3) + varint(int(value))
    return out


def unpack(data):
    fields, i = {}, 0

    def number():
        nonlocal i
        n = shift = 0
        while True:
            b = data[i]
            i += 1
            n |= (b & 127) << shift
            shift += 7
            if b < 128:
                return n
    while i < len(data):
        tag = number()
        if tag & 7 == 0:
            value = number()
        else:
            length = number()
            value = data[i:i + length]
            i += length
        fields[tag >> 3] = value
    return fields


# --- one edge ---------------------------------------------------------------
class Edge:
    """A role's connection to nexusd and its edge to authd, or to another peer."""

    def __init__(self, role, peer="auth"):
        self.peer = peer
        self.role, self.sock, self.next = role, None, 1
        self.heard = []     # (method, body) of calls that came in
        self.switch = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if role in USERS:
            ids = pwd.getpwnam(USERS[role])
            os.setegid(ids.pw_gid)
            os.seteuid(ids.pw_uid)
        try:
            for attempt in range(100):
                try:
                    self.switch.connect(RUN + "/nexus.sock")
                    break
                except (FileNotFoundError, ConnectionRefusedError):
                    time.sleep(0.05)
        finally:
            os.seteuid(0)
            os.setegid(0)
        self.switch.settimeout(10)
        # All, or that one alone: to be introduced to others takes an answer.
        wants = 0 if peer == "auth" else 1 << ROLE[peer]
        self.send(self.switch, 1, HELLO, pack(_1=1, _2=wants))
        while self.sock is None:
            self.pump_switch()

    @staticmethod
    def send(sock, call, method, body, reply=False, status=0):
        deadline = int(time.monotonic() * 1e6) + 10_000_000
        sock.send(pack(_1=1, _2=call, _3=reply, _4=method, _5=status,
                       _7=deadline, _11=body))

    def pump_switch(self):
        data, anc, _, _ = self.switch.recvmsg(65536, 64)
        e, fds = unpack(data), array.array("i")
        for _, _, d in anc:
            fds.frombytes(d)
        if not data:
            raise EOFError("nexusd closed the connection")
        if e.get(3):
            return
        if e.get(4) == ATTACH:
            if unpack(e.get(11, b"")).get(1) == ROLE[self.peer]:
                if self.sock:
                    self.sock.close()
                self.sock = socket.socket(fileno=fds.pop(0))
                self.sock.setblocking(True)
                self.sock.settimeout(10)
            self.send(self.switch, e[2], ATTACH, b"", True)
        for fd in fds:
            os.close(fd)

    def new_generation(self):
        """authd came back: waits for the new pair."""
        self.sock.close()
        self.sock = None
        while self.sock is None:
            self.pump_switch()

    def start(self, method, body):
        call, self.next = self.next, self.next + 1
        self.send(self.sock, call, method, body)
        return call

    def receive(self):
        """One frame: a reply, or a call that is noted and answered."""
        data = self.sock.recv(65536)
        if not data:
            raise EOFError("authd closed the edge")
        e = unpack(data)
        if not e.get(3):
            self.heard.append((e.get(4), unpack(e.get(11, b""))))
            self.send(self.sock, e[2], e[4], b"", True)
            return None
        return (e.get(2), e.get(5, 0), unpack(e.get(11, b"")),
                e.get(6, b"").decode())

    def call(self, method, body=b""):
        call = self.start(method, body)
        while True:
            reply = self.receive()
            if reply and reply[0] == call:
                return reply[1], reply[2], reply[3]

    def listen(self, seconds):
        """Answers what comes in."""
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:
                self.sock.settimeout(max(0.01, until - time.monotonic()))
                self.receive()
        except (TimeoutError, socket.timeout):
            pass
        self.sock.settimeout(10)

    def close(self):
        for s in (self.sock, self.switch):
            if s:
                s.close()


# --- daemons ----------------------------------------------------------------
class Daemon:
    def __init__(self, name, role):
        self.name, self.user = name, USERS[role]
        self.log = open(f"{ROOT}/{name}.log", "ab")
        self.process = None

    def start(self):
        caps = "+setpcap"
        if self.name == "nexusd":
            caps += ",+sys_chroot"
        self.process = subprocess.Popen(
            ["setpriv", "--reuid", self.user, "--regid", self.user,
             "--clear-groups", "--inh-caps", "-all," + caps,
             "--ambient-caps", caps,
             f"{BIN}/{self.name}", "-d", "-c", ROOT + "/nexus.conf"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        return self

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        return self.process.wait(15)

    def alive(self):
        return self.process.poll() is None

    def status(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return dict(line.rstrip("\n").split(":\t", 1)
                        for line in f if ":\t" in line)


def make_users():
    """The system users, for this mount namespace only."""
    missing = []
    for user in USERS.values():
        try:
            pwd.getpwnam(user)
        except KeyError:
            missing.append(user)
    if not missing:
        return
    for name, form in (("passwd", "%s:x:%d:%d::/:/usr/sbin/nologin\n"),
                       ("group", "%s:x:%d:\n")):
        copy = f"{ROOT}/{name}"
        shutil.copy(f"/etc/{name}", copy)
        with open(copy, "a") as f:
            for i, user in enumerate(missing):
                values = (user, 64000 + i, 64000 + i)
                f.write(form % values[:form.count("%")])
        os.chmod(copy, 0o644)
        subprocess.run(["mount", "--bind", copy, f"/etc/{name}"], check=True)


def make_world():
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "nexus-auth",
                    "/mnt"], check=True)
    os.makedirs(BIN)
    os.makedirs(STATE)
    os.makedirs(RUN + "/empty")
    os.chmod(ROOT, 0o755)
    make_users()
    # Small, so that it can be filled.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755,size=4m",
                    "nexus-auth", STATE], check=True)
    for name in ("nexusd", "authd", "maild"):
        shutil.copy(f"{BUILD}/bin/{name}", BIN)
        os.chmod(f"{BIN}/{name}", 0o755)
    for path, user in ((STATE + "/auth", "nexus-auth"),
                       (STATE + "/mail", "nexus-mail"), (RUN, "nexus")):
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o755 if path == RUN else 0o700)
        shutil.chown(path, user, user)
    with open(ROOT + "/nexus.conf", "w") as f:
        f.write(f"[nexus]\nstate_dir = {STATE}\nrun_dir = {RUN}\n"
                "[authd]\nfailures_per_login = 1000\n"
                "failures_per_account = 1000\nfailures_per_address = 10000\n")


# --- what a client does -----------------------------------------------------
def newest_mail():
    return max(glob.glob(STATE + "/mail/new/*"), key=os.path.basename)


def newest_code(to):
    for path in sorted(glob.glob(STATE + "/mail/new/*"), reverse=True):
        with open(path) as f:
            text = f.read()
        if f"To: <{to}>" in text:
            code = re.search(r"^[0-9]{6}$", text, re.M)
            if code:
                SECRETS.append(code.group())
                return code.group()
    return None


def register_init(edge, name, mail=None, password=PASSWORD):
    return edge.call(REGISTER_INIT, pack(
        _1=name, _2=password, _3=mail or name + "@example.org",
        _4="192.0.2.7"))


def login_init(edge, name, password=PASSWORD):
    return edge.call(LOGIN_INIT, pack(_1=name, _2=password, _3="192.0.2.7"))


def verify(edge, method, mail, code):
    status, body, error = edge.call(
        method, pack(_1=mail, _2=code, _3="192.0.2.7"))
    token = body.get(1, b"").decode()
    if token:
        SECRETS.append(token)
    return status, token, error


def user(edge, name):
    mail = name + "@example.org"
    register_init(edge, name)
    return verify(edge, REGISTER_VERIFY, mail, newest_code(mail))[1]


# --- tokens by other means --------------------------------------------------
def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def to_der(raw):
    def integer(b):
        b = b.lstrip(b"\0") or b"\0"
        b = b"\0" + b if b[0] & 128 else b
        return b"\x02" + bytes([len(b)]) + b
    body = integer(raw[:32]) + integer(raw[32:])
    return b"\x30" + bytes([len(body)]) + body


def from_der(der):
    i, out = 2, b""
    for _ in range(2):
        length = der[i + 1]
        out += der[i + 2:i + 2 + length].lstrip(b"\0").rjust(32, b"\0")
        i += 2 + length
    return out


def sign(key, header, claims):
    text = b64(json.dumps(header).encode()) + "." + \
        b64(json.dumps(claims).encode())
    der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key],
                         input=text.encode(), capture_output=True,
                         check=True).stdout
    return text + "." + b64(from_der(der))


def openssl_verifies(token, public):
    head, body, signature = token.split(".")
    with open(ROOT + "/sig", "wb") as f:
        f.write(to_der(unb64(signature)))
    return subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", public, "-signature",
         ROOT + "/sig"], input=f"{head}.{body}".encode(),
        capture_output=True).returncode == 0
