#!/usr/bin/python3
"""nexusctl node exec as a person at a terminal meets it.

A shell of the host's runs on a terminal that this test holds; from it commands
are run in a node. What is typed goes where it should, what is left behind in
the node gets nothing of it, and the terminal is afterwards what it was before.
"""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

from tap import check, finish

NODE = "term-%d" % os.getpid()


def ctl(*args, data=None):
    done = subprocess.run(["nexusctl", *args], input=data or b"",
                          capture_output=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def in_node(script):
    return ctl("node", "exec", NODE, "--", "sh", "-c", script)[1].decode()


def processes():
    """Of the node, but for the shell that counts them and what it starts."""
    return in_node("set -- /proc/[0-9]*; echo $#").strip()


class Terminal:
    """A terminal of the host with a program on it."""

    def __init__(self, *argv):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["PS1"] = "host> "
            os.environ["TERM"] = "dumb"
            os.execvp(argv[0], argv)
        self.seen = b""
        self.resize(24, 80)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, columns, 0, 0))

    def modes(self):
        return termios.tcgetattr(self.fd)

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            got = os.read(self.fd, 65536)
        except OSError:
            return False
        self.seen += got
        return bool(got)

    def expect(self, *words, seconds=15):
        """Waits for each of the words in turn; forgets what came before."""
        end = time.monotonic() + seconds
        for word in words:
            while word.encode() not in self.seen:
                if time.monotonic() > end or not self.read(0.2) and \
                        self.gone():
                    return False
            self.seen = self.seen.split(word.encode(), 1)[1]
        return True

    def gone(self):
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG |
                         os.WNOWAIT) is not None and not self.read(0)

    def status(self):
        end = time.monotonic() + 15
        while time.monotonic() < end:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
        return None

    def close(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self.fd)


def host_shell():
    t = Terminal("sh", "-i")
    t.expect("host> ")
    return t


def test_keys():
    t = Terminal("nexusctl", "node", "exec", NODE, "--", "sh", "-i")
    t.type("PS1='node> '; echo $((40 + 2))ready; tty\n")
    check("a shell in the node has a terminal of the node's",
          t.expect("42ready", "/dev/pts/"), t.seen)
    t.type("stty size\n")
    check("with the size of ours", t.expect("24 80"), t.seen)
    t.resize(50, 132)
    time.sleep(0.3)
    t.type("stty size\n")
    check("and again when ours has another", t.expect("50 132"), t.seen)
    t.type("sleep 1000\n")
    t.expect("sleep 1000")
    time.sleep(0.5)
    t.type("\x1a")
    check("Ctrl-Z stops the program, not nexusctl",
          t.expect("Stopped", "node> "), t.seen)
    t.type("jobs; fg\n")
    t.expect("sleep 1000")
    time.sleep(0.5)
    t.type("\x03")
    t.expect("node> ")
    t.type("echo status=$?\n")
    check("Ctrl-C ends the program, not nexusctl",
          t.expect("status=130"), t.seen)
    t.type("stty -echo; echo $((60 + 3))quiet\n")
    t.expect("63quiet")
    t.type("exit 7\n")
    check("its exit status is nexusctl's", t.status() == 7)
    t.close()


def test_left_behind():
    t = host_shell()
    before = t.modes()
    # It keeps what it has for a terminal, reads all of it, and spoils it.
    t.type("nexusctl node exec %s -- sh -c 'exec 3<&0; setsid sh -c \"trap : HUP; while "
           ":; do head -c 1 <&3 >>/data/keys; stty -echo raw <&3; "
           "printf SPOILED >&3; sleep 0.1; done\" & sleep 1; "
           "echo $((50 + 5))left'\n" % NODE)
    check("a command that leaves something behind ends",
          t.expect("55left", "host> "), t.seen)
    t.seen = b""
    time.sleep(0.5)
    t.read(0.2)
    check("what it left behind writes to nobody's terminal",
          b"SPOILED" not in t.seen, t.seen)
    check("the terminal is what it was", t.modes() == before,
          (before, t.modes()))
    t.type("echo $((30 + 3))mine\n")
    check("what is typed now is the shell's", t.expect("33mine"), t.seen)
    check("and the node has none of it", "mine" not in in_node(
        "cat /data/keys 2>/dev/null"))
    check("nothing of it runs", processes() == "2", in_node("ps ax || :"))
    t.close()


