#!/usr/bin/python3
# needs: nothing
# limit: 5400
"""Power cuts: a whole Nexus on a disk whose every write is remembered.

Users are at work and note how long the disk's log was when something was
acknowledged. Then the power goes, at POWER_CUTS (8) points of that log: half of
them at the very moment of an acknowledgement, and each second one with what the
disk had in its cache since its last flush half lost and out of order. From what
is left a Nexus starts again, and must have everything that had been
acknowledged, nothing that had been deleted, and each thing that was under way
either wholly or not at all.

The same with a storaged that leaves a sync out, three ways: there the same look
must find a fault, or it would not see one.

POWER_SEED makes what users do, and the cuts, the same again.
"""
import hashlib
import http.client
import os
import random
import shutil
import signal
import sys
import threading
import time
import urllib.parse

sys.dont_write_bytecode = True
sys.path += [os.path.dirname(os.path.abspath(__file__)),
             os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          "../bench")]
import power_disk
from nexus import PORT, Nexus
from power_disk import BUILD
from tap import check, finish

CUTS = int(os.environ.get("POWER_CUTS", "8"))
MUTANT_CUTS = max(CUTS, 40)  # at most; the first fault ends it
SEED = int(os.environ.get("POWER_SEED", time.time_ns() % 1000000))
OPS = int(os.environ.get("POWER_OPS", "60"))  # of each user
USERS = 3
MOST_FILES = 15
SIZE = 768 << 20
SIZES = [0, 1, 100, 4096, 5000, 70000, 300000, 300001, 1500000, 11000000]
OFTEN = [2, 4, 6, 8, 8, 6, 3, 3, 2, 1]
CONF = """[nexus]
state_dir = /mnt/nexus/state
run_dir = /mnt/nexus/run
[netd]
teardown = yes
[nodemgr]
limits = best-effort
[storaged]
base_size = 128M
base_max = 4
quota = 2G
"""


def ask_once(method, path, token, body, kind):
    link = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    link.request(method, path, body, {
        "Authorization": f"Bearer {token}", "Content-Type": kind})
    answer = link.getresponse()
    result = answer.status, answer.read()
    link.close()
    return result


def ask(method, path, token, body=None, kind="application/octet-stream"):
    """(status, bytes) of one request, asked again while a daemon is not there
    yet."""
    until = time.monotonic() + 30
    while True:
        result = ask_once(method, path, token, body, kind)
        if result[0] != 503 or time.monotonic() > until:
            return result
        time.sleep(0.1)


def query(**what):
    return urllib.parse.urlencode(what)


# --- what users do ------------------------------------------------------------

class User(threading.Thread):
    """One thing after the other, and what is there after each."""

    def __init__(self, number, nexus, log):
        super().__init__()
        self.chance = random.Random(SEED * 100 + number)
        self.name = f"power{number}"
        self.token = nexus.register(self.name)
        self.nexus, self.log = nexus, log
        self.accounts = []  # made meanwhile: the log's length after, token
        self.states = [{}]  # name -> MD5, before the first and after each
        self.times = []  # of each: the log's length before and after
        self.error = None

    def length(self):
        return os.stat(self.log).st_size

    def do(self, after, method, path, body=None, kind="application/json"):
        began = self.length()
        status, answer = ask(method, path, self.token, body, kind)
        ended = self.length()
        if status // 100 != 2:
            raise RuntimeError(f"{method} {path}: {status} {answer[:200]}")
        self.times.append((began, ended))
        self.states.append(after)

    def put(self, now, name):
        data = self.chance.randbytes(self.chance.choices(SIZES, OFTEN)[0])
        self.do({**now, name: hashlib.md5(data).hexdigest()}, "PUT",
                f"/api/fs/file?{query(path='/' + name)}", data,
                "application/octet-stream")

    def step(self):
        now = self.states[-1]
        old = self.chance.choice(sorted(now)) if now else None
        new = f"f{len(self.times)}"
        what = self.chance.random()
        if old is None or (what < 0.55 and len(now) < MOST_FILES):
            self.put(now, new)
        elif 0.55 <= what < 0.75:
            self.put(now, old)
        elif what < 0.9:  # the rest of the first case, too
            self.do({k: v for k, v in now.items() if k != old}, "DELETE",
                    f"/api/fs/delete?{query(path='/' + old)}")
        else:
            moved = {k: v for k, v in now.items() if k != old}
            self.do({**moved, new: now[old]}, "POST", "/api/fs/move",
                    f'{{"old_path": "/{old}", "new_path": "/{new}"}}')

    def register(self):
        token = self.nexus.register(f"{self.name}x{len(self.accounts)}")
        self.accounts.append((self.length(), token))

    def run(self):
        try:
            for i in range(OPS):
                self.step()
                if i % 20 == 10:
                    self.register()
        except Exception as error:
            self.error = error

    def may_be(self, cut):
        """What may be there when the power went at @cut."""
        n = sum(ended <= cut for _, ended in self.times)
        states = [self.states[n]]
        if n < len(self.times) and self.times[n][0] <= cut:
            states.append(self.states[n + 1])
        return states

    def there(self):
        """What is there."""
        status, answer = ask("GET", "/api/fs/ls?path=/", self.token)
        if status != 200:
            return f"list: {status} {answer[:200]}"
        found = {}
        for entry in power_disk.entries_of(answer):
            found[entry] = self.content(entry)
        return found

    def content(self, entry):
        """The MD5 of what is in it, or why there is none."""
        try:
            status, data = ask("GET", "/api/fs/download?" + query(
                path="/" + entry), self.token)
        except http.client.HTTPException as error:  # cut where it is damaged
            return repr(error)
        return (hashlib.md5(data).hexdigest() if status == 200
                else f"{status} {data[:200]}")

    def fault(self, cut):
        """What is wrong after that, or None."""
        for ended, token in self.accounts:
            status = ask("GET", "/api/files", token)[0]
            if ended <= cut and status != 200:
                return f"{self.name}: an account of its is gone: {status}"
        found, wanted = self.there(), self.may_be(cut)
        if found in wanted:
            return None
        if isinstance(found, str):
            return f"{self.name}: {found}"
        names = sorted(set(found) | set(wanted[0]))
        return f"{self.name}: " + "; ".join(
            f"{n} is {found.get(n)}, not {wanted[0].get(n)}"
            for n in names if found.get(n) != wanted[0].get(n))


