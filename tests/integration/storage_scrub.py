#!/usr/bin/python3
# limit: 900
"""Scrubbing under a running Nexus.

A bit that rots on the disk of a file nobody reads is found and healed by a
cycle of scrubbing; with no good copy left the file is named, and stays named.
"""
import json
import os
import sys

import storage_damage as lab
from storage_damage import MIB, ctl, find, must
from tap import check, finish

PREFIX = f"scr{os.getpid() % 100000}"


def scrub_status():
    return json.loads(must("status", "-o", "json"))["scrub"]


def damaged():
    return json.loads(must("file", "ls", "--damaged", "-o", "json"))


def test_heals(path, needle, file, holders):
    repaired = find(lab.storage(), "repaired") or 0
    check("a bit flips on one of the disks", lab.flip(holders[0], needle))
    status, out, err = ctl("storage", "scrub", "--wait")
    check("a cycle goes to its end, and all is well", status == 0, out + err)
    now = scrub_status()
    check("it says what it found", now["bad"] == 1 and now["missing"] == 0,
          json.dumps(now, indent=1))
    check("and how far it is", now["ended_at"] >= now["began_at"] > 0 and
          now["chunks"] >= 2 and now["bytes"] > 3 * MIB and
          now["oldest"] >= now["began_at"] - 1, json.dumps(now, indent=1))
    status, out, err = ctl("status")
    check("people are told too", status == 0 and "all read since" in out and
          "1 replica found bad" in out, out + err)
    status, out, err = ctl("status", "--all")
    check("with all there is", status == 0 and "All read since" in out,
          out + err)
    check("the replica was rewritten",
          find(lab.storage(), "repaired") == repaired + 1)
    check("no file is damaged", not damaged(), damaged())
    good, why = lab.same(path, file)
    check("and the file is what it was", good, why)
    check("a cycle finds nothing more", ctl("storage", "scrub", "--wait")[0] == 0
          and scrub_status()["bad"] == 0, scrub_status())


def test_names(needle, file, holders):
    for n in holders:
        lab.flip(n, needle)
    # Else it is healed from what memory still has.
    check("storaged reads from the disk again", lab.forget_caches([PREFIX]))
    for _ in range(2):
        status, out, err = ctl("storage", "scrub", "--wait")
        check("with no good copy left it fails, and says where to look",
              status == 9 and "--damaged" in err, f"{status} {out}{err}")
        check("both were found", scrub_status()["bad"] == 2, scrub_status())
        check("the file is named", [f["id"] for f in damaged()] == [file],
              damaged())
    must("file", "delete", file)
    check("until it is deleted", not damaged() and
          ctl("storage", "scrub", "--wait")[0] == 0)


def main():
    os.mkdir(lab.TMP, 0o700)
    try:
        must("node", "create", PREFIX, "--storage", "160M")
        node = json.loads(must("node", "inspect", PREFIX, "-o", "json"))
        path = lab.make(3 * MIB, PREFIX + "rot")
        needle = open(path, "rb").read()[MIB:MIB + 64]
        file = must("-q", "file", "upload", path, "--replicas", "2")
        holders = [n for n in [find(node, "id"), *lab.base_volumes()]
                   if lab.flip_possible(n, needle)]
        check("a file has its replicas on two volumes", len(holders) == 2,
              holders)
        test_heals(path, needle, file, holders)
        test_names(needle, file, holders)
    except RuntimeError as e:
        check("a command that must work", False, e)
    finally:
        ctl("node", "delete", PREFIX, "--force")
        for f in os.listdir(lab.TMP):
            os.unlink(os.path.join(lab.TMP, f))
        os.rmdir(lab.TMP)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