def test_ends():
    for name, how, want in (("SIGTERM", signal.SIGTERM, 143),
                            ("SIGHUP", signal.SIGHUP, 129),
                            ("SIGINT", signal.SIGINT, 130)):
        t = host_shell()
        before = t.modes()
        t.type("nexusctl node exec %s -- sh -c 'echo pid; setsid sleep 1000 & "
               "sleep 1000'; echo status=$?\n" % NODE)
        t.expect("pid\r\n")
        raw = t.modes() != before
        pid = int(subprocess.run(
            ["pgrep", "-P", str(t.pid), "nexusctl"],
            capture_output=True).stdout.split()[0])
        os.kill(pid, how)
        check("%s ends nexusctl with %d" % (name, want),
              t.expect("status=%d" % want), t.seen)
        check("%s: the terminal was raw and is what it was" % name,
              raw and t.modes() == before)
        end = time.monotonic() + 10
        while processes() != "2" and time.monotonic() < end:
            time.sleep(0.1)
        check("%s: what it ran is gone" % name, processes() == "2")
        t.close()


def test_node_killed():
    t = host_shell()
    before = t.modes()
    t.type("nexusctl node exec %s -- sh -c 'stty raw; echo $((20 + 1))runs; "
           "sleep 1000'; echo status=$?\n" % NODE)
    t.expect("21runs")
    node = json.loads(ctl("node", "inspect", NODE, "-o", "json")[1])
    os.kill(node["pid"], signal.SIGKILL)
    check("a node that is killed ends its commands by signal 9",
          t.expect("status=137"), t.seen)
    check("and the terminal is what it was", t.modes() == before)
    t.close()
    end = time.monotonic() + 15
    while ctl("node", "start", NODE)[0] and time.monotonic() < end:
        time.sleep(0.2)


def test_no_terminal():
    status, out, err = ctl("node", "exec", NODE, "--", "sh", "-c",
                           "cat; echo err >&2; kill -9 $$", data=b"in\n")
    check("without a terminal: input, output, error and a signal",
          (status, out, err) == (137, b"in\n", b"err\n"), (status, out, err))
    status, out, _ = ctl("node", "exec", NODE, "--", "sh", "-c",
                         "head -c 5000000 /dev/zero")
    check("five million bytes come whole", (status, len(out)) == (0, 5000000),
          (status, len(out)))
    status, out, _ = ctl("node", "exec", NODE, "--", "sh", "-c",
                         "wc -c", data=b"x" * 3000000)
    check("and three go in whole", out.strip() == b"3000000", out)
    done = subprocess.run(
        "nexusctl node exec %s -- yes | head -n 1" % NODE, shell=True,
        capture_output=True, timeout=60)
    check("who reads no further ends it", done.stdout == b"y\n", done)
    t = Terminal("nexusctl", "node", "exec", "-i", NODE, "--", "sh", "-c",
                 "echo in=$(readlink /proc/self/fd/0); stty -a; tty; cat")
    check("-i at a terminal: what it has is a pipe",
          t.expect("in=pipe:", "not a tty"), t.seen)
    t.type("\x04")
    check("and Ctrl-D ends its input", t.status() == 0)
    t.close()
    status, out, _ = ctl("node", "exec", "-it", NODE, "--", "sh", "-c",
                         "tty; cat", data=b"typed\n")
    check("-it makes a terminal where there is none",
          status == 0 and b"/dev/pts/" in out and b"typed" in out,
          (status, out))


def main():
    status, _, err = ctl("node", "create", NODE, "--storage", "32M")
    if status:
        check("a node is made", False, err)
    else:
        for test in (test_no_terminal, test_keys, test_left_behind, test_ends,
                     test_node_killed):
            try:
                test()
            except Exception as e:  # and go on: the node must be deleted
                check(test.__name__, False, repr(e))
        ctl("node", "delete", NODE, "--force")
    return finish()


if __name__ == "__main__":
    sys.exit(main())
