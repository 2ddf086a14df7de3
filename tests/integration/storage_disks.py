#!/usr/bin/python3
# needs: nothing
# limit: 900
"""A Nexus with several disks, one of which is taken away under load.

Two file systems on loop devices, for this program alone. Files are stored and
read all the time while one disk is pulled, is away for longer than the grace
time, comes back, is full, and is lost for good: nothing acknowledged is lost,
every read is good, and copies are on two disks again after each of it.
"""
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

from tap import check, finish

BUILD = os.environ.get("BUILD") or os.path.abspath("build")
CTL = os.path.join(BUILD, "bin/nexusctl")
PORT = "18192"
GRACE = 4
ROOM = 100 << 20  # what is stored must fit on any two of the disks
A, B = "/srv/a", "/srv/b"


def run(*command, **kw):
    return subprocess.run(command, capture_output=True, text=True, **kw)


def must(*command):
    p = run(*command)
    if p.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {p.stderr}{p.stdout}")
    return p.stdout.strip()


def ctl(*args):
    return run(CTL, *args)


def storage():
    return json.loads(must(CTL, "status", "-o", "json"))["storage"]


def disks():
    p = ctl("volume", "disks", "-o", "json")
    return {d["path"]: d for d in json.loads(p.stdout)["disks"]} \
        if p.returncode == 0 else {}


def volumes():
    p = ctl("volume", "ls", "-o", "json")
    return json.loads(p.stdout) if p.returncode == 0 else []


