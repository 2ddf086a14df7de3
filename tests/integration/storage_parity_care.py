#!/usr/bin/python3
# needs: nothing
# limit: 500
"""Care for files with parity, over six disks: what a folder wants is said and
heard over HTTP, a bit that rots in a part is found and healed by one cycle of
scrubbing, and a catalogue that is lost is made anew with all of it, on volumes
that are encrypted in the middle of it too.
"""
import hashlib
import json
import os
import random
import sys
import tempfile

import storage_parity as lab
from storage_disks import Nexus, ctl, must, storage, until, volumes
from storage_parity import BUILD, CTL, info
from tap import check, finish

MIB = 1 << 20
KEY = "0123456789abcdef" * 4


# --- what folders want, over HTTP --------------------------------------------

def policy(http, path):
    a = http.ask("GET", "/api/fs/policy?path=" + path)
    return a.json if a.status == 200 else a.status


def want(http, path, **what):
    a = http.call("/api/fs/policy", {"path": path, **what}, "PUT")
    return a.json if a.status == 200 else (a.status, a.json["error"])


def put(http, path, body):
    a = http.ask("PUT", "/api/fs/file?path=" + path, body)
    if a.status != 201:
        raise RuntimeError(f"PUT {path}: {a.status} {a.body}")


def stripes(http, path):
    stat = http.ask("GET", "/api/fs/stat?path=" + path).json
    return http.ask("GET", "/api/files/" + stat["id"]).json.get("erasure")


def all_wants(http):
    return [policy(http, p) for p in ("/", "/two", "/two/in", "/two/in/four")]


def over_http(http):
    http.sign_up()
    http.call("/api/fs/mkdir", {"path": "/two/in/four", "parents": True})
    check("nobody wants anything", all_wants(http) ==
          [{"policy": "the default"}] * 4, all_wants(http))
    check("2+1 is wanted", want(http, "/two", erasure="2+1") ==
          {"policy": "2+1", "erasure": "2+1", "from": "/two"})
    check("4+2 below it", want(http, "/two/in/four", erasure="4+2") ==
          {"policy": "4+2", "erasure": "4+2", "from": "/two/in/four"})
    check("two copies", want(http, "/", replicas=2) ==
          {"policy": "2 replicas", "replicas": 2, "from": "/"})
    check("each folder says what holds and where from",
          [(w["policy"], w["from"]) for w in all_wants(http)] ==
          [("2 replicas", "/"), ("2+1", "/two"), ("2+1", "/two"),
           ("4+2", "/two/in/four")], all_wants(http))
    for what, status, word in (
            ({}, 400, "inherit"), ({"erasure": "1+1"}, 400, "2+1"),
            ({"erasure": "2+1", "replicas": 2}, 400, "either"),
            ({"replicas": 9}, 400, "replicas"),
            ({"erasure": "6+3"}, 409, "9 active volumes")):
        got = want(http, "/two", **what)
        check(f"{what} is refused, and why", got[0] == status and
              word in got[1], got)
    check("of what is not there", policy(http, "/no") == 404 and
          want(http, "/no", replicas=1)[0] == 404)
    put(http, "/two/in/f", os.urandom(3 * MIB))
    put(http, "/two/in/four/f", os.urandom(3 * MIB))
    put(http, "/f", os.urandom(3 * MIB))
    check("what comes is kept like that",
          [stripes(http, p) for p in ("/two/in/f", "/two/in/four/f", "/f")] ==
          ["2+1", "4+2", None])
    check("of a file it is none", want(http, "/f", replicas=1)[0] == 409)
    was = all_wants(http)
    http.ask("DELETE", "/api/fs/delete?path=/two")
    check("deleted it is not there", policy(http, "/two") == 404)
    http.call("/api/fs/restore", {"path": "/two"})
    check("restored it wants what it wanted", all_wants(http) == was,
          all_wants(http))
    check("none of its own any more", want(http, "/", inherit=True) ==
          {"policy": "the default"})
    return all_wants(http)


# --- what rots ---------------------------------------------------------------

def images():
    for top in [os.environ["NEXUS_STATE"], *lab.DISKS]:
        for folder, _, names in os.walk(top):
            yield from (os.path.join(folder, n) for n in names
                        if n.endswith(".img"))


