#!/usr/bin/env python3
# The real nexusd, authd and maild under their own uids and filters, and a mail
# server that can be made to misbehave, whose name a name server knows.
# needs: nothing
"""Mails by SMTP: encrypted or not sent, tried again until they expire, over
restarts and kills, and what became of them is said to the administrator."""

import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback

sys.dont_write_bytecode = True
import auth_lab
from auth_lab import (BUILD, ROOT, RUN, STATE, SECRETS, REGISTER_VERIFY, OK,
    INVALID, FULL, pack, Edge, Daemon, make_world, register_init, verify)
from smtp_sink import Names, Sink, certificates
from tap import check, finish

HOST, OTHER, PORT, PORTS, PASSWORD = ("mail.test", "other.test", 2525, 2465,
                                      "a mailing pass=word")
SEND, STATUS = 150, 155
FIELDS = {i + 1: name for i, name in enumerate((
    "deliver", "server", "sent", "failed", "expired", "refused", "queued",
    "oldest_s", "last_error", "last_error_at"))}
QUEUE = STATE + "/mail/queue"
NO_WAY = "connect"


def configure(**keys):
    with open(ROOT + "/nexus.conf") as f:
        head = f.read().split("[maild]")[0]
    keys = {"from": "nexus@cloud.example", "deliver": "smtp",
            "smtp_ca": ROOT + "/ca.pem", "smtp_url": f"smtp://{HOST}:{PORT}",
            "smtp_timeout": 5, "smtp_connect_timeout": 5, "retry_first": 1,
            **keys}
    with open(ROOT + "/nexus.conf", "w") as f:
        f.write(head + "[maild]\n" + "".join(
            f"{k} = {v}\n" for k, v in keys.items()))


class World:
    def __init__(self):
        self.maild = Daemon("maild", "mail")
        self.auth = None

    def restart(self, sig=signal.SIGTERM, **keys):
        """maild anew, with this configuration; how the old one ended."""
        status = None
        if self.maild.process and self.maild.alive():
            status = self.maild.stop(sig)
        configure(**keys)
        self.maild.start()
        if self.auth:
            self.auth.new_generation()
        return status

    def refuses(self, **keys):
        """Does it end by itself, and with which sentence?"""
        before = os.path.getsize(self.maild.log.name)
        if self.maild.alive():
            self.maild.stop()
        configure(**keys)
        self.maild.start()
        try:
            status = self.maild.process.wait(20)
        except subprocess.TimeoutExpired:
            status = 0
        with open(self.maild.log.name, errors="replace") as f:
            f.seek(before)
            return status != 0, f.read()

    def send(self, to, text="Your code: 123456\n", expires=0, subject="A test"):
        return self.auth.call(SEND, pack(_1=to, _2=subject, _3=text,
                                         _4=expires))[0]


