#!/usr/bin/python3
# needs: nothing
# limit: 900
"""Bits that flip in every structure on the disks of a running Nexus.

Each kind of thing that storaged has on a disk gets a flipped bit while it runs:
nothing wrong is ever served, a cycle of scrubbing or a check finds it, it is
healed where a copy exists and named where none does.
"""
import json
import os
import random
import re
import signal
import sys
import tempfile

sys.dont_write_bytecode = True
import storage_disks as lab
from storage_disks import B, BUILD, ctl, disks, must, until, volumes
from tap import check, finish

SEED = int(os.environ.get("NEXUS_SEED", "0")) or random.randrange(1 << 32)
PAGE, KIB, MIB = 4096, 1 << 10, 1 << 20
SIZES = {"big": 3 * MIB, "small": 5000, "middle": 200000}
rng = random.Random(SEED)


def storaged():
    """Its pid: the oldest of that name under this nexus-up."""
    for line in open(os.path.join(lab_nexus.state, "nexus.env")):
        if line.startswith("NEXUS_PID_storaged="):
            pid = int(line.split("=")[1])
            if os.path.exists(f"/proc/{pid}/root/mnt"):
                return pid
    raise RuntimeError("no storaged")


lab_nexus = None


def inside(*path):
    """A path as storaged sees it."""
    return os.path.join(f"/proc/{storaged()}/root/mnt/nexus/state", *path)


def chunks(volume):
    return inside("storage/mnt", volume, "chunks")


def bases():
    return sorted(v["node"] for v in volumes() if v.get("platform"))


def flip(path, at, bit=2):
    with open(path, "r+b", buffering=0) as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 1 << bit]))
        os.fsync(f.fileno())


class Files:
    """What was stored, and whether it is still that."""

    def __init__(self, folder):
        self.folder = folder
        self.content, self.ids = {}, {}

    def store(self, name, size):
        path = os.path.join(self.folder, name)
        self.content[name] = rng.randbytes(size)
        with open(path, "wb") as f:
            f.write(self.content[name])
        self.ids[name] = must(lab.CTL, "-q", "file", "upload", path,
                              "--replicas", "2")

    def read(self, name):
        """None: as it was stored; what was said instead; never other bytes."""
        path = os.path.join(self.folder, "back")
        p = ctl("file", "download", self.ids[name], path)
        if p.returncode != 0:
            return p.stderr or "refused without a word"
        with open(path, "rb") as f:
            data = f.read()
        os.unlink(path)
        if data != self.content[name]:
            raise RuntimeError(f"{name}: other bytes were served")
        return None

    def all_well(self):
        bad = {n: why for n in self.ids for _ in range(2)
               if (why := self.read(n))}
        return bad or None

    def delete(self, name):
        must(lab.CTL, "file", "delete", self.ids.pop(name))
        self.content.pop(name)


def scrub():
    """(exit status, what it found)"""
    p = ctl("storage", "scrub", "--wait")
    s = json.loads(must(lab.CTL, "status", "-o", "json"))["scrub"]
    return p.returncode, s["bad"] + s["missing"], p.stdout + p.stderr


# --- where things are ---------------------------------------------------------

def where(volume, needle):
    """Each (path, offset) of @needle in what holds chunks on @volume: what was
    healed is still where it was before, too, and nobody's."""
    found = []
    for top, _, names in os.walk(chunks(volume)):
        for name in names if ".catalogue" not in top else []:
            path = os.path.join(top, name)
            with open(path, "rb") as f:
                data = f.read()
            at = data.find(needle)
            while at >= 0:
                found.append((path, at))
                at = data.find(needle, at + 1)
    if not found:
        raise RuntimeError(f"{needle[:8].hex()} is not on {volume}")
    return found


def data_of(name, files, at=1000):
    return files.content[name][at:at + 64]


def chunk_data(volume, files):
    return where(volume, data_of("big", files, 70000))


def record_data(volume, files):
    return where(volume, data_of("small", files))


def record_head(volume, files):
    n = rng.randrange(56)
    return [(path, at - 56 + n) for path, at in
            where(volume, files.content["small"][:64])]


def segment_header(volume, files):
    n = rng.randrange(40)
    return sorted({(path, n) for path, _ in
                   where(volume, data_of("middle", files))})


