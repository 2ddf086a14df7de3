"""The disk under everything whose writes are remembered, and what is left of it
when its power goes. Not a test by itself.
"""
import contextlib
import json
import os
import random
import shutil
import struct
import subprocess
import time

BUILD = os.environ["BUILD"]
HEADER = struct.Struct("<QII")
WRITE, FLUSH = 1, 2
SECTOR = 4096  # written whole or not at all
MKFS = ["mkfs.ext4", "-q", "-F", "-b", "4096", "-E",
        "nodiscard,lazy_itable_init=0,lazy_journal_init=0"]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def mounted(image, at):
    """The file system in @image, through a loop device."""
    os.makedirs(at, exist_ok=True)
    device = run("losetup", "--find", "--show", "--sector-size", str(SECTOR),
                 image).strip()
    try:
        run("mount", "-t", "ext4", device, at)
        try:
            yield
        finally:
            run("umount", at)
    finally:
        run("losetup", "--detach", device)


@contextlib.contextmanager
def recorded(where, size, at):
    """A new file system at @at, everything written to it in @where/log."""
    image, log = os.path.join(where, "live"), os.path.join(where, "log")
    fuse = os.path.join(where, "fuse")
    os.makedirs(fuse, exist_ok=True)
    with open(image, "wb") as f:
        f.truncate(size)
    disk = os.path.join(fuse, "disk")
    with subprocess.Popen([os.path.join(BUILD, "tests/integration/logdisk"),
                           fuse, image, log]) as server:
        try:
            until = time.monotonic() + 10
            while not os.path.exists(disk):
                if server.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("logdisk did not start")
                time.sleep(0.02)
            run(*MKFS, disk)
            with mounted(disk, at):
                yield log
        finally:
            subprocess.run(["umount", fuse], check=False)
            server.wait(10)
    os.unlink(image)


class Log:
    """The records of a log, and images of the disk at any point of it."""

    def __init__(self, path, size):
        self.file = open(path, "rb")
        self.size = size
        self.records = []  # (end in the log, kind, offset, length, data)
        at = 0
        while True:
            head = os.pread(self.file.fileno(), HEADER.size, at)
            if len(head) < HEADER.size:
                break
            offset, length, kind = HEADER.unpack(head)
            data = at + HEADER.size
            at = data + length
            self.records.append((at, kind, offset, length, data))

    def close(self):
        self.file.close()

    def up_to(self, cut):
        """How many records there are before @cut."""
        low, high = 0, len(self.records)
        while low < high:
            mid = (low + high) // 2
            if self.records[mid][0] <= cut:
                low = mid + 1
            else:
                high = mid
        return low

    def apply(self, to, first, last):
        for _, kind, offset, length, data in self.records[first:last]:
            if kind == WRITE:
                os.pwrite(to, os.pread(self.file.fileno(), length, data),
                          offset)

    def lose_half(self, to, first, last, chance):
        """Of what was written since the last flush half the sectors arrived,
        in any order."""
        parts = []
        for _, kind, offset, length, data in self.records[first:last]:
            if kind == WRITE:
                parts += [(offset + i, min(SECTOR, length - i), data + i)
                          for i in range(0, length, SECTOR)
                          if chance.random() < 0.5]
        chance.shuffle(parts)
        for offset, length, data in parts:
            os.pwrite(to, os.pread(self.file.fileno(), length, data), offset)


class Cuts:
    """Images at points that only grow: the durable part is kept and added to."""

    def __init__(self, log, where):
        self.log = log
        self.base, self.image = (os.path.join(where, name)
                                 for name in ("base", "image"))
        with open(self.base, "wb") as f:
            f.truncate(log.size)
        self.done = 0

    def make(self, cut, lossy, seed):
        """The image of a disk that lost its power at @cut. @lossy: with what
        its cache had."""
        end = self.log.up_to(cut)
        flushed = end
        while flushed > 0 and self.log.records[flushed - 1][1] != FLUSH:
            flushed -= 1
        base = os.open(self.base, os.O_RDWR)
        self.log.apply(base, self.done, flushed)
        os.close(base)
        self.done = max(self.done, flushed)
        run("cp", "--sparse=always", self.base, self.image)
        image = os.open(self.image, os.O_RDWR)
        if lossy:
            self.log.lose_half(image, flushed, end, random.Random(seed))
        else:
            self.log.apply(image, flushed, end)
        os.close(image)
        return self.image


def entries_of(answer):
    """The names of the files in a folder, of the answer to ls."""
    return [entry["name"] for entry in json.loads(answer)]


def cannot(where):
    """Why there can be no such disk at @where, or None."""
    if not os.path.exists("/dev/fuse"):
        return "this machine has no FUSE"
    if shutil.disk_usage(where).free < 4 << 30:
        return "4 GiB have to be free"
    return None