# --- a recording --------------------------------------------------------------

def prepare(state):
    os.makedirs(os.path.join(state, "etc"), exist_ok=True)
    with open(os.path.join(state, "etc/nexus.conf"), "w",
              encoding="utf-8") as f:
        f.write(CONF)
    os.sync()  # it is ours, and no promise of Nexus


def record(where, options):
    """Users at work on a disk that is recorded: (log, users, from, to)."""
    at = os.path.join(where, "mnt")
    with power_disk.recorded(where, SIZE, at) as log:
        prepare(os.path.join(at, "up"))
        nexus = Nexus(os.path.join(at, "up"), options)
        nexus.start()
        try:
            users = [User(i, nexus, log) for i in range(USERS)]
            os.sync()  # a fault shall be one of what comes now
            began = os.stat(log).st_size
            for user in users:
                user.start()
            for user in users:
                user.join()
            ended = os.stat(log).st_size
        finally:
            nexus.stop()
    for user in users:
        if user.error:
            raise user.error
    return log, users, began, ended


def points(users, began, ended, n, chance):
    """Where the power goes, in order: (point, with losses)."""
    acks = [end for user in users for _, end in user.times]
    some = [chance.choice(acks) if i % 2 else
            began + chance.randrange(ended - began) for i in range(n)]
    return [(cut, i // 2 % 2 == 1) for i, cut in
            enumerate(some[0::2] + some[1::2])]


def look(image, at, users, cut):
    """The fault that is found in what is left, or None."""
    up = os.path.join(at, "up")
    with power_disk.mounted(image, at):
        # what tells that the one before was ready
        if os.path.exists(up + "/nexus.env"):
            os.unlink(up + "/nexus.env")
        nexus = Nexus(up)
        try:
            nexus.start()
        except RuntimeError as error:
            return f"Nexus does not start: {error}"
        try:
            faults = [user.fault(cut) for user in users]
        except (OSError, http.client.HTTPException) as error:
            return f"Nexus does not answer: {error!r}"
        finally:
            nexus.stop()
    return next((f for f in faults if f), None)


def cut_all(where, recording, n, until_fault):
    """(faults, cuts made)."""
    log_path, users, began, ended = recording
    chance = random.Random(SEED)
    log = power_disk.Log(log_path, SIZE)
    cuts = power_disk.Cuts(log, where)
    faults, done = [], 0
    for cut, lossy in sorted(points(users, began, ended, n, chance)):
        image = cuts.make(cut, lossy, SEED + cut)
        fault = look(image, os.path.join(where, "mnt"), users, cut)
        done += 1
        if fault:
            faults.append(f"at {cut}{' with losses' if lossy else ''}: "
                          f"{fault}")
            if until_fault:
                break
    log.close()
    return faults, done


# --- storaged without a sync --------------------------------------------------

def mutant(where, what):
    """A directory of programs of which storaged leaves syncs out."""
    programs = os.path.join(where, "bin")
    shutil.rmtree(programs, ignore_errors=True)
    os.makedirs(programs)
    for name in os.listdir(os.path.join(BUILD, "bin")):
        if name != "storaged":
            os.symlink(os.path.join(BUILD, "bin", name),
                       os.path.join(programs, name))
    script = os.path.join(programs, "storaged")
    with open(script, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\n"
                f"export SWALLOW={what} SWALLOW_STATE=/mnt/nexus/state\n"
                f"export LD_PRELOAD={BUILD}/tests/integration/swallow.so\n"
                f'exec {BUILD}/bin/storaged "$@"\n')
    os.chmod(script, 0o755)
    return ["--bin", programs]


def main():
    # unwinding unmounts what was mounted
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f"# POWER_SEED={SEED} POWER_CUTS={CUTS}", flush=True)
    where = os.path.join(BUILD, "power")
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where)
    why = power_disk.cannot(where)
    if why:
        check(f"power cuts # SKIP {why}", True)
        return finish()
    try:
        faults, n = cut_all(where, record(where, ()), CUTS, False)
        check(f"the power went {n} times: all is there that was acknowledged",
              not faults, "\n".join(faults))
        for what in "chunks", "names", "catalog":
            faults, n = cut_all(where, record(where, mutant(where, what)),
                                MUTANT_CUTS, True)
            check(f"without its syncs of {what} a fault is found ({n})",
                  faults)
            print(f"# {faults[0] if faults else None}"[:300])
    finally:
        shutil.rmtree(where, ignore_errors=True)
    return finish()


sys.exit(main())