def flip_all(places):
    bit = rng.randrange(8)
    for path, at in places:
        flip(path, at, bit)


REPLICAS = [("a chunk's file", chunk_data),
            ("a record's data", record_data),
            ("a record's head", record_head),
            ("a segment's header", segment_header)]


def one_of_two(files, coded):
    for name, find in REPLICAS:
        for volume in bases():
            flip_all(find(volume, files))
            what = f"{coded}{name} on {volume}"
            check(f"{what}: all is read as it was", not files.all_well(),
                  files.all_well())
            status, found, said = scrub()
            check(f"{what}: a cycle ends well", status == 0, said)
            status, found, said = scrub()
            check(f"{what}: and leaves nothing", status == 0 and found == 0,
                  f"{found} {said}")


def found_unread(files):
    """Nobody has read it: it is the cycle that finds it."""
    for name, find in REPLICAS:
        flip_all(find(bases()[0], files))
        _, found, said = scrub()
        check(f"{name}, unread: found by the cycle", found > 0, said)
        check(f"{name}, unread: healed by it", scrub()[1] == 0)


def both(files):
    for name, find, file in (("chunks' files", chunk_data, "big"),
                             ("records' data", record_data, "small")):
        places = [find(volume, files) for volume in bases()]
        for each in places:
            flip_all(each)
        why = files.read(file)
        check(f"both {name}: refused in words",
              why and "damaged" in why, why)
        status, _, said = scrub()
        check(f"both {name}: a cycle says so", status == 9, said)
        listed = json.loads(must(lab.CTL, "file", "ls", "--damaged", "-o",
                                 "json"))
        check(f"both {name}: it is named",
              [f["id"] for f in listed] == [files.ids[file]], listed)
        files.delete(file)
        check(f"both {name}: and the others are well", not files.all_well())
        files.store(file, SIZES[file])


# --- what tells what a disk, a volume and its key are -------------------------

def identity(files):
    path = os.path.join(B, "nexus-disk")
    flip(path, os.path.getsize(path) - 5, 0)
    check("a disk's identity: it is away, and why is said",
          until(30, lambda: disks()[B]["state"] == "away" and
                disks()[B]["note"]), disks())
    check("a disk's identity: files come from the other",
          not files.all_well(), files.all_well())
    flip(path, os.path.getsize(path) - 5, 0)
    check("a disk's identity: well again when it is",
          until(60, lambda: disks()[B]["state"] == "good" and all(
              v["state"] == "good" for v in volumes())),
          f"{disks()} {volumes()}")
    check("a disk's identity: nothing was lost", not files.all_well())


def image_of(volume):
    disk = next(v["disk"] for v in volumes() if v["node"] == volume)
    top = os.path.join(os.environ["NEXUS_STATE"], "volumes") if disk == "state" \
        else os.path.join(disk, "volumes")
    return next(os.path.join(d, f) for d, _, names in os.walk(top)
                for f in names if f == volume + ".img")


def away_note(volume):
    v = next(v for v in volumes() if v["node"] == volume)
    return v["state"] != "good" and v.get("away_why")


def superblock(files):
    """Its size is what storaged itself looks at, the rest the kernel."""
    volume = next(v["node"] for v in volumes() if v["disk"] == B)
    for what, at in (("magic", 1024 + 0x38), ("size", 1024 + 0x06),
                     ("checksum", 1024 + 0x3fc)):
        image = image_of(volume)
        lab_nexus.stop()
        flip(image, at, 0)
        lab_nexus.start()
        check(f"a superblock's {what}: the volume is refused, and why is said",
              until(30, lambda: away_note(volume)), volumes())
        check(f"a superblock's {what}: files come from the other",
              not files.all_well(), files.all_well())
        lab_nexus.stop()
        flip(image, at, 0)
        lab_nexus.start()
        check(f"a superblock's {what}: well again when it is",
              until(90, lambda: all(v["state"] == "good"
                                    for v in volumes())), volumes())
        check(f"a superblock's {what}: nothing was lost",
              not files.all_well())


