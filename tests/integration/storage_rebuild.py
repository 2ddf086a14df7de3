#!/usr/bin/python3
# limit: 900
"""The catalogue is lost under a running Nexus, and made anew from the disks.

Uploads are acknowledged, storaged is killed in the middle of more of them, and
storage.db is deleted, or pages of it are overwritten, a sample of them by a
seed. Nothing is served as if it were all there was: everybody is told which
command to use. After that command everything that was acknowledged is back,
under its name and with its bytes.
"""
import hashlib
import json
import os
import random
import sys
import threading
import time
import urllib.error
import urllib.request

import storage_damage as lab
from storage_damage import ctl, must
from tap import check, finish

STATE = os.environ["NEXUS_STATE"]
DB = os.path.join(STATE, "storage", "storage.db")
SEED = int(os.environ.get("NEXUS_SEED", "0")) or random.randrange(1 << 32)
PAGES = 6   # 64 and more: storaged_ledger_test
PAGE = 4096


def status():
    return json.loads(must("status", "-o", "json"))


def copies():
    return lab.find(status(), "catalogue_copies")


def eventually(what, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        try:
            if what():
                return True
        except (RuntimeError, ValueError):
            pass
        time.sleep(0.2)
    return False


class Load:
    """Uploads in threads; what was acknowledged is remembered."""

    def __init__(self):
        self.there = {}      # id -> digest
        self.lock = threading.Lock()
        self.stop = False
        self.n = 0

    def one(self, seed):
        path = lab.make(1 + int.from_bytes(
            hashlib.sha256(seed.encode()).digest()[:2], "big"), seed)
        try:
            code, out, _ = ctl("-q", "file", "upload", path)
            if code == 0:
                with open(path, "rb") as f:
                    digest = hashlib.sha256(f.read()).hexdigest()
                with self.lock:
                    self.there[out.strip()] = digest
        finally:
            os.unlink(path)

    def run(self, name):
        n = 0
        while not self.stop:
            n += 1
            self.one(f"{name}-{n}")

    def __enter__(self):
        self.stop = False
        self.n += 1
        self.threads = [threading.Thread(
            target=self.run, args=(f"l{self.n}-{i}",)) for i in range(3)]
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        for t in self.threads:
            t.join()

    def missing(self):
        """Those that are not listed, or have other bytes."""
        listed = {f["id"] for f in json.loads(
            must("file", "ls", "-o", "json"))}
        bad = [i for i in self.there if i not in listed]
        return bad or [i for i in list(self.there)[-40:]
                       if not self.same(i)]

    def same(self, file):
        back = os.path.join(lab.TMP, "back")
        if ctl("file", "download", file, back)[0] != 0:
            return False
        with open(back, "rb") as f:
            data = f.read()
        os.unlink(back)
        return hashlib.sha256(data).hexdigest() == self.there[file]


def kill_with(change):
    """Kills storaged, changes what is on disk, and kills the one that was
    started meanwhile, so that the next one begins with that; and waits until it
    says what it makes of it."""
    lab.kill_storaged()
    change()
    lab.kill_storaged()
    return eventually(answers, 120)


def lost():
    code, out, err = ctl("volume", "ls")
    return code != 0 and "nexusctl storage rebuild" in err


def answers():
    return ctl("volume", "ls")[0] == 0 or lost()


def delete_database():
    for suffix in ("", "-wal"):
        try:
            os.unlink(DB + suffix)
        except FileNotFoundError:
            pass


def health():
    try:
        urllib.request.urlopen(os.environ["NEXUS_URL"] + "/api/health")
        return 200
    except urllib.error.HTTPError as e:
        return e.code
    except OSError:
        return None


def rebuild(what):
    code, out, err = ctl("storage", "rebuild")
    check(f"{what}: the command makes it anew", code == 0, out + err)
    check(f"{what}: and storaged goes on", lab.wait_for_storaged())
    return out


def test_deleted(load):
    with load:
        check("deleted: uploads are acknowledged meanwhile",
              eventually(lambda: len(load.there) > 20, 120))
        lab.kill_storaged()
        delete_database()
        lab.kill_storaged()
        # It may have been started once more before the deletion was done.
        check("deleted: nothing is served, and the command is named",
              eventually(lost), ctl("volume", "ls"))
    code, out, err = ctl("file", "upload", os.path.abspath(__file__))
    check("deleted: an upload is refused like that too",
          code != 0 and "storage rebuild" in err, out + err)
    code, out, err = ctl("status")
    check("deleted: so is the status", "storage rebuild" in out + err,
          out + err)
    rebuild("deleted")
    check(f"deleted: all {len(load.there)} acknowledged are back",
          not load.missing(), load.missing())
    code, out, err = ctl("storage", "check", "--wait")
    check("deleted: and agree with each other", code == 0, out + err)
    check("deleted: nothing is rebuilt that is there",
          ctl("storage", "rebuild")[0] != 0)


def damage(page):
    with open(DB, "r+b", buffering=0) as f:
        f.seek(page * PAGE)
        f.write(random.Random(SEED + page).randbytes(PAGE))


def test_damaged(load):
    """Whatever page it is: it is found, and nothing acknowledged is lost."""
    rng = random.Random(SEED)
    served = rebuilt = 0
    bad = []
    for n in range(PAGES):
        load.one(f"d-{n}")
        check_now = eventually(lambda: copies() >= 1)
        if not check_now:
            bad.append((n, "no copy"))
            break
        lab.kill_storaged()
        page = rng.randrange(max(1, os.path.getsize(DB) // PAGE))
        if n == 0:
            page = 0
        damage(page)
        lab.kill_storaged()
        up = eventually(answers, 120)
        code, out, err = ctl("storage", "check", "--wait") if up else (1, "", "")
        if code == 0:
            served += 1   # the page was rewritten from the log, or is free
        else:
            # Who came upon the page has ended, and comes back knowing it.
            eventually(answers, 120)
            code, out, err = ctl("storage", "rebuild")
            rebuilt += 1
            if code != 0 or not lab.wait_for_storaged():
                bad.append((page, out + err))
                break
        if n % 3 == 2 or n == 0:
            missing = load.missing()
            if missing:
                bad.append((page, missing))
                break
    print(f"# seed {SEED}: {rebuilt} of {PAGES} rebuilt, {served} were well")
    check(f"{PAGES} pages, each overwritten: all is back", not bad, bad)
    # How many is chance: pages in the log, and free ones, cost nothing.
    check("damaged: some of them had to be rebuilt", rebuilt > 0)
    check("damaged: all are there at the end", not load.missing())
    code, out, err = ctl("storage", "check", "--wait")
    check("damaged: and agree", code == 0, out + err)


def main():
    load = Load()
    os.mkdir(lab.TMP, 0o700)
    print(f"# seed {SEED}")
    try:
        check("a base volume carries the catalogue",
              eventually(lambda: copies() >= 1))
        test_deleted(load)
        test_damaged(load)
    except RuntimeError as e:
        check("a command that must work", False, e)
    finally:
        for file in load.there:
            ctl("file", "delete", file)
        for f in os.listdir(os.path.dirname(DB)):
            if f.startswith("storage.db.lost-"):
                os.unlink(os.path.join(os.path.dirname(DB), f))
        for f in os.listdir(lab.TMP):
            os.unlink(os.path.join(lab.TMP, f))
        os.rmdir(lab.TMP)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
