#!/usr/bin/python3
# limit: 1200
"""Encryption and compression under a running Nexus.

Switched on, nothing that is stored from then on is found on the disks, and what
was there before is read as ever. The model's users, with daemons killed under
them, see no difference. Without the key everything waits, nothing is lost and
nothing is written; the key can be exchanged for another.
"""
import json
import os
import subprocess
import sys
import time

import storage_damage as lab
from storage_damage import MIB, ctl, find, must
from tap import check, finish

ETC = os.path.join(lab.STATE, "..", "etc") \
    if not os.path.exists(os.path.join(lab.STATE, "etc")) \
    else os.path.join(lab.STATE, "etc")
CONF = os.path.join(ETC, "nexus.conf")
SEEN_AS = "/mnt/nexus/etc"  # where the daemons find that directory
FIRST, SECOND = "0123456789abcdef" * 4, "fedcba9876543210" * 4
PREFIX = f"cod{os.getpid() % 100000}"
before = open(CONF).read()


def write_key(name, text):
    """As an operator has to give it: storaged's own, nobody else's."""
    path = os.path.join(ETC, name)
    with open(path, "w") as f:
        f.write(text + "\n")
    owner = os.stat(f"/proc/{lab.storaged_pid()}").st_uid
    os.chmod(path, 0o600)
    os.chown(path, owner, owner)


def restart(*lines):
    with open(CONF, "w") as f:
        f.write(before + "\n[storaged]\n" + "\n".join(lines) + "\n")
    lab.kill_storaged()
    return lab.wait_for_storaged()


def key(name):
    return f"encryption_key = {SEEN_AS}/{name}"


ON = ("encryption = on", "compression = zstd")


def on_disk(needle):
    """Images and databases that have @needle."""
    os.sync()
    found = []
    for top, _, names in os.walk(lab.STATE):
        found += [n for n in names if n.endswith((".img", ".db", "-wal")) and
                  lab.has(os.path.join(top, n), needle)]
    return found


def words(size, seed):
    """A text, which gets smaller; returns its path and a part of it."""
    path = os.path.join(lab.TMP, seed)
    line = f"{PREFIX} {seed} has nothing to hide, but not from everybody. "
    with open(path, "w") as f:
        f.write(line * (size // len(line) + 1))
    return path, line.encode()


def upload(path):
    return must("-q", "file", "upload", path)


def test_switching_on():
    text, line = words(3 * MIB, "before")
    old = upload(text)
    check("what is stored plain is found on a disk", on_disk(line))
    write_key("storage.key", FIRST)
    check("storaged starts with encryption on",
          restart(*ON, key("storage.key")))
    text2, line2 = words(30 * MIB, "after")
    noise = lab.make(12 * MIB, PREFIX + "noise")
    part = open(noise, "rb").read()[5 * MIB:5 * MIB + 64]
    files = {upload(text2): text2, upload(noise): noise, old: text}
    check("what is stored encrypted is not", not on_disk(line2),
          on_disk(line2))
    check("nor is what was random before", not on_disk(part), on_disk(part))
    for file, path in files.items():
        good, why = lab.same(path, file)
        check(f"{os.path.basename(path)} is read as it was", good, why)
    shown = lab.volumes()
    check("volumes say that they are encrypted",
          shown and all(v.get("encrypted") for v in shown), shown)
    check("a cycle of scrubbing reads all of it, and finds it well",
          ctl("storage", "scrub", "--wait")[0] == 0)
    return files


def test_model():
    env = dict(os.environ, MODEL_OPS="150", MODEL_KILLS="8")
    p = subprocess.run(
        [sys.executable, os.path.join(os.path.dirname(__file__), "model.py")],
        env=env, capture_output=True, text=True)
    check("the model's users see no difference", p.returncode == 0 and
          "\nnot ok" not in p.stdout, p.stdout + p.stderr)


def test_without_key(files):
    os.rename(os.path.join(ETC, "storage.key"), os.path.join(ETC, "away.key"))
    check("storaged starts without its key",
          restart(*ON, key("storage.key")))
    status, out, _ = ctl("status")
    check("and says what is missing",
          "storage.key cannot be opened" in out, out)
    path = next(iter(files.values()))
    status, out, err = ctl("file", "upload", path)
    check("nothing is stored", status != 0, out + err)
    status, out, err = ctl("file", "download", next(iter(files)),
                           path + ".none")
    check("nothing is read", status != 0, out + err)
    os.rename(os.path.join(ETC, "away.key"), os.path.join(ETC, "storage.key"))
    restart(*ON, key("storage.key"))
    for file, path in files.items():
        good, why = lab.same(path, file)
        check(f"with it {os.path.basename(path)} is back", good, why)


def test_exchange(files):
    write_key("next.key", SECOND)
    restart(*ON, key("next.key"),
            f"encryption_key_old = {SEEN_AS}/storage.key")
    time.sleep(1)
    os.unlink(os.path.join(ETC, "storage.key"))
    check("with another key it starts", restart(*ON, key("next.key")))
    for file, path in files.items():
        good, why = lab.same(path, file)
        check(f"which opens {os.path.basename(path)}", good, why)


def test_switching_off(files, before):
    check("off again", restart(key("next.key")))
    text, line = words(2 * MIB, "later")
    files[upload(text)] = text
    check("what is stored is plain", on_disk(line))
    for file, path in files.items():
        good, why = lab.same(path, file)
        check(f"{os.path.basename(path)} is read all the same", good, why)
    for file in files:
        must("file", "delete", file)
    end = time.time() + 120  # what the model left goes at its own pace
    while find(lab.storage(), "chunks") > before and time.time() < end:
        time.sleep(0.5)
    check("and everything can be deleted",
          find(lab.storage(), "chunks") <= before,
          f"{before} {json.dumps(lab.storage()['storage'])} {ctl('node', 'ls')[1]}"
          f" {ctl('file', 'ls')[1]}")


def main():
    if any(v.get("active") and not v.get("platform") for v in lab.volumes()):
        print("ok 1 - coded storage # SKIP there are nodes already")
        print("1..1")
        return 0
    os.makedirs(lab.TMP, exist_ok=True)
    try:
        # The history of what others deleted, for one.
        before = find(lab.storage(), "chunks")
        files = test_switching_on()
        test_model()
        test_without_key(files)
        test_exchange(files)
        test_switching_off(files, before)
    finally:
        subprocess.run(["rm", "-rf", lab.TMP], check=False)
    return finish()


sys.exit(main())