def inode(files):
    """The kernel finds it, by its checksum, when it reads it from the disk."""
    volume = next(v["node"] for v in volumes() if v["disk"] == B)
    path, _ = chunk_data(volume, files)[0]
    number = os.stat(path).st_ino
    image = image_of(volume)
    lab_nexus.stop()
    said = must("debugfs", "-R", f"imap <{number}>", image)
    block, offset = re.search(r"at block (\d+), offset 0x([0-9a-f]+)",
                              said).groups()
    flip(image, int(block) * PAGE + int(offset, 16) + 4)
    lab_nexus.start()
    check("an inode: files are read as they were", not files.all_well(),
          files.all_well())
    status, _, said = scrub()
    check("an inode: a cycle ends", status in (0, 9), said)
    check("an inode: what has one copy left gets another, or the volume is "
          "named", until(60, lambda: scrub()[1] == 0 or any(
              v["state"] != "good" for v in volumes())), volumes())
    check("an inode: nothing was lost", not files.all_well(),
          files.all_well())


# --- the catalogue and its copies ---------------------------------------------

def copies(volume, kind):
    top = os.path.join(chunks(volume), ".catalogue")
    names = [n for n in os.listdir(top) if n.startswith(kind)]
    return [os.path.join(top, n) for n in names]


def flip_copies(volume):
    """In a base, its sums, and the log: of a record its head, what it says of
    the one before, and its data."""
    for path in copies(volume, "base."):
        if path.endswith(".sum"):
            flip(path, rng.randrange(os.path.getsize(path)))
        else:
            for at in range(0, os.path.getsize(path), MIB // 4):
                flip(path, at + rng.randrange(PAGE))
    for path in copies(volume, "log."):
        with open(path, "rb") as f:
            data = f.read()
        for n, at in enumerate(
                at for at in range(PAGE, len(data), PAGE)
                if data[at:at + 4] not in (b"\0\0\0\0", b"")):
            flip(path, at + (8, 16, 60)[n % 3])


def database():
    return os.path.join(os.environ["NEXUS_STATE"], "storage/storage.db")


def lose_database():
    """The machine is stopped, and starts without it."""
    lab_nexus.stop()
    for suffix in ("", "-wal"):
        path = database() + suffix
        if os.path.exists(path):
            os.unlink(path)
    lab_nexus.start()


def rebuilt(what, files):
    p = ctl("storage", "rebuild")
    check(f"{what}: made anew", p.returncode == 0, p.stdout + p.stderr)
    check(f"{what}: and goes on", until(
        60, lambda: ctl("volume", "ls").returncode == 0))
    check(f"{what}: everything is there", until(
        30, lambda: not files.all_well()), files.all_well())
    p = ctl("storage", "check", "--wait")
    check(f"{what}: and agrees", p.returncode == 0, p.stdout + p.stderr)


def two_copies():
    return lab.storage()["catalogue_copies"] == 2


def ledger(files):
    for volume in bases():
        check("both disks have the catalogue", until(60, two_copies),
              lab.storage())
        flip_copies(volume)
        lose_database()
        rebuilt(f"copies of the catalogue on {volume}", files)
    check("both disks have the catalogue", until(60, two_copies))
    for volume in bases():
        flip_copies(volume)
    p = ctl("storage", "check", "--wait")
    check("copies on both: a check ends well, and made them new",
          p.returncode == 0 and until(60, two_copies), p.stdout + p.stderr)
    lose_database()
    rebuilt("copies on both, and then lost", files)


def catalogue(files):
    """A page with something on it, of the database that is in use."""
    path = database()
    lab_nexus.stop()
    with open(path, "rb") as f:
        data = f.read()
    page = next(at for at in range(PAGE, len(data), PAGE)
                if data[at] in (2, 5, 10, 13))
    lab_nexus.start()
    # the number of cells: what is not read is found all the same
    flip(path, page + 3, 7)
    p = ctl("storage", "check", "--wait")
    check("a page of the catalogue: found, and the command is named",
          p.returncode != 0 and "rebuild" in p.stdout + p.stderr +
          ctl("status").stdout, p.stdout + p.stderr)
    p = ctl("storage", "rebuild")
    if p.returncode != 0:
        until(30, lambda: ctl("storage", "rebuild").returncode == 0)
    check("a page of the catalogue: made anew", until(
        60, lambda: ctl("volume", "ls").returncode == 0), ctl("volume", "ls"))
    check("a page of the catalogue: everything is there",
          until(30, lambda: not files.all_well()), files.all_well())
    p = ctl("storage", "check", "--wait")
    check("a page of the catalogue: and agrees", p.returncode == 0,
          p.stdout + p.stderr)


# --- coded --------------------------------------------------------------------

def find_coded(volume, size):
    """The largest file or segment of coded chunks on @volume; None: all are
    on others."""
    top = os.path.join(chunks(volume), ".coded")
    found = [os.path.join(d, n) for d, _, names in os.walk(top)
             for n in names if (".segments" in d) == (size == "small")]
    return max(found, key=os.path.getsize) if found else None


def coded(files):
    key = os.path.join(lab_nexus.state, "etc/storage.key")
    with open(key, "w") as f:
        f.write("0123456789abcdef" * 4 + "\n")
    os.chmod(key, 0o600)
    must("chown", "nexus-storage", key)
    lab_nexus.stop()
    lab_nexus.configure("encryption = on\ncompression = zstd\n"
                        "encryption_key = /mnt/nexus/etc/storage.key\n")
    lab_nexus.start()
    for name, size in list(SIZES.items()):
        files.store("coded-" + name, size)
    for what, size, at in (("a coded chunk's head", "big", 20),
                           ("a coded chunk's data", "big", 100000),
                           ("a coded chunk's tag", "big", 40 + 65536 + 3),
                           ("a coded segment's header", "small", 12),
                           ("a coded record's head", "small", PAGE + 10),
                           ("a coded record's data", "small", PAGE + 500)):
        places = {v: p for v in bases() if (p := find_coded(v, size))}
        check(f"{what}: is on two volumes", len(places) >= 2, places)
        for volume, path in places.items():
            flip(path, at, rng.randrange(8))
            check(f"{what} on {volume}: all is read as it was",
                  not files.all_well(), files.all_well())
            status, _, said = scrub()
            again = scrub()
            check(f"{what} on {volume}: healed", status == 0 and
                  again[0] == 0 and again[1] == 0, f"{said} {again}")
    for volume in bases():
        path = os.path.join(chunks(volume), ".key")
        with open(path, "rb") as f:
            before = f.read()
        flip(path, rng.randrange(len(before)))
        lab_nexus.stop()
        lab_nexus.start()
        check(f"the key of {volume}: all is read as it was",
              until(60, lambda: not files.all_well()), files.all_well())
        with open(os.path.join(chunks(volume), ".key"), "rb") as f:
            check(f"the key of {volume}: written anew from the catalogue",
                  f.read() == before)


def run_all(folder):
    files = Files(folder)
    check("there are two disks, each with a volume", until(
        60, lambda: len(bases()) == 2 and all(
            v["state"] == "good" for v in volumes())), volumes())
    for name, size in SIZES.items():
        files.store(name, size)
    check("all is on two disks", until(60, lab.apart))
    one_of_two(files, "")
    found_unread(files)
    both(files)
    identity(files)
    superblock(files)
    ledger(files)
    catalogue(files)
    coded(files)
    inode(files)
    check("it stops well", lab_nexus.stop() == 0)


def make_disk(folder):
    image = f"{folder}/b.disk"
    os.makedirs(B)
    must("truncate", "-s", "400M", image)
    must("mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", image)
    must("mount", "-o", "loop,errors=remount-ro", image, B)
    must("chown", "nexus-storage", B)


def main():
    global lab_nexus
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = tempfile.mkdtemp(prefix="rot.", dir=BUILD)
    nexus = lab_nexus = lab.Nexus(folder)
    print(f"# NEXUS_SEED={SEED}", flush=True)
    must("mount", "--make-rshared", "/")
    must("mount", "-t", "tmpfs", "srv", "/srv")
    try:
        nexus.start()
        nexus.stop()
        make_disk(folder)
        nexus.configure("\n[storaged]\nbase_size = 128M\nbase_max = 2\n"
                        f"scrub_rate = 1G\nscrub_cpu = 100\ndisks = {B}\n")
        nexus.start()
        run_all(folder)
    except RuntimeError as error:
        check("what must work", False, error)
    finally:
        if nexus.process and nexus.process.poll() is None:
            nexus.stop()
        for path in (B, "/srv"):
            lab.run("umount", "-l", path)
        must("rm", "-rf", "--one-file-system", folder)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
