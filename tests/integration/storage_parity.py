#!/usr/bin/python3
# needs: nothing
# limit: 500
"""Files with parity over six disks (the state directory's is one), of which one,
then two are taken away.

Files are stored and read all the time, with 2+1 and with 4+2: while one disk is
away all of them can be read, while two are those with 4+2; what comes back is
taken in again, what was lost is made anew, and in the end nothing is degraded,
nothing was lost, and the catalogue's own check finds nothing.
"""
import hashlib
import json
import os
import random
import sys
import tempfile
import threading
import time

from storage_disks import Nexus, ctl, disks, must, run, storage, until, volumes
from tap import check, finish

BUILD = os.environ.get("BUILD") or os.path.abspath("build")
GRACE = 3
ROOM = 90 << 20
DISKS = [f"/srv/{n}" for n in "abcde"]  # and the state directory's own
SIZES = [5, 70000, 700000, 3 << 20, 11 << 20, (10 << 20) + 100]


class Load:
    """Stores into folders that want parity and reads; what was acknowledged is in
    self.files, by path."""

    def __init__(self, folder):
        self.folder = folder
        self.files, self.bad, self.refused = {}, [], []
        self.lock = threading.Lock()
        self.over = False
        self.threads = []
        self.bytes = 0
        self.count = 0
        self.only = ""  # only what is below this is read

    def store(self, i, rng):
        folder = rng.choice(["/two", "/four"])
        size = rng.choice(SIZES)
        with self.lock:
            if self.bytes + size > ROOM:
                size = rng.choice(SIZES[:2])
            self.bytes += size
            self.count += 1
            target = f"{folder}/{self.count}"
        content = rng.randbytes(size)
        path = os.path.join(self.folder, f"up{i}")
        with open(path, "wb") as f:
            f.write(content)
        p = ctl("-q", "fs", "put", path, target)
        with self.lock:
            if p.returncode == 0:
                self.files[target] = hashlib.sha256(content).hexdigest()
            else:
                self.refused.append((target, p.stderr))
                self.bytes -= size

    def read(self, i, file):
        path = os.path.join(self.folder, f"down{i}")
        p = ctl("fs", "get", file, path)
        if p.returncode != 0:
            return p.stderr
        with open(path, "rb") as f:
            good = hashlib.sha256(f.read()).hexdigest()
        os.unlink(path)
        return None if good == self.files[file] else "other bytes"

    def some(self, rng):
        with self.lock:
            list_ = [f for f in self.files if f.startswith(self.only)]
        return rng.choice(list_) if list_ else None

    def work(self, i):
        rng = random.Random(i)
        while not self.over:
            self.store(i, rng)
            file = self.some(rng)
            before = self.only
            why = self.read(i, file) if file else None
            if why and (before or not self.only):
                self.bad.append(f"{file}: {why}")

    def begin(self):
        self.over = False
        self.threads = [threading.Thread(target=self.work, args=(i,))
                        for i in range(2)]
        for t in self.threads:
            t.start()

    def end(self):
        self.over = True
        for t in self.threads:
            t.join()

    def verify(self, name, below=""):
        some = [f for f in self.files if f.startswith(below)]
        bad = [f"{f}: {why}" for f in some if (why := self.read("all", f))]
        check(f"{name}: all {len(some)} acknowledged files are what they were",
              not bad, bad[:5])


def make_disk(folder, path):
    image = f"{folder}/{os.path.basename(path)}.disk"
    os.makedirs(path)
    must("truncate", "-s", "400M", image)
    must("mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", image)
    mount(folder, path)
    must("chown", "nexus-storage", path)


def make_disks(folder):
    for path in DISKS:
        make_disk(folder, path)


def mount(folder, path):
    must("mount", "-o", "loop,errors=remount-ro",
         f"{folder}/{os.path.basename(path)}.disk", path)


def info(path):
    stat = json.loads(must(CTL, "fs", "stat", path,
                           "-o", "json"))
    return json.loads(must(CTL, "file", "info", stat["id"], "-o", "json"))


CTL = os.path.join(BUILD, "bin/nexusctl")


def well():
    s = storage()
    return s["degraded_files"] == 0 and s["suspect"] == 0 and \
        s["away"] == 0 and s["unspread"] == 0


def all_there():
    return all(d["state"] == "good" for d in disks().values()) and \
        all(v["state"] == "good" for v in volumes())


def policies(nexus):
    for name in ("/two", "/four"):
        must(CTL, "fs", "mkdir", name)
    p = ctl("fs", "policy", "/two", "6+3")
    check("what has too few volumes is refused, and why",
          p.returncode != 0 and "9 active volumes" in p.stderr, p.stderr)
    p = ctl("fs", "policy", "/two", "1+1")
    check("and what is no parity", p.returncode != 0 and "2+1" in p.stderr,
          p.stderr)
    must(CTL, "fs", "policy", "/two", "2+1")
    must(CTL, "fs", "policy", "/four", "4+2")
    p = ctl("fs", "policy", "/four")
    check("a folder says what it wants", "4+2" in p.stdout, p.stdout)


