"""Disks that fail when they are told to: faultdisk.c with a loop device and a file
system over it. Not a test by itself.
"""
import mmap
import os
import subprocess
import time

BUILD = os.environ.get("BUILD") or os.path.abspath("build")
FUSEDISK = os.path.join(BUILD, "tests/integration/faultdisk")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout.strip()


class FaultDisk:
    """A file system at @at, and what shall become of what it reads and writes."""

    def __init__(self, folder, name, at, size):
        self.at = at
        self.image = os.path.join(folder, name + ".disk")
        self.fuse = os.path.join(folder, name + ".fuse")
        self.device = self.server = None
        os.makedirs(self.fuse)
        os.makedirs(at, exist_ok=True)
        with open(self.image, "wb") as f:
            f.truncate(size)
        self.serve()
        run("mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", "-E",
            "nodiscard,lazy_itable_init=0", os.path.join(self.fuse, "disk"))

    def serve(self):
        self.server = subprocess.Popen([FUSEDISK, self.fuse, self.image],
                                       stderr=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while not os.path.exists(os.path.join(self.fuse, "disk")):
            if self.server.poll() is not None or time.monotonic() > until:
                raise RuntimeError("faultdisk did not start")
            time.sleep(0.02)

    def mount(self):
        disk = os.path.join(self.fuse, "disk")
        subprocess.run(["e2fsck", "-p", disk], capture_output=True,
                       check=False)
        self.device = run("losetup", "--find", "--show", disk)
        run("mount", "-o", "errors=remount-ro", self.device, self.at)

    def unmount(self):
        run("umount", self.at)
        self.detach()

    def detach(self):
        run("losetup", "--detach", self.device)
        self.device = None

    def end(self):
        """Whatever it is in the middle of."""
        try:
            self.mend()
        except OSError:
            pass
        subprocess.run(["umount", "-l", self.at], capture_output=True,
                       check=False)
        if self.device:
            subprocess.run(["losetup", "--detach", self.device], check=False)
        subprocess.run(["umount", "-l", self.fuse], check=False)
        if self.server:
            try:
                self.server.wait(20)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()

    # --- what shall become of it ----------------------------------------------

    def control(self, line):
        fd = os.open(os.path.join(self.fuse, "control"), os.O_WRONLY)
        try:
            os.write(fd, line.encode())
        finally:
            os.close(fd)

    def rule(self, op, action, at=None, has=None):
        """See faultdisk.c."""
        self.control(f"{op} {action}" + (f" at {at[0]} {at[1]}" if at else "")
                     + (f" has {has}" if has else ""))

    def mend(self):
        self.control("mend")

    def met(self):
        """How often each rule was."""
        fd = os.open(os.path.join(self.fuse, "control"), os.O_RDONLY)
        try:
            return [int(n) for n in os.read(fd, 4096).split()]
        finally:
            os.close(fd)

    def find(self, needle):
        """Where on the disk @needle is, each time."""
        found = []
        with open(self.image, "rb") as f, mmap.mmap(
                f.fileno(), 0, prot=mmap.PROT_READ) as data:
            at = data.find(needle)
            while at >= 0:
                found.append(at)
                at = data.find(needle, at + 1)
        return found


def forget_caches():
    """What is read next comes from the disks."""
    run("sh", "-c", "sync; echo 3 >/proc/sys/vm/drop_caches")


def cannot():
    """Why there can be no such disk, or None."""
    return None if os.path.exists("/dev/fuse") else "this machine has no FUSE"
