#!/usr/bin/python3
# limit: 600
"""Buckets and uploads in pieces under a running Nexus whose storaged is killed.

A multipart and a resumable upload go on where they were, killed in the middle of
parts and of the end; then random operations on buckets are held against a model
while storaged is killed again and again. What was acknowledged is there, what was
refused is not, and what was neither is one of the two.

BUCKET_OPS (300) is how many operations, BUCKET_SEED makes them the same again.
"""
import hashlib
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
import census
from tap import check, finish

CTL = os.path.join(os.environ["NEXUS_BIN"], "nexusctl")
OPS = int(os.environ.get("BUCKET_OPS", "300"))
SEED = int(os.environ.get("BUCKET_SEED", time.time_ns() % 1000000))
PREFIX = f"bk{os.getpid() % 100000}"
TMP = "/tmp/nexus-buckets." + secrets.token_hex(8)
MIB = 1 << 20
rng = random.Random(SEED)
clock = random.Random(SEED)  # for when to kill: another thread's
kills = 0


def ctl(*args):
    p = subprocess.run([CTL, *args], capture_output=True, text=True,
                       timeout=180)
    return p.returncode, p.stdout, p.stderr


def must(*args):
    status, out, err = ctl(*args)
    if status != 0:
        raise RuntimeError(f"{' '.join(args)}: {status} {out}{err}")
    return out


def kill_storaged():
    global kills
    pid = census.daemons().get("storaged")
    try:
        if pid:
            os.kill(pid, signal.SIGKILL)
            kills += 1
    except ProcessLookupError:
        pass