def spread_words(load):
    for name, words in (("/two/w", "2+1 over 3 disks"),
                        ("/four/w", "4+2 over 6 disks")):
        path = os.path.join(load.folder, "w")
        content = random.Random(name).randbytes(10 << 20)
        with open(path, "wb") as f:
            f.write(content)
        must(CTL, "-q", "fs", "put", path, name)
        load.files[name] = hashlib.sha256(content).hexdigest()
        i = info(name)
        check(f"file info says {words}", i.get("spread") == words, i)


def one_away(nexus, load):
    load.begin()
    until(30, lambda: len(load.files) > 8)
    must("umount", "-l", DISKS[1])
    check("a disk that is pulled is away",
          until(60, lambda: disks()[DISKS[1]]["state"] == "away"), disks())
    here = len(load.files)
    check("files are stored and read meanwhile",
          until(60, lambda: len(load.files) > here + 4), load.refused[-3:])
    check("with too few volumes for their parity they are refused, and why",
          until(60, lambda: any("there are 5: add a disk" in w
                                for _, w in load.refused)),
          load.refused[-3:])
    check("with enough they are not",
          not any(t.startswith("/two") for t, _ in load.refused),
          [w for t, w in load.refused if t.startswith("/two")][:3])
    load.end()
    check("every read was good", not load.bad, load.bad[:5])
    load.verify("one of six is away")
    mount(nexus.folder, DISKS[1])
    check("back, its volumes prove well", until(120, all_there),
          f"{disks()} {volumes()}")
    check("and all is well", until(120, well), storage())
    load.verify("given back")


def two_away(nexus, load):
    gone = [DISKS[0], DISKS[4]]
    load.begin()
    time.sleep(1)
    load.only = "/four"
    for path in gone:
        must("umount", "-l", path)
    check("two disks are away", until(
        90, lambda: all(disks()[p]["state"] == "away" for p in gone)), disks())
    time.sleep(5)
    load.end()
    check("every read with 4+2 was good", not load.bad, load.bad[:5])
    load.verify("two of six are away", "/four")
    for path in gone:
        mount(nexus.folder, path)
    check("back, their volumes prove well", until(120, all_there),
          f"{disks()} {volumes()}")
    load.only = ""
    check("and all is well", until(180, well), storage())
    load.verify("both given back")


def lost(nexus, load):
    """For good: what was on it is made of the others."""
    must(CTL, "volume", "add-disk", "/srv/g")
    check("one more is taken in", until(60, all_there), disks())
    path = DISKS[2]
    must("umount", "-l", path)
    check("one is lost", until(
        60, lambda: disks()[path]["state"] == "away"), disks())
    p = ctl("volume", "remove-disk", path)
    check("what nexus.conf names stays its own", p.returncode != 0, p.stderr)
    check("all its parts are made anew elsewhere", until(
        180, lambda: next(v["chunks"] for v in volumes()
                          if v["disk"] == path) == 0 and
        storage()["degraded_files"] == 0), f"{storage()} {volumes()}")
    load.verify("without the one that is lost")


def checked():
    p = ctl("storage", "check", "--wait")
    check("the catalogue's check finds nothing", p.returncode == 0,
          p.stdout + p.stderr)
    p = ctl("storage", "scrub", "--wait")
    check("nor does scrubbing", p.returncode == 0, p.stdout + p.stderr)


def begin(nexus, more):
    """Six disks with a volume each, and @more in nexus.conf."""
    must("mount", "--make-rshared", "/")
    must("mount", "-t", "tmpfs", "srv", "/srv")
    nexus.start()
    make_disks(nexus.folder)
    nexus.stop()
    nexus.configure(
        f"\n[storaged]\naway_grace = {GRACE}\nbase_size = 128M\n"
        f"base_max = 1\ndisks = state, {', '.join(DISKS)}\nquota = 100G\n" +
        more)
    nexus.start()
    check("each disk has a volume", until(
        60, lambda: len([v for v in volumes()
                         if v["state"] == "good"]) == 6), volumes())


def clear(nexus, load):
    load.over = True
    if nexus.process and nexus.process.poll() is None:
        nexus.stop()
    for path in DISKS + ["/srv/g", "/srv"]:
        run("umount", "-l", path)
    must("rm", "-rf", "--one-file-system", nexus.folder)


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    folder = tempfile.mkdtemp(prefix="parity.", dir=BUILD)
    nexus = Nexus(folder)
    load = Load(folder)
    try:
        begin(nexus, "")
        make_disk(folder, "/srv/g")
        policies(nexus)
        spread_words(load)
        one_away(nexus, load)
        two_away(nexus, load)
        lost(nexus, load)
        checked()
        check("it stops well", nexus.stop() == 0)
    except RuntimeError as e:
        check("what must work", False, e)
    finally:
        clear(nexus, load)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
