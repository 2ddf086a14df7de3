#!/usr/bin/python3
# limit: 900
"""nexusctl state export: one JSON object that says where everything is.

Each chunk's file must be on every disk where the export says so, with the size
and the MD5 it says, and together they are the file.
"""
import hashlib
import json
import os
import secrets
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import census  # noqa: E402
from modelled import ask, insist  # noqa: E402
from tap import check, finish  # noqa: E402

CTL = os.path.join(os.environ["NEXUS_BIN"], "nexusctl")
TMP = os.path.join(os.environ.get("TMPDIR", "/tmp"),
                   "nexus-export." + secrets.token_hex(8))
NAME = f"exp{os.getpid() % 100000}"
CHUNK = 10 << 20
SMALL = 256 << 10  # up to this they are records of segments


def must(*words):
    p = subprocess.run([CTL, *words], capture_output=True)
    if p.returncode != 0:
        raise RuntimeError(f"nexusctl {' '.join(words)}: {p.stderr.decode()}")
    return p.stdout.decode()


def register():
    """A user called NAME."""
    mail = f"{NAME}@example.org"
    ask("POST", "/auth/register/init", {
        "Username": NAME, "Password": "correct horse battery", "Email": mail})

    def code():
        new = os.path.join(os.environ["NEXUS_MAIL"], "new")
        for file in os.listdir(new):
            text = census.read(os.path.join(new, file))
            if mail in text:
                return re.findall(r"\b\d{6}\b", text.split("\n\n", 1)[1])[0]
        return None
    ask("POST", "/auth/register/verify", {"Email": mail, "Code": insist(code)})


def storaged_pids():
    """Of this Nexus."""
    parent = os.environ["NEXUS_PID_nexus_up"]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/status", encoding="utf-8") as f:
                about = dict(line.split(":", 1) for line in f)
        except OSError:
            continue
        if about["Name"].strip() == "storaged" and \
                about["PPid"].strip() == parent:
            yield pid


def stores():
    """{volume: directory} of the chunks, through what storaged holds open:
    nothing of them is mounted where others could see it."""
    found = {}
    for pid in storaged_pids():
        for fd in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{fd}"
            try:
                if os.readlink(path) != "/chunks":
                    continue
                device = os.stat(path).st_dev
                at = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"
                with open(at + "/loop/backing_file", encoding="utf-8") as f:
                    image = os.path.basename(f.read().strip())
            except OSError:
                continue
            found[image.removesuffix(".img")] = path
    return found


def content(chunk, disks):
    """The bytes of @chunk from every replica; they must be the same."""
    copies = set()
    for replica in chunk["replicas"]:
        with open(os.path.join(disks[replica["volume"]], chunk["id"]),
                  "rb") as f:
            copies.add(f.read())
    if len(copies) != 1:
        raise RuntimeError(f"chunk {chunk['id']}: {len(copies)} contents")
    return copies.pop()


def check_file(file, expected, replicas, disks):
    chunks = file["chunks"]
    whole = b""
    good = [c["index"] for c in chunks] == list(range(len(chunks))) and \
        len(chunks) == -(-len(expected) // CHUNK)
    for chunk in chunks:
        data = content(chunk, disks)
        states = {r["state"] for r in chunk["replicas"]}
        volumes = {r["volume"] for r in chunk["replicas"]}
        good = good and len(data) == chunk["size"] and \
            hashlib.md5(data).hexdigest() == chunk["md5"] and \
            chunk["condition"] == "good" and states == {"good"} and \
            len(volumes) == replicas
        whole += data
    check(f"{file['place']}: its chunks are where they are said to be",
          good and whole == expected, json.dumps(file))


def run():
    raw = os.path.join(TMP, "raw")
    # Its second chunk is too large for a segment: both have files.
    data = os.urandom(CHUNK + 512345)
    with open(raw, "wb") as f:
        f.write(data)
    # Room for what others left, too, which may come here.
    node = json.loads(must("node", "create", NAME, "--storage", "256M",
                           "-o", "json"))["id"]
    register()
    users = json.loads(must("user", "ls", "-o", "json"))
    owner = [u["id"] for u in users if u["username"] == NAME][0]
    try:
        two = json.loads(must("file", "upload", raw, "--replicas", "2",
                              "--user", NAME, "-o", "json"))["id"]
        must("fs", "mkdir", f"/{NAME}/deep", "--parents", "--user", NAME)
        must("fs", "put", raw, f"/{NAME}/deep/copy", "--replicas", "1",
             "--user", NAME)
        state = json.loads(must("state", "export"))
        check("three objects", set(state) == {"nodes", "files", "trees"},
              list(state))
        check("the node", node in [n["id"] for n in state["nodes"]])
        files = {f["place"]: f for f in state["files"]}
        disks = stores()
        check("the raw file", files["raw"]["id"] == two and
              files["raw"]["owner"] == owner, files)
        check_file(files["raw"], data, 2, disks)
        check_file(files[f"/{NAME}/deep/copy"], data, 1, disks)
        every = [(c, r) for f in state["files"] for c in f["chunks"]
                 for r in c["replicas"] if c["size"] > SMALL]
        missing = [c["id"] for c, r in every if not os.path.exists(
            os.path.join(disks.get(r["volume"], "/nowhere"), c["id"]))]
        check(f"all {len(every)} replicas are there", not missing, missing)
        top = [e for e in state["trees"][NAME]["entries"]
               if e["name"] == NAME]
        deep = top[0]["entries"][0]
        check("the tree", deep["name"] == "deep" and
              deep["entries"][0]["id"] == files[f"/{NAME}/deep/copy"]["id"],
              top)
        must("fs", "rm", f"/{NAME}", "--user", NAME)
        must("file", "delete", two, "--user", NAME)
        state = json.loads(must("state", "export"))
        check("what is deleted is gone",
              two not in [f["id"] for f in state["files"]] and
              f"/{NAME}/deep/copy" not in [f["place"] for f in state["files"]])
    finally:
        for words in (["node", "delete", node, "--force"],
                      ["user", "delete", NAME]):
            subprocess.run([CTL, *words], capture_output=True)


def main():
    os.makedirs(TMP)
    try:
        run()
    finally:
        for name in os.listdir(TMP):
            os.unlink(os.path.join(TMP, name))
        os.rmdir(TMP)
    return finish()


sys.exit(main())