def settled():
    """Calls until storaged answers again."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if ctl("bucket", "ls")[0] == 0:
            return True
        time.sleep(0.1)
    return False


def make(size, name):
    path = os.path.join(TMP, name)
    with open(path, "wb") as f:
        while size > 0:
            n = min(size, MIB)
            f.write(rng.randbytes(n))
            size -= n
    return path


def digest(path, kind):
    h = hashlib.new(kind)
    with open(path, "rb") as f:
        while data := f.read(MIB):
            h.update(data)
    return h.hexdigest()


def md5(path):
    return digest(path, "md5")


def killer(stop, pause):
    while not stop.wait(pause()):
        kill_storaged()


class Killing:
    def __init__(self, pause):
        self.stop = threading.Event()
        self.thread = threading.Thread(target=killer, args=(self.stop, pause))

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        settled()


# --- uploads in pieces --------------------------------------------------------

def test_resumable():
    path = make(150 * MIB + 7, "resumable")
    before, goes, status = kills, 0, 1
    # Not too often: each time it has to get a chunk further.
    with Killing(lambda: 0.25 + clock.random() * 0.4):
        while status != 0 and goes < 20:
            status, out, err = ctl("file", "upload", path, "--resume",
                                   "--sha256", "--name", PREFIX + "r", "-q")
            goes += 1
    check("a file is sent though storaged is killed again and again",
          status == 0, f"after {goes} goes: {status} {out}{err}")
    print(f"# {kills - before} kills, {goes} goes", flush=True)
    got = os.path.join(TMP, "got")
    must("file", "download", out.strip(), got)
    check("and is what it was", md5(got) == md5(path))
    info = json.loads(must("file", "info", out.strip(), "-o", "json"))
    check("its SHA-256 is that of all of it",
          info.get("sha256") == digest(path, "sha256"), info)
    must("file", "delete", out.strip())
    check("nothing is left to be resumed",
          json.loads(must("upload", "ls", "-o", "json")) == [])


def test_resumed_later():
    path = make(60 * MIB, "later")
    p = subprocess.Popen([CTL, "file", "upload", path, "--resume", "--name",
                          PREFIX + "l"], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    sent = 0
    end = time.monotonic() + 30
    while sent == 0 and time.monotonic() < end:
        rows = json.loads(must("upload", "ls", "-o", "json"))
        sent = rows[0]["size"] if rows else 0
    p.kill()
    p.wait()
    kill_storaged()
    settled()
    rows = json.loads(must("upload", "ls", "-o", "json"))
    if not rows:  # it was faster
        check("a sender that died leaves what it sent # SKIP too fast", True)
        return
    check("a sender that died leaves what it sent",
          rows[0]["size"] >= sent > 0, rows)
    status, _, err = ctl("file", "upload", path, "--resume", "--sha256",
                         "--name", PREFIX + "l")
    check("not with a SHA-256 that it was begun without",
          status == 5 and "without --sha256" in err, f"{status} {err}")
    out = must("file", "upload", path, "--resume", "--name", PREFIX + "l",
               "-q").strip()
    got = os.path.join(TMP, "got")
    must("file", "download", out, got)
    check("and the next one goes on", md5(got) == md5(path))
    must("file", "delete", out)


def test_multipart(bucket):
    path = make(70 * MIB + 3, "multi")
    before, tries, done = kills, 0, False
    with Killing(lambda: 0.1 + clock.random() * 0.4):
        while tries < 12 and not done:
            tries += 1
            status, out, err = ctl("object", "put", path, bucket, "multi",
                                   "--sha256", "--part", "6M")
            done = status == 0
    if not done:
        must("object", "put", path, bucket, "multi", "--sha256", "--part",
             "6M")
    print(f"# {kills - before} kills, {tries} tries", flush=True)
    info = json.loads(must("object", "stat", bucket, "multi", "-o", "json"))
    check("a multipart upload becomes an object, once",
          info["info"]["parts"] == 12 and info["info"]["size"] ==
          70 * MIB + 3, info)
    with open(path, "rb") as f:
        sums = [hashlib.sha256(part).digest()
                for part in iter(lambda: f.read(6 * MIB), b"")]
    check("with the SHA-256 of the SHA-256s of its parts",
          info["info"].get("sha256_parts") ==
          hashlib.sha256(b"".join(sums)).hexdigest() + "-12", info)
    got = os.path.join(TMP, "got")
    must("object", "get", bucket, "multi", got)
    check("which is what was sent", md5(got) == md5(path))
    for row in json.loads(must("upload", "ls", bucket, "-o", "json")):
        must("upload", "drop", row["id"])
    must("object", "rm", bucket, "multi")
    check("what was given up is gone",
          json.loads(must("upload", "ls", bucket, "-o", "json")) == [])


# --- a model ------------------------------------------------------------------

KEYS = ["a", "a/b", "a/c", "a//b", "b", "b/..", "..", "//", "z/z/z", "z/z"]


def text_of(path):
    with open(path, "rb") as f:
        return f.read()


class Model:
    """Key -> what it may be now: contents, None for nothing."""

    def __init__(self, bucket):
        self.bucket, self.now = bucket, {}
        self.trouble, self.unsure = [], 0

    def may(self, key):
        return self.now.get(key, [None])

    def put(self, key):
        data = rng.randbytes(rng.choice([0, 1, 100, 70000, 400000]))
        path = os.path.join(TMP, "put")
        with open(path, "wb") as f:
            f.write(data)
        args = ["object", "put", path, self.bucket, key]
        new = rng.random() < 0.2
        status, _, err = ctl(*args, *(["--new"] if new else []))
        self.did(key, status, data, err, refused=new and status == 5)

    def remove(self, key):
        status, _, err = ctl("object", "rm", self.bucket, key)
        self.did(key, status, None, err)

    def did(self, key, status, after, err, refused=False):
        if status == 0:
            self.now[key] = [after]
        elif not refused:
            self.unsure += 1
            if not settled():
                self.trouble.append(f"{key}: never came back: {err}")
            self.now[key] = [*self.may(key), after]

    def get(self, key):
        path = os.path.join(TMP, "model-got")
        status, _, err = ctl("object", "get", self.bucket, key, path)
        if status == 4:
            found = None
        elif status != 0:
            settled()
            return
        else:
            found = text_of(path)
        if found not in self.may(key):
            self.trouble.append(f"{key}: {found if found is None else len(found)}"
                                f" of {[m and len(m) for m in self.may(key)]}"
                                f" {err}")
        self.now[key] = [found]

    def list(self):
        status, out, _ = ctl("object", "ls", self.bucket, "-o", "json")
        if status != 0:
            settled()
            return
        found = [bytes.fromhex(row["key"]).decode() for row in json.loads(out)]
        if found != sorted(found, key=str.encode):
            self.trouble.append(f"not sorted: {found}")
        for key in KEYS:
            there = [m for m in self.may(key) if (m is not None) ==
                     (key in found)]
            if not there:
                self.trouble.append(f"listed wrongly: {key}: {found}")


def test_model(bucket):
    model = Model(bucket)
    before = kills
    with Killing(lambda: 0.1 + clock.random() * 0.6):
        for _ in range(OPS):
            key = rng.choice(KEYS)
            rng.choice([model.put, model.put, model.remove, model.get,
                        lambda _: model.list()])(key)
    for key in KEYS:
        model.get(key)
    model.list()
    check(f"{OPS} operations while storaged is killed, seed {SEED}",
          not model.trouble, "\n".join(model.trouble))
    print(f"# {kills - before} kills, {model.unsure} operations were neither "
          "acknowledged nor refused", flush=True)
    for key in KEYS:
        must("object", "rm", bucket, key)


def main():
    bucket = PREFIX + "-bucket"
    os.mkdir(TMP, 0o700)
    try:
        must("bucket", "make", bucket)
        test_resumable()
        test_resumed_later()
        test_multipart(bucket)
        test_model(bucket)
        must("bucket", "rm", bucket)
        status, out, err = ctl("storage", "check")
        check("the catalogue agrees with itself", status == 0, out + err)
    except RuntimeError as e:
        check("a command that must work", False, e)
    finally:
        for f in os.listdir(TMP):
            os.unlink(os.path.join(TMP, f))
        os.rmdir(TMP)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