def ctl(*words):
    """nexusctl's status and what it says."""
    done = subprocess.run(
        [BUILD + "/bin/nexusctl", "--socket", RUN + "/nexus.sock", *words],
        capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def queue():
    return json.loads(ctl("mail", "queue", "-o", "json")[1])


def mail_status():
    """As nexusctl status asks for it, which asks others, too."""
    admin = Edge("admin", peer="mail")
    fields = admin.call(STATUS)[1]
    admin.close()
    return {name: value.decode() if isinstance(value, bytes) else value
            for name, value in ((FIELDS[n], v) for n, v in fields.items())}


def await_that(what, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(0.05)
    return bool(what())


def number(fields, name):
    return int(fields.get(name, 0))


# --- the tests --------------------------------------------------------------
def test_refused_configurations(w):
    loose = ROOT + "/loose"
    with open(loose, "w") as f:
        f.write("secret\n")
    os.chmod(loose, 0o644)
    for keys, words in (
            ({"smtp_url": ""}, "smtp_url"),
            ({"smtp_url": "http://mail.test"}, "smtp_url"),
            ({"smtp_url": "smtp://mail.test:99999"}, "port"),
            ({"smtp_url": "smtp://mail.test/x"}, "port"),
            ({"smtp_tls": "maybe"}, "smtp_tls"),
            ({"smtp_tls": "none"}, "on this host"),
            ({"smtp_user": "nexus"}, "together"),
            ({"smtp_user": "nexus", "smtp_password_file": "/nowhere"},
             "/nowhere"),
            ({"smtp_user": "nexus", "smtp_password_file": loose}, "others"),
            ({"smtp_url": "smtp://127.0.0.1", "smtp_tls": "none",
              "smtp_user": "nexus", "smtp_password_file": loose},
             "without encryption"),
            ({"smtp_ca": "/nowhere"}, "/nowhere"),
            ({"smtp_ca": "/etc/passwd"}, "no certificate")):
        ended, log = w.refuses(**keys)
        check(f"refused with a sentence: {keys}", ended and words in log, log)


def test_the_way(w, sink, names):
    w.auth = Edge("auth", peer="mail")
    check("a mail is taken", w.send(
        "ada@example.org", "gr\xfc\xdfe\n.\n..dots\n\n123456\n" + "x" * 900
        + "\n") == OK)
    if not check("and arrives", sink.await_mails(1), ctl("mail", "queue")[1]):
        return
    got = sink.mails[0]
    check("from and to whom, encrypted",
          (got["from"], got["to"], got["tls"], got["user"], got["ehlo"]) ==
          ("<nexus@cloud.example>", "<ada@example.org>", True, None,
           "cloud.example"), got)
    head, body = got["text"].split(b"\r\n\r\n", 1)
    import quopri
    check("its text is whole, in lines that end with CRLF",
          quopri.decodestring(body) == "gr\xfc\xdfe\n.\n..dots\n\n123456\n"
          .encode().replace(b"\n", b"\r\n") + b"x" * 900 + b"\r\n" and
          b"quoted-printable" in head and
          b"\n" not in got["text"].replace(b"\r\n", b"") and
          max(map(len, got["text"].split(b"\r\n"))) < 998, got["text"])
    check("nothing but EHLO and STARTTLS goes in clear",
          sink.clear == [b"EHLO cloud.example\r\n", b"STARTTLS\r\n"],
          sink.clear)
    check("the name was looked up", names.asked > 0)
    check("and its file is gone", await_that(lambda: not os.listdir(QUEUE)),
          os.listdir(QUEUE))
    status, said = ctl("mail", "test", "bob@example.org")
    check("mail test says the server's words",
          status == 0 and "taken as 4711" in said and HOST in said, said)
    check("and it arrives", sink.mails[-1]["to"] == "<bob@example.org>")
    status, said = ctl("mail", "test", "bob@example.org\nBcc: x@y")
    check("mail test wants an address", status != 0 and len(sink.mails) == 2,
          said)
    check("status counts", number(mail_status(), "sent") == 1, mail_status())
    check("a mail of two recipients, or more, is refused", all(
        w.send(to) == INVALID for to in
        ("a@b\r\nRCPT TO:<c@d", "a@b\nx", "a@b>,<c@d", "a b@c", "<a@b>", "a@b,c@d",
         "a@b\rx", "", "a", "a@[127.0.0.1]")) and w.send("a@b", subject="x\r\ny: z")
        == INVALID and w.send("a@b", "x\r\n.\r\nMAIL FROM:<x@y>\r\n") == INVALID)
    time.sleep(0)
    check("... and nothing of it came", len(sink.mails) == 2, sink.mails)


def test_not_in_clear(w, sink):
    sink.starttls = False
    sink.clear.clear()
    status, said = ctl("mail", "test", "bob@example.org")
    check("STARTTLS stripped: not sent, and why", status != 0 and
          "STARTTLS" in said, said)
    check("taken for later", w.send("eve@example.org") == OK)
    check("stripped: it waits", await_that(
        lambda: number(queue()[0], "tries") >= 1), queue())
    check("nobody, no text and no code went in clear",
          not any(b"MAIL" in c or b"RCPT" in c or b"123456" in c
                  for c in sink.clear), sink.clear)
    sink.starttls = True
    n = len(sink.mails)
    check("offered again: it arrives", sink.await_mails(n + 1))
    sink.cert = ROOT + "/bad.pem"
    status, said = ctl("mail", "test", "bob@example.org")
    check("a certificate nobody vouches for: not sent, and why",
          status != 0 and "certificate" in said.lower(), said)
    sink.cert = ROOT + "/good.pem"
    w.restart(smtp_url=f"smtp://{OTHER}:{PORT}")
    status, said = ctl("mail", "test", "bob@example.org")
    check("a certificate of another name: not sent, and why", status != 0 and
          ("match" in said or "name" in said) and len(sink.mails) == n + 1,
          said)


def test_login(w, sink):
    path = ROOT + "/password"
    with open(path, "w") as f:
        f.write(PASSWORD + "\n")
    os.chmod(path, 0o640)
    shutil.chown(path, "root", "nexus-mail")
    SECRETS.append(PASSWORD)
    w.restart(smtp_user="nexus", smtp_password_file=path)
    sink.login = ("nexus", PASSWORD)
    for kind in ("PLAIN", "LOGIN"):
        sink.auth = kind
        status, said = ctl("mail", "test", "bob@example.org")
        check(f"logs in by {kind}", status == 0 and
              sink.mails[-1]["user"] == "nexus", said)
    sink.login = ("nexus", "another")
    status, said = ctl("mail", "test", "bob@example.org")
    check("a wrong password is said", status != 0 and "535" in said, said)
    n = len(sink.mails)
    check("and is no fault of the mail's", w.send("ida@example.org") == OK and
          await_that(lambda: number(queue()[0], "tries") >= 1) and
          "535" in queue()[0]["error"], queue())
    sink.login = ("nexus", PASSWORD)
    check("it arrives when the password is right", sink.await_mails(n + 1))
    sink.auth, sink.login = None, None
    w.restart()


def test_at_once(w):
    sink = Sink(PORTS, ROOT + "/good.pem", at_once=True).up()
    w.restart(smtp_url=f"smtps://{HOST}:{PORTS}")
    status, said = ctl("mail", "test", "bob@example.org")
    check("SMTPS", status == 0 and sink.mails[-1]["tls"], said)
    sink.down()
    plain = Sink(PORTS, None).up()
    plain.starttls = False
    w.restart(smtp_url=f"smtp://127.0.0.1:{PORTS}", smtp_tls="none")
    status, said = ctl("mail", "test", "bob@example.org")
    check("without encryption to this host, where that is said", status == 0
          and not plain.mails[-1]["tls"], said)
    plain.down()
    w.restart()


def test_replies(w, sink):
    for verb in ("MAIL", "RCPT", "DATA", "END"):
        n, sink.replies = len(sink.mails), {verb: "451 4.3.0 not now"}
        check(f"4xx to {verb}: it waits", w.send("ada@example.org") == OK and
              await_that(lambda: number(queue()[0], "tries") >= 1) and
              "451" in queue()[0]["error"], queue())
        sink.replies = {}
        check("... and arrives", sink.await_mails(n + 1) and await_that(
            lambda: queue() == []), queue())
        failed = number(mail_status(), "failed")
        sink.replies = {verb: "550 5.1.1 no such mailbox"}
        check(f"5xx to {verb}: it is given up", w.send("ada@example.org") == OK
              and await_that(lambda: queue() == []) and
              number(mail_status(), "failed") == failed + 1 and
              "550" in mail_status()["last_error"], (queue(), mail_status()))
        sink.replies = {}
    n = len(sink.mails)
    for what, wrong in (
            ("hangs up at the end", {"END": "hang up"}),
            ("answers half", {"MAIL": "25"}),
            ("says 8 MiB in a line", {"EHLO": "250 " + "x" * (8 << 20)}),
            ("says no at the door", {"EHLO": "554 no"})):
        sink.replies = wrong
        status, said = ctl("mail", "test", "bob@example.org")
        check(f"who {what} has nothing taken", status != 0 and
              len(sink.mails) == n, said)
    sink.replies = {"RCPT": "550 \x1b[31mred\x07" + "y" * 3000}
    status, said = ctl("mail", "test", "bob@example.org")
    check("what it says is printable, and not much", status != 0 and
          "\x1b" not in said and "\x07" not in said and len(said) < 700, said)
    sink.replies, sink.delay = {}, 30
    status, said = ctl("mail", "test", "bob@example.org")
    check("a slow one is given up", status != 0 and "time" in said, said)
    sink.delay = 0


def test_down(w, sink, names):
    sink.down()
    n = len(sink.mails)
    check("down: taken all the same", w.send("ada@example.org") == OK)
    check("the queue shows it, with tries, the next and why", await_that(
        lambda: number(queue()[0], "tries") >= 2) and NO_WAY in
        queue()[0]["error"].lower(), queue())
    status = mail_status()
    check("status says so", number(status, "queued") == 1 and
          NO_WAY in status["last_error"].lower(), status)
    row = glob.glob(QUEUE + "/*")
    check("it lies in one file of maild's alone", len(row) == 1 and
          os.stat(row[0]).st_mode & 0o777 == 0o600, row)
    code = w.restart(signal.SIGKILL, retry_first=600)
    check("killed: it is still there", code == -signal.SIGKILL and
          len(queue()) == 1, queue())
    check("it was tried at once", await_that(
        lambda: number(queue()[0], "tries") == 1), queue())
    sink.up()
    check("... and waits for long now", not sink.await_mails(n + 1, 2))
    status, said = ctl("mail", "queue", "--flush")
    check("--flush sends it", status == 0 and "1" in said and
          sink.await_mails(n + 1), said)
    sink.down()
    w.send("eve@example.org")
    identity = queue()[0]["id"]
    check("--drop wants an id", ctl("mail", "queue", "--drop", "xyz")[0] != 0
          and ctl("mail", "queue", "--drop", "ffff0000")[0] != 0)
    status, said = ctl("mail", "queue", "--drop", identity[:8])
    check("--drop drops it", status == 0 and queue() == [] and
          os.listdir(QUEUE) == [], said)
    expired = number(mail_status(), "expired")
    check("one that lives for 3 s is taken",
          w.send("eve@example.org", expires=int(time.time()) + 3) == OK)
    check("it expires, and its file goes", await_that(
        lambda: os.listdir(QUEUE) == [] and
        number(mail_status(), "expired") == expired + 1), mail_status())
    check("one that has expired is not taken",
          w.send("eve@example.org", expires=int(time.time()) - 1) != OK)
    sink.up()
    check("and never arrives", not sink.await_mails(n + 2, 2), sink.mails[n:])
    names.silent = True
    w.send("ada@example.org")
    begun = time.monotonic()
    check("a name server that is silent stops nothing else",
          mail_status() is not None and time.monotonic() - begun < 30)
    names.silent = False
    ctl("mail", "queue", "--flush")
    check("it answers: the mail arrives", await_that(
        lambda: ctl("mail", "queue", "--flush") and len(sink.mails) > n + 1))


def test_full(w, sink):
    sink.down()
    w.restart(queue_keep=20, retry_first=600)
    answers = [w.send("ada@example.org") for _ in range(25)]
    check("so many wait, and no more are taken",
          answers == [OK] * 20 + [FULL] * 5, answers)
    check("which is counted", number(mail_status(), "refused") == 5,
          mail_status())
    w.restart(queue_keep=5000, retry_first=600)
    check("a list is of all of them", len(queue()) == 20)
    with open(STATE + "/filler", "wb") as f:
        try:
            while True:
                f.write(b"x" * 65536)
        except OSError:
            pass
    answers = [w.send("ada@example.org", "x\n" * 4000) for _ in range(3)]
    check("a full disk: not taken, and said", all(a != OK for a in answers),
          answers)
    names = os.listdir(QUEUE)
    check("and nothing is left of it", len(names) == 20 and
          not any(n.startswith("t") for n in names), names)
    os.unlink(STATE + "/filler")
    n = len(sink.mails)
    sink.up()
    ctl("mail", "queue", "--flush")
    check("all that was taken arrives, once", sink.await_mails(n + 20) and
          await_that(lambda: queue() == []) and len(sink.mails) == n + 20,
          len(sink.mails) - n)


def test_authd(w, sink, authd):
    """The whole way: what authd writes is in the mail, and nowhere else."""
    w.auth.close()
    w.auth = None
    authd.start()
    gateway = Edge("gateway")
    n = len(sink.mails)
    check("register: init", register_init(gateway, "alice")[0] == OK)
    check("the code arrives", sink.await_mails(n + 1))
    text = sink.mails[-1]["text"].decode()
    code = next(line for line in text.split("\r\n") if line.isdigit())
    SECRETS.append(code)
    check("and opens the account", verify(
        gateway, REGISTER_VERIFY, "alice@example.org", code)[0] == OK)
    sink.down()
    said = ctl("status", "--all")[1]
    check("nexusctl status has a part of it", "Delivered to" in said and
          HOST in said and "Refused by the server" in said, said)
    check("down: the same answer", register_init(gateway, "bob")[0] == OK)
    check("its code waits until it expires with it", await_that(
        lambda: len(queue()) == 1) and number(queue()[0], "expires_at") -
        number(queue()[0], "created_at") in range(290, 301), queue())
    with open(glob.glob(QUEUE + "/*")[0]) as f:
        SECRETS.append(next(line.strip() for line in f
                            if line.strip().isdigit()))
    sink.up()
    gateway.close()


def test_outbox_again(w):
    w.restart(deliver="outbox")
    status, said = ctl("mail", "test", "bob@example.org")
    check("outbox: mail test says where it is", status == 0 and "kept" in said,
          said)
    check("nothing waits there", queue() == [])
    threads = w.maild.status()["Threads"]
    check("no thread is started for it", threads == "1", threads)


def main():
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root, for the programs' uids")
        return 0
    make_world()
    certificates(ROOT, HOST)
    with open(ROOT + "/resolv", "w") as f:
        f.write("nameserver 127.0.0.1\noptions timeout:2 attempts:1\n")
    subprocess.run(["mount", "--bind", ROOT + "/resolv", os.path.realpath(
        "/etc/resolv.conf")], check=True)
    names = Names([HOST, OTHER])
    sink = Sink(PORT, ROOT + "/good.pem").up()
    w, nexusd, authd = World(), Daemon("nexusd", "switch"), Daemon("authd",
                                                                   "auth")
    daemons = [nexusd, w.maild, authd]
    try:
        configure()
        nexusd.start()
        w.maild.start()
        test_refused_configurations(w)
        w.restart()
        test_the_way(w, sink, names)
        test_not_in_clear(w, sink)
        w.restart()
        test_login(w, sink)
        test_at_once(w)
        test_replies(w, sink)
        test_down(w, sink, names)
        test_full(w, sink)
        test_authd(w, sink, authd)
        test_outbox_again(w)
        for d in reversed(daemons):
            code = d.stop()
            check(d.name + " ends in order", code == 0, f"status {code}")
        logs = b"".join(open(d.log.name, "rb").read() for d in daemons)
        found = [s for s in set(SECRETS) | {"123456"} if s.encode() in logs]
        check("no code and no password is in a log", found == [], found)
    except Exception:
        check("to the end", False, traceback.format_exc())
    finally:
        for d in daemons:
            if d.process and d.alive():
                d.process.kill()
                d.process.wait()
        if os.environ.get("SHOW") or __import__("tap").failed:
            for d in daemons:
                with open(d.log.name, errors="replace") as f:
                    for line in f.readlines()[-40:]:
                        print("#", d.name, line.rstrip())
    return finish()


if __name__ == "__main__":
    sys.exit(main())