def flip(needle):
    """One bit of it on each image that has it; how many."""
    n = 0
    for path in images():
        with open(path, "r+b", buffering=0) as f:
            at = f.read().find(needle)
            if at >= 0:
                os.pwrite(f.fileno(), bytes([needle[7] ^ 4]), at + 7)
                os.fsync(f.fileno())
                n += 1
    return n


def store(load, path, size):
    content = random.Random(path).randbytes(size)
    file = os.path.join(load.folder, "store")
    with open(file, "wb") as f:
        f.write(content)
    must(CTL, "-q", "fs", "put", file, path)
    load.files[path] = hashlib.sha256(content).hexdigest()
    return content


def scrubbed(load):
    rot = 0
    for path, k in (("/two/rot", 2), ("/four/rot", 4)):
        content = store(load, path, 10 * MIB)
        # In each part at another place, so that all can be made again.
        for part in range(k):
            at = part * (10 * MIB // k) + part * 65536 * 2 + 1000
            rot += flip(content[at:at + 64])
    check("a bit flips in each part of data", rot == 6, rot)
    p = ctl("storage", "scrub", "--wait")
    now = json.loads(must(CTL, "status", "-o", "json"))["scrub"]
    check("one cycle finds them all, and all is well", p.returncode == 0 and
          now["bad"] == 6 and now["missing"] == 0, f"{p.stderr} {now}")
    check("each was made of the others", storage()["repaired"] == 6, storage())
    check("no file is damaged",
          json.loads(must(CTL, "file", "ls", "--damaged", "-o", "json")) == [])
    p = ctl("storage", "scrub", "--wait")
    now = json.loads(must(CTL, "status", "-o", "json"))["scrub"]
    check("the next one finds nothing", p.returncode == 0 and now["bad"] == 0,
          now)


# --- encrypted, and lost -----------------------------------------------------

def write_key(nexus):
    path = os.path.join(nexus.state, "etc/storage.key")
    with open(path, "w") as f:
        f.write(KEY + "\n")
    os.chmod(path, 0o600)
    must("chown", "nexus-storage:nexus-storage", path)


def encrypted(nexus, load):
    write_key(nexus)
    nexus.configure("encryption = on\ncompression = zstd\n"
                    "encryption_key = /mnt/nexus/etc/storage.key\n")
    check("it stops well", nexus.stop() == 0)
    nexus.start()
    check("with encryption on all volumes are good", until(
        60, lambda: all(v["state"] == "good" and v.get("encrypted")
                        for v in volumes())), volumes())
    content = store(load, "/four/sealed", 10 * MIB + 5)
    store(load, "/two/sealed", 12 * MIB)
    check("what comes is not to be found on a disk",
          flip(content[1000:1064]) == 0)


def lost(load):
    import storage_rebuild as rebuild
    check("the catalogue is on two disks",
          rebuild.eventually(lambda: rebuild.copies() == 2))
    rebuild.kill_with(rebuild.delete_database)
    check("the catalogue is lost", rebuild.eventually(rebuild.lost))
    p = ctl("storage", "rebuild")
    check("and made anew", p.returncode == 0, p.stdout + p.stderr)
    check("storaged goes on", until(120, lambda: all(
        v["state"] == "good" for v in volumes()) and volumes()), volumes())
    load.verify("with another catalogue")
    for name in ("rot", "sealed"):
        for path, words in ((f"/two/{name}", "2+1 over 3 disks"),
                            (f"/four/{name}", "4+2 over 6 disks")):
            check(f"{path} is kept with {words}",
                  info(path).get("spread") == words, info(path))


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    folder = tempfile.mkdtemp(prefix="parity.", dir=BUILD)
    nexus = Nexus(folder)
    load = lab.Load(folder)
    try:
        lab.begin(nexus, "")
        import http_api as http
        http.ok = lambda good, name, why="": check(name, good, why)
        wants = over_http(http)
        for path, policy_ in (("/two", "2+1"), ("/four", "4+2")):
            must(CTL, "fs", "mkdir", path)
            must(CTL, "fs", "policy", path, policy_)
        scrubbed(load)
        encrypted(nexus, load)
        lost(load)
        check("folders want what they wanted", all_wants(http) == wants,
              all_wants(http))
        lab.checked()
        check("it stops well", nexus.stop() == 0)
    except RuntimeError as e:
        check("what must work", False, e)
    finally:
        lab.clear(nexus, load)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
