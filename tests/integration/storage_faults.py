#!/usr/bin/python3
# needs: nothing
# limit: 900
"""Disks that fail under a running Nexus: below one of two disks of volumes, and
below the catalogue's own.

Writes, reads and syncs fail, here and there or all of them, or take their time.
Whatever is acknowledged meanwhile is read back as it was, at once and after a
kill; what is refused is refused in words; other users' requests to what is well
go on; and when the disk is mended all is as it was, without anybody's help but
`volume trust`.
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

sys.dont_write_bytecode = True
import storage_disks as lab
from fault_disk import FaultDisk, cannot, forget_caches
from storage_disks import A, B, BUILD, CTL, Nexus, ctl, disks, must, \
    placement, storage, until, volumes
from tap import check, finish

SEED = int(os.environ.get("NEXUS_SEED", "0")) or random.randrange(1 << 32)
MIB = 1 << 20
HANG_S = 120
rng = random.Random(SEED)


class Files:
    """What was acknowledged, by path, and whether it is still that."""

    def __init__(self, folder):
        self.folder = folder
        self.sums = {}
        self.count = 0

    def content(self, size, word=""):
        """With @word in every sector of it."""
        word = word.encode()
        part = 256 - len(word)
        return b"".join(word + rng.randbytes(part)
                        for _ in range(-(-size // 256)))[:size]

    def put(self, size, word="", name=None, content=None, replicas=0):
        """(the path, what was said if it was not stored)"""
        self.count += 1
        local = os.path.join(self.folder, f"up{self.count}")
        path = name or f"/f{self.count}"
        content = content or self.content(size, word)
        with open(local, "wb") as f:
            f.write(content)
        p = ctl("-q", "fs", "put", local, path,
                *(["--replicas", str(replicas)] if replicas else []))
        os.unlink(local)
        if p.returncode == 0:
            self.sums[path] = hashlib.sha256(content).hexdigest()
            return path, ""
        return path, p.stderr.strip() or "refused without a word"

    def read(self, path):
        """None: as it was stored; else why not."""
        local = os.path.join(self.folder, "down" + path.replace("/", "-"))
        p = ctl("fs", "get", path, local)
        if p.returncode != 0:
            return p.stderr or "refused without a word"
        with open(local, "rb") as f:
            good = hashlib.sha256(f.read()).hexdigest()
        os.unlink(local)
        return None if good == self.sums[path] else "other bytes"

    def verify(self, name):
        bad = [f"{f}: {why}" for f in self.sums if (why := self.read(f))]
        check(f"{name}: all that was acknowledged is what it was", not bad,
              "\n".join(bad[:5]))


def on(disk):
    """How its volumes are."""
    return {v["state"] for v in volumes() if v["disk"] == disk}


def all_well():
    s = storage()
    return s["degraded_files"] == 0 and s["suspect"] == 0 and \
        s["away"] == 0 and all(v["state"] == "good" for v in volumes()) and \
        all(d["state"] == "good" for d in disks().values())


def log(nexus):
    return nexus.tail("storaged.log")


def trusted():
    for v in volumes():
        if v["state"] == "suspect":
            ctl("volume", "trust", v["node"])
    return all_well()


def trusted_again(nexus, name):
    """What was suspected is asked for, and whole again."""
    check(f"{name}: mended and trusted, all is well and healed",
          until(120, trusted), f"{storage()} {volumes()}\n{log(nexus)}")


def scrubbed(name):
    p = ctl("storage", "scrub", "--wait")
    check(f"{name}: a cycle of scrubbing ends well", p.returncode == 0,
          p.stdout + p.stderr)


# --- below one of two disks ---------------------------------------------------

def writes_fail(nexus, files, _state, _a, b):
    """Of what is stored, not of the file system around it."""
    name = "writes fail"
    b.rule("write", "eio", has="WRITEFAULT")
    said = [files.put(size, "WRITEFAULT")[1]
            for size in (5000, 700000, 3 * MIB)]
    check(f"{name}: the disk was asked", b.met()[0] > 0, b.met())
    check(f"{name}: uploads go on with what is well", not any(said), said)
    check(f"{name}: the volume is suspect",
          until(60, lambda: "suspect" in on(B)), volumes())
    files.verify(name)
    b.mend()
    trusted_again(nexus, name)
    files.verify(f"{name}, mended")


def reads_fail(nexus, files, _state, _a, b):
    """Some blocks of some replicas, for good."""
    name = "reads fail"
    some = [files.content(size) for size in (5000, 3 * MIB)]
    for content in some:
        files.put(0, content=content)
    forget_caches()
    places = [at for content in some for at in
              b.find(content[len(content) // 2:][:64])]
    for at in places:
        b.rule("read", "eio", at=(at & ~4095, (at | 4095) + 1))
    check(f"{name}: both are on that disk", len(places) >= 2, places)
    files.verify(name)
    forget_caches()
    for _ in range(2):  # the first one finds what nobody happened to read
        ctl("storage", "scrub", "--wait")
        forget_caches()
    check(f"{name}: the disk was asked", any(b.met()), b.met())
    files.verify(f"{name}, scrubbed")
    trusted_again(nexus, name)
    scrubbed(name)
    b.mend()


def only_on(disk, files):
    """Paths of what has no copy on another one."""
    nodes = {v["node"] for v in volumes() if v["disk"] == disk}
    ids = {f["id"] for f in placement() if f["chunks"] and all(
        r["volume"] in nodes for c in f["chunks"] for r in c["replicas"])}
    return [path for path in files.sums if json.loads(
        must(CTL, "fs", "stat", path, "-o", "json"))["id"] in ids]


def hangs(nexus, files, _state, _a, b):
    """It does not answer to writes, for HANG_S if it is not mended; nor to
    reads then, for a loop device does one thing after the other."""
    name = "a disk hangs"
    for _ in range(4):
        files.put(5000, replicas=1)
    here = only_on(A, files)
    check(f"{name}: some files are on the other alone", here)
    b.rule("write", f"hang {HANG_S}000")
    over = time.monotonic() + HANG_S
    result = []
    user = threading.Thread(target=lambda: result.append(files.put(700000)))
    user.start()
    check(f"{name}: who writes there waits",
          until(30, lambda: b.met()[0] > 0), b.met())
    said = [files.read(f) for f in here]
    said += [p.stderr for p in (ctl("fs", "mkdir", f"/d{i}")
                                for i in range(5)) if p.returncode]
    said += [ctl("fs", "ls", "/").stderr for _ in range(5)]
    check(f"{name}: others read, list and make folders meanwhile",
          not any(said), said)
    check(f"{name}: while it hangs", time.monotonic() < over)
    b.mend()
    user.join()
    check(f"{name}: who waited is served", not result[0][1], result)
    trusted_again(nexus, name)
    files.verify(f"{name}, mended")


def slow(nexus, files, _state, _a, b):
    """A second for each write, which is no fault."""
    name = "a slow disk"
    b.rule("write", "wait 1000", has="SLOWFAULT")
    result = []
    user = threading.Thread(
        target=lambda: result.append(files.put(5000, "SLOWFAULT")))
    user.start()
    check(f"{name}: it takes its time",
          until(30, lambda: b.met()[0] > 0), b.met())
    said = [files.put(5000)[1] for _ in range(3)]
    user.join()
    check(f"{name}: everybody is served", not any(said) and not result[0][1],
          f"{said} {result}")
    b.mend()
    check(f"{name}: and it is well", until(60, trusted),
          f"{storage()} {volumes()}")


def no_sync(nexus, files, _state, a, b):
    """What cannot be made durable anywhere is not acknowledged."""
    name = "syncs fail"
    for d in (a, b):
        d.rule("flush", "eio")
    said = [files.put(size, name=f"/nosync{size}")[1]
            for size in (5000, 700000)]
    check(f"{name} everywhere: it is refused, in words",
          all(said) and not any("without a word" in w for w in said), said)
    check(f"{name} everywhere: both disks were asked",
          a.met()[0] > 0 and b.met()[0] > 0, f"{a.met()} {b.met()}")
    check(f"{name} everywhere: nothing has that name",
          all(ctl("fs", "stat", f"/nosync{size}").returncode != 0
              for size in (5000, 700000)))
    killed(nexus, name, files, a, b)


def killed(nexus, name, files, *faulty):
    """While the disks fail yet; nothing that was in memory alone is left."""
    with open(os.path.join(nexus.state, "nexus.env"), encoding="utf-8") as f:
        pid = next(int(line.split("=")[1]) for line in f
                   if line.startswith("NEXUS_PID_storaged="))
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has given up itself
    for d in faulty:
        d.mend()
    nexus.stop()
    for d in faulty:
        d.unmount()
    forget_caches()
    for d in faulty:
        d.mount()
    nexus.start()
    check(f"{name}: after a new start all proves well",
          until(120, trusted), f"{storage()} {volumes()}\n{log(nexus)}")
    p = files.put(5000)
    check(f"{name}: and it stores", not p[1], p)
    files.verify(f"{name}, started anew")


# --- below the catalogue ------------------------------------------------------

def refused(files, state, name, word):
    """What cannot be committed."""
    said = [files.put(5000, name=f"/{word}{i}")[1] for i in range(3)]
    check(f"{name}: the disk was asked", state.met()[0] > 0, state.met())
    check(f"{name}: what is written is refused, in words",
          all(said) and not any("without a word" in w for w in said), said)


def catalogue_writes(nexus, files, state, _a, _b):
    """Of one page only: the file system around it is well."""
    name = "the catalogue's writes fail"
    state.rule("write", "eio", has="CATALOGUEFAULT")
    refused(files, state, name, "CATALOGUEFAULT")
    state.mend()
    check(f"{name}: mended, it is back by itself", until(
        90, lambda: ctl("fs", "ls", "/").returncode == 0), log(nexus))
    p = files.put(5000)
    check(f"{name}: and stores", not p[1], p)
    files.verify(name)


def catalogue_syncs(nexus, files, state, _a, _b):
    name = "the catalogue's syncs fail"
    state.rule("flush", "eio")
    refused(files, state, name, "nosync-catalogue")
    killed(nexus, name, files, state)


STEPS = [writes_fail, reads_fail, slow, hangs, no_sync, catalogue_writes,
         catalogue_syncs]


def main():
    print(f"# NEXUS_SEED={SEED}", flush=True)
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    if why := cannot():
        check(f"disks that fail # SKIP {why}", True)
        return finish()
    folder = tempfile.mkdtemp(prefix="faults.", dir=BUILD)
    nexus, files, all_disks = Nexus(folder), Files(folder), []
    # What is mounted later shall be seen by whom we start.
    must("mount", "--make-rshared", "/")
    must("mount", "-t", "tmpfs", "srv", "/srv")
    try:
        for name, at in (("state", nexus.state), ("a", A), ("b", B)):
            all_disks.append(FaultDisk(folder, name, at, 600 * MIB))
            all_disks[-1].mount()
        state, a, b = all_disks
        nexus.start()
        for at in (A, B):
            must("chown", "nexus-storage", at)
        nexus.stop()
        nexus.configure(
            f"\n[storaged]\naway_grace = 5\nbase_size = 128M\nbase_max = 2\n"
            f"disks = {A}, {B}\nquota = 100G\nscrub_rate = 1G\n"
            "scrub_cpu = 100\n")
        nexus.start()
        check("each of two disks has a volume", until(
            90, lambda: {A, B} <= {v["disk"] for v in volumes()
                                   if v["state"] == "good"}), volumes())
        for size in (5, 5000, 300000, 700000, 11 * MIB):
            files.put(size)
        check("files are stored", len(files.sums) == 5)
        for step in STEPS:
            step(nexus, files, state, a, b)
        p = ctl("storage", "check", "--wait")
        check("the catalogue's check finds nothing", p.returncode == 0,
              p.stdout + p.stderr)
        check("it stops well", nexus.stop() == 0)
    except RuntimeError as e:
        check("what must work", False, f"{e}\n{log(nexus)}")
    finally:
        for d in all_disks:
            try:
                d.mend()
            except OSError:
                pass
        if nexus.process and nexus.process.poll() is None:
            try:
                nexus.stop()
            except subprocess.TimeoutExpired:
                nexus.process.kill()
        for d in all_disks:
            d.end()
        lab.run("umount", "-l", "/srv")
        must("rm", "-rf", "--one-file-system", folder)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