def until(seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if what():
                return True
        except (RuntimeError, ValueError, KeyError):
            pass
        time.sleep(0.3)
    return False


class Nexus:
    def __init__(self, folder):
        self.folder = folder
        self.state = os.path.join(folder, "up")
        self.process = None

    def start(self):
        env = os.path.join(self.state, "nexus.env")
        if os.path.exists(env):
            os.unlink(env)
        log = open(os.path.join(self.folder, "log"), "a")
        self.process = subprocess.Popen(
            ["packaging/up.sh", PORT, "--state", self.state],
            stdout=log, stderr=log, env={**os.environ, "BUILD": BUILD})
        if not until(180, lambda: os.path.getsize(env) > 0
                     if os.path.exists(env) else False):
            raise RuntimeError("no Nexus: " + self.tail())
        for line in open(env):
            name, _, value = line.strip().partition("=")
            os.environ[name] = value

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def configure(self, text):
        path = os.path.join(self.state, "etc/nexus.conf")
        old = open(path).read()
        open(path, "w").write(old + text)

    def tail(self, name=None):
        path = os.path.join(self.state, "log", name) if name else \
            os.path.join(self.folder, "log")
        return "".join(open(path).readlines()[-40:])


class Load:
    """Stores and reads; what was acknowledged is in self.files."""

    def __init__(self, folder):
        self.folder = folder
        self.files, self.bad, self.refused = {}, [], []
        self.lock = threading.Lock()
        self.over = False
        self.threads = []
        self.bytes = 0

    def store(self, i, rng):
        size = rng.choice([5, 4096, 70000, 700000])
        if self.bytes + size > ROOM:
            size = rng.choice([5, 4096])
        content = rng.randbytes(size)
        path = os.path.join(self.folder, f"up{i}")
        open(path, "wb").write(content)
        p = ctl("-q", "file", "upload", path, "--replicas", "2")
        if p.returncode == 0:
            with self.lock:
                self.bytes += size
                self.files[p.stdout.strip()] = \
                    hashlib.sha256(content).hexdigest()
        else:
            self.refused.append(p.stderr)

    def read(self, i, file):
        path = os.path.join(self.folder, f"down{i}")
        p = ctl("file", "download", file, path)
        if p.returncode != 0:
            return p.stderr
        good = hashlib.sha256(open(path, "rb").read()).hexdigest()
        os.unlink(path)
        return None if good == self.files[file] else "other bytes"

    def work(self, i):
        rng = random.Random(i)
        while not self.over:
            self.store(i, rng)
            with self.lock:
                file = rng.choice(list(self.files)) if self.files else None
            why = self.read(i, file) if file else None
            if why:
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

    def verify(self, name):
        bad = [f"{f}: {why}" for f in self.files
               if (why := self.read("all", f))]
        check(f"{name}: all {len(self.files)} acknowledged files are what "
              "they were", not bad, bad[:5])


def placement():
    return json.loads(must(CTL, "state", "export"))["files"]


def apart(without=()):
    """Every chunk is on two disks, and on none of @without."""
    disk = {v["node"]: v["disk"] for v in volumes()}
    for f in placement():
        for c in f["chunks"]:
            on = {disk.get(r["volume"]) for r in c["replicas"]
                  if r["state"] == "good"}
            if len(on) < 2 or on & set(without) or \
                    any(r["state"] == "away" for r in c["replicas"]):
                return False
    return True


def well():
    s = storage()
    return s["degraded_files"] == 0 and s["suspect"] == 0 and \
        s["away"] == 0 and s["unspread"] == 0 and not s["removing"]


def pulled(nexus, load):
    load.begin()
    until(60, lambda: len(load.files) > 3)
    before = len(load.files)
    must("umount", "-l", B)
    check("a disk that is pulled is away",
          until(90, lambda: disks()[B]["state"] == "away"), disks())
    check("what is below its mount point is left alone",
          os.listdir(B) == [], os.listdir(B))
    until(60, lambda: len(load.files) > before)
    here = len(load.files)
    check("files are stored and read meanwhile",
          until(90, lambda: len(load.files) > here + 5), load.refused[-3:])
    check("after the grace time all is on two other disks",
          until(270, lambda: apart(without=[B])), nexus.tail("storaged.log"))
    check("and the directory is still empty", os.listdir(B) == [])
    must("mount", "-o", "loop,errors=remount-ro", f"{nexus.folder}/b.disk", B)
    check("back, its volumes prove well",
          until(270, lambda: disks()[B]["state"] == "good" and
                all(v["state"] == "good" for v in volumes())),
          f"{disks()} {volumes()}")
    time.sleep(2)
    load.end()
    check("files were stored before, while and after",
          before > 0 and len(load.files) > here > before)
    check("every read was good", not load.bad, load.bad[:5])
    check("nothing was refused", not load.refused, load.refused[:3])
    check("what is surplus then goes, and all is well", until(180, well),
          storage())
    load.verify("pulled and given back")


def full(nexus, load):
    """A disk without a free byte is no disk that is away."""
    with open(B + "/fill", "wb") as f:
        try:
            while True:
                f.write(bytes(1 << 20))
                f.flush()
        except OSError:
            pass
    load.begin()
    time.sleep(12)
    load.end()
    check("a full disk is not taken for one that is away",
          disks()[B]["state"] == "good", disks())
    check("and what is on it goes on being used", not load.bad and
          not load.refused, load.bad[:3] + load.refused[:3])
    os.unlink(B + "/fill")
    load.verify("full")


def lost(nexus, load):
    """The device gives errors, and never anything else again."""
    load.begin()
    time.sleep(2)
    os.truncate(f"{nexus.folder}/b.disk", 1 << 20)
    run("sh", "-c", "echo 3 >/proc/sys/vm/drop_caches")
    check("a disk that gives errors is away",
          until(270, lambda: disks()[B]["state"] == "away"),
          f"{disks()} {volumes()}")
    time.sleep(3)
    load.end()
    check("every read was good all the time", not load.bad, load.bad[:5])
    check("what it held is made anew",
          until(270, lambda: apart(without=[B])), nexus.tail("storaged.log"))
    p = ctl("volume", "remove-disk", B)
    check("it can be removed", p.returncode == 0, p.stderr)
    check("and is forgotten, without being there",
          until(270, lambda: B not in disks()), f"{disks()} {volumes()}")
    load.verify("lost for good")
    check("all is well with what is left", until(180, well), storage())


def make_disks(folder):
    for name, path in (("a", A), ("b", B)):
        image = f"{folder}/{name}.disk"
        os.makedirs(path)
        must("truncate", "-s", "600M", image)
        must("mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", image)
        must("mount", "-o", "loop,errors=remount-ro", image, path)
        must("chown", "nexus-storage", path)


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    folder = tempfile.mkdtemp(prefix="disks.", dir=BUILD)
    nexus = Nexus(folder)
    load = Load(folder)
    # What is mounted later shall be seen by whom we start.
    must("mount", "--make-rshared", "/")
    must("mount", "-t", "tmpfs", "srv", "/srv")
    try:
        nexus.start()
        make_disks(folder)
        nexus.stop()
        nexus.configure(
            f"\n[storaged]\naway_grace = {GRACE}\nbase_size = 128M\n"
            f"base_max = 3\ndisks = state, {A}\nquota = 100G\n")
        nexus.start()
        check("the disk that nexus.conf names is there",
              disks().get(A, {}).get("state") == "good", disks())
        p = ctl("volume", "add-disk", B)
        check("another is added while it runs", p.returncode == 0 and
              disks()[B]["state"] == "good", p.stderr)
        p = ctl("volume", "remove-disk", A)
        check("what nexus.conf names is not removed",
              p.returncode != 0 and "nexus.conf" in p.stderr, p.stderr)
        check("each gets a volume of the platform's own",
              until(90, lambda: {"state", A, B} ==
                    {v["disk"] for v in volumes() if v["state"] == "good"}),
              volumes())
        pulled(nexus, load)
        full(nexus, load)
        file = next(iter(load.files))
        info = ctl("file", "info", file).stdout
        check("file info says on how many disks", "2 disks" in info, info)
        lost(nexus, load)
        check("it stops well", nexus.stop() == 0)
    except RuntimeError as e:
        check("what must work", False, e)
    finally:
        if nexus.process and nexus.process.poll() is None:
            nexus.stop()
        for path in (A, B, "/srv"):
            run("umount", "-l", path)
        must("rm", "-rf", "--one-file-system", folder)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
