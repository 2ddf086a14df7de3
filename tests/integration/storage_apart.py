#!/usr/bin/python3
# limit: 300
"""A node's volume is two images: the node fills its own and uploads go on, files
fill what there is for chunks and the node goes on; df speaks of the node's own.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

from tap import check, finish

MIB = 1 << 20
SIZE = 96


def ctl(*args, **kw):
    return subprocess.run(["nexusctl", *args], capture_output=True, text=True,
                          **kw)


def must(*args):
    p = ctl(*args)
    if p.returncode != 0:
        raise RuntimeError(f"nexusctl {' '.join(args)}: {p.stderr}{p.stdout}")
    return p.stdout.strip()


def in_node(node, script):
    return ctl("node", "exec", node, "--", "/bin/sh", "-c", script)


def volume(node):
    return {v["node"]: v
            for v in json.loads(must("volume", "ls", "-o", "json"))}[node]


def df(node):
    """Size and what is free at /data, in bytes."""
    line = in_node(node, "df -B1 --output=size,avail /data | tail -n 1")
    return [int(n) for n in line.stdout.split()]


def upload(folder, mib, replicas=1):
    path = os.path.join(folder, "up")
    with open(path, "wb") as f:
        for _ in range(mib):
            f.write(os.urandom(MIB))
    return ctl("-q", "file", "upload", path, "--replicas", str(replicas))


def until(seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.3)
    return False


def remove(*files):
    for file in files:
        must("file", "delete", file)


def sizes(node, state):
    v = volume(node)
    size, free = df(node)
    check("df in the node says what it was given",
          0.75 * SIZE * MIB < size <= SIZE * MIB, size)
    check("volume ls has both sizes",
          int(v["own"]) == SIZE * MIB and int(v["size"]) == SIZE * MIB, v)
    for name in (f"{node}.img", f"{node}.node.img"):
        st = os.stat(os.path.join(state, "volumes", name))
        check(f"{name.partition('.')[2]} is allocated in full",
              st.st_size == SIZE * MIB and st.st_blocks * 512 >= st.st_size)
    return free


def fill_its_own(node):
    """What it says of /data then, and what is free for chunks before and after:
    more than once, for what others left may just have come."""
    for _ in range(10):
        before = int(volume(node)["free"])
        p = in_node(node, "cat /dev/zero >/data/junk 2>/dev/null; sync; "
                          "df -B1 --output=avail /data | tail -n 1")
        after = int(volume(node)["free"])
        if abs(after - before) < MIB:
            break
        in_node(node, "rm /data/junk")
        time.sleep(2)
    return p, before, after


def the_node_fills_its_own(node, folder):
    p, before, after = fill_its_own(node)
    check("the node has filled /data", int(p.stdout) < MIB,
          p.stdout + p.stderr)
    check("which took nothing of what there is for chunks",
          abs(after - before) < MIB, f"{before} {after}")
    p = upload(folder, 20, 2)
    check("uploads go on", p.returncode == 0, p.stderr)
    file = p.stdout.strip()
    p = ctl("file", "download", file, os.path.join(folder, "down"))
    check("and can be read", p.returncode == 0, p.stderr)
    remove(file)
    in_node(node, "rm /data/junk")


def files_fill_the_rest(node, folder):
    """With two copies of each one is here, for there is one volume beside it,
    the platform's, or two."""
    files, refused = [], ""
    free = df(node)[1]
    end = time.monotonic() + 120
    while int(volume(node)["free"]) >= 14 * MIB and time.monotonic() < end:
        p = upload(folder, 10, 2)
        if p.returncode == 0:
            files.append(p.stdout.strip())
        else:  # the history of others has to make room first
            refused = p.stderr
            time.sleep(1)
    check("files have filled what there is for chunks",
          int(volume(node)["free"]) < 14 * MIB, f"{volume(node)} {refused}")
    check("which took nothing from the node", abs(df(node)[1] - free) < MIB)
    p = in_node(node, f"head -c {40 * MIB} /dev/urandom >/data/more && "
                      "sync && wc -c </data/more")
    check("the node goes on", p.stdout.strip() == str(40 * MIB),
          p.stdout + p.stderr)
    for word in ("stop", "start"):
        p = ctl("node", word, node)
        check(f"node {word}", p.returncode == 0, p.stderr)
    p = in_node(node, "wc -c </data/more")
    check("and has what it had", p.stdout.strip() == str(40 * MIB), p.stderr)
    remove(*files)


def run(state, folder):
    name = f"apart{os.getpid()}"
    must("node", "create", name, "--storage", f"{SIZE}M")
    node = json.loads(must("node", "inspect", name, "-o", "json"))["id"]
    sizes(node, state)
    the_node_fills_its_own(node, folder)
    files_fill_the_rest(node, folder)
    p = ctl("node", "delete", node, "--force")
    check("the node is deleted", p.returncode == 0, p.stderr)
    check("and neither image is left", until(30, lambda: not [
        f for f in os.listdir(os.path.join(state, "volumes"))
        if f.startswith(node)]))


def main():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        try:
            run(os.environ["NEXUS_STATE"], folder)
        except RuntimeError as e:
            check("a command that must work", False, e)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
