#!/usr/bin/env python3
# limit: 600
"""What was at a path before, over HTTP and with nexusctl: versions, what was
deleted, bringing it back, giving it up, how long it is kept; and that all of it
outlives a storaged that is killed and a catalogue that is lost."""
import os
import subprocess
import sys
import time
import urllib.parse

sys.dont_write_bytecode = True
import http_api
import storage_damage
import storage_rebuild
from http_api import ask, call, equal, ok


def put(path, body, **headers):
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    for _ in range(600):
        a = ask("PUT", "/api/fs/file?path=" + urllib.parse.quote(path), body,
                headers)
        if a.status not in (429, 503):
            return a.status
        time.sleep(0.1)
    return a.status


def get(path, version=None, **headers):
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    return ask("GET", "/api/fs/download?path=" + path +
               ("&version=%s" % version if version is not None else ""),
               headers=headers)


def body(path, version=None):
    a = get(path, version)
    return a.body if a.status == 200 else a.status


def versions(path):
    a = ask("GET", "/api/fs/versions?path=" + path)
    return a.json if a.status == 200 else a.status


def deleted(path="/"):
    a = ask("GET", "/api/fs/ls?deleted=true&path=" + path)
    return a.json if a.status == 200 else a.status


def delete(path, more=""):
    return ask("DELETE", "/api/fs/delete?path=%s%s" % (path, more)).status


def restore(path, **more):
    return call("/api/fs/restore", {"path": path, **more})


def purge(path, **more):
    a = call("/api/fs/purge", {"path": path, **more})
    return (a.json["files"], a.json["folders"]) if a.status == 200 \
        else a.status


def account():
    j = ask("GET", "/api/account").json
    return j["used"], j["files"], j["folders"], j["history"]


def ctl(*args, user=None):
    p = subprocess.run(["nexusctl", *args, "--user", user or http_api.NAME],
                       capture_output=True, text=True, timeout=120)
    return p.returncode, p.stdout, p.stderr


def eventually(what, seconds=120):
    end = time.time() + seconds
    while time.time() < end:
        if what():
            return True
        time.sleep(0.3)
    return False


def test_versions():
    put("/v", b"one", X_Nexus_Meta_Colour="red", X_Nexus_Mtime="1000.5")
    old = ask("HEAD", "/api/fs/download?path=/v").headers
    put("/v", b"second")
    put("/v", b"third time")
    v = versions("/v")
    equal("what was replaced is there, the newest first",
          [(e["size"], e["why"], e["type"], e["until"] - e["gone_at"])
           for e in v], [(6, "replaced", "file", 604800),
                         (3, "replaced", "file", 604800)])
    equal("now", body("/v"), b"third time")
    equal("before", body("/v", v[0]["version"]), b"second")
    equal("and before that", body("/v", v[1]["version"]), b"one")
    one = v[1]["version"]
    a = ask("HEAD", "/api/fs/download?path=/v&version=%d" % one)
    equal("with all that was said of it",
          [a.headers[h] for h in ("ETag", "X-Nexus-Meta-Colour",
                                  "X-Nexus-Mtime", "Content-Length")],
          [old[h] for h in ("ETag", "X-Nexus-Meta-Colour", "X-Nexus-Mtime",
                            "Content-Length")])
    a = get("/v", v[0]["version"], Range="bytes=2-3")
    equal("a part of a version", (a.status, a.body), (206, b"co"))
    a = get("/v", one, If_None_Match=old["ETag"])
    equal("a version that one has", a.status, 304)
    equal("no version", body("/v", 999999999), 404)
    equal("what is no version", [body("/v", x) for x in ("0", "x", "-1")],
          [400] * 3)
    equal("counted apart", account(), (10, 1, 0, 2 * 4096))
    a = restore("/v", version=one)
    equal("something is there", a.status, 409)
    ok("replace" in a.json["error"] or "replaced" in a.json["error"],
       "it is said what to do", a.json)
    a = restore("/v", version=one, new_path="/w")
    equal("to another path", (a.status, body("/w")), (200, b"one"))
    a = ask("HEAD", "/api/fs/download?path=/w").headers
    equal("restored with what was said of it", a["X-Nexus-Meta-Colour"],
          "red")
    equal("it is no version any more", len(versions("/v")), 1)
    a = restore("/v", version=v[0]["version"], replace=True)
    equal("back to what was before", (a.status, body("/v")), (200, b"second"))
    equal("what was there is a version", [e["size"] for e in versions("/v")],
          [10])
    call("/api/fs/move", {"old_path": "/v", "new_path": "/moved"})
    equal("versions go where the file goes",
          [e["size"] for e in versions("/moved")], [10])


def test_large():
    data = os.urandom(25 << 20)
    put("/large", data)
    put("/large", b"small")
    v = versions("/large")[0]["version"]
    equal("a version of several windows", body("/large", v) == data, True)
    equal("restored", restore("/large", replace=True).status, 200)
    equal("whole", body("/large") == data, True)
    equal("gone", delete("/large", "&forever=true"), 200)
    equal("for good", versions("/large"), 404)


def test_deleted():
    call("/api/fs/mkdir", {"path": "/d/sub", "parents": True})
    for i in range(120):
        put("/d/sub/%d" % (i % 60), b"%d" % i)
    put("/d/f", b"f")
    equal("a file", delete("/d/f"), 200)
    equal("is in the trash of its folder",
          [(e["name"], e["why"]) for e in deleted("/d")], [("f", "deleted")])
    equal("and not in the list",
          [e["name"] for e in ask("GET", "/api/fs/ls?path=/d").json], ["sub"])
    before = account()
    equal("a folder", delete("/d"), 200)
    equal("what it held is listed, and what was deleted in it",
          [(e["name"], e["type"], e["version"] > 0) for e in deleted("/d")],
          [("f", "file", True), ("sub", "folder", False)])
    equal("page by page", [e["name"] for e in deleted("/d/sub")],
          sorted(str(i) for i in range(60)))
    equal("a file of it needs a folder to be in",
          restore("/d/sub/7").status, 404)
    equal("nor does a folder of it come where none is",
          restore("/d/sub").status, 404)
    a = restore("/d/sub", new_path="/sub")
    equal("a folder of it comes elsewhere, whole",
          (a.status, a.json["path"],
           [body("/sub/%d" % i) for i in range(60)]),
          (200, "/sub", [b"%d" % (60 + i) for i in range(60)]))
    equal("not over what is there",
          restore("/d/sub", new_path="/sub").status, 409)
    delete("/sub", "&forever=true")
    equal("a file of it comes elsewhere",
          (restore("/d/sub/7", new_path="/seven").status, body("/seven")),
          (200, b"67"))
    equal("it counts", account()[1:3], (before[1] - 59, before[2] - 2))
    r, out, err = ctl("fs", "ls", "/d/sub", "--deleted", "-q")
    equal("with nexusctl by name", (r, sorted(out.split())),
          (0, sorted(str(i) for i in range(60))))
    delete("/seven", "&forever=true")
    d = [e for e in deleted() if e["name"] == "d"]
    equal("is one item", [(e["type"], e["files"], e["folders"]) for e in d],
          [("folder", 60, 1)])
    after = account()
    equal("it counts no more", (before[1] - after[1], before[2] - after[2]),
          (60, 2))
    equal("what is in it is not there", body("/d/sub/1"), 404)
    call("/api/fs/mkdir", {"path": "/d"})
    equal("something is there", restore("/d", version=d[0]["version"]).status,
          409)
    a = restore("/d", version=d[0]["version"], new_path="/back")
    equal("it comes back elsewhere", (a.status, a.json["path"]),
          (200, "/back"))
    equal("whole", [body("/back/sub/%d" % i) for i in range(60)],
          [b"%d" % (60 + i) for i in range(60)])
    equal("with its versions", len(versions("/back/sub/7")), 1)
    equal("and its own trash", [e["name"] for e in deleted("/back")], ["f"])
    equal("nothing to restore", restore("/nothing").status, 404)
    equal("nowhere to", restore("/back/f", new_path="/no/f").status, 404)
    equal("nor into the root", restore("/back/f", new_path="/").status, 400)
    equal("no path", restore("").status, 400)
    equal("a path that is none", restore("/a/../b").status, 400)
    equal("no list of a file", deleted("/back/sub/1"), 409)
    equal("no cursor", ask("GET", "/api/fs/ls?deleted=perhaps").status, 400)


def test_purge():
    for i in range(3):
        put("/back/sub/0", b"x" * i)
    n = len(versions("/back/sub/0"))
    equal("one", purge("/back/sub/0",
                       version=versions("/back/sub/0")[0]["version"]), (1, 0))
    equal("the others are there", len(versions("/back/sub/0")), n - 1)
    equal("another path's", purge("/back/sub/1",
                                  version=versions("/back/sub/0")[0]
                                  ["version"]), 404)
    history = account()[3]
    equal("all below", purge("/back"), (60 - 1 + n - 1 + 1, 0))
    equal("is gone", (len(versions("/back/sub/0")), deleted("/back")), (0, []))
    equal("what is there is there", body("/back/sub/3"), b"63")
    ok(account()[3] < history, "and counts no more")
    put("/e", b"1")
    put("/e", b"2")
    equal("forever", delete("/e", "&forever=true"), 200)
    equal("with its versions", versions("/e"), 404)
    equal("nothing to purge", purge("/e"), 404)


def history(path, **what):
    a = call("/api/fs/history", {"path": path, **what}, "PUT")
    return a.json if a.status == 200 else a.status


def test_keeping():
    call("/api/fs/mkdir", {"path": "/scratch/deep", "parents": True})
    equal("off", history("/scratch", seconds=0)["seconds"], 0)
    put("/scratch/deep/f", b"1")
    put("/scratch/deep/f", b"2")
    equal("nothing is kept", versions("/scratch/deep/f"), [])
    equal("nor of what is deleted",
          (delete("/scratch/deep/f"), deleted("/scratch/deep")), (200, []))
    equal("two seconds", history("/scratch/deep", seconds=2)["own"], True)
    put("/scratch/deep/g", b"1")
    delete("/scratch/deep/g")
    ok(eventually(lambda: deleted("/scratch/deep") == []), "it goes in time")
    j = history("/scratch/deep", inherit=True)
    equal("as above", (j["seconds"], j["own"]), (0, False))
    for what in ({}, {"seconds": 1, "inherit": True}, {"seconds": 316224001},
                 {"seconds": -1}, {"seconds": "1"}):
        equal("not %r" % what, history("/scratch", **what), 400)
    equal("not of a file", history("/moved", seconds=1), 409)
    equal("not of nothing", history("/nope", seconds=1), 404)
    a = ask("GET", "/api/fs/history?path=/")
    equal("of all", (a.json["seconds"], a.json["own"]), (604800, False))


def test_ctl():
    put("/c/x", b"")
    call("/api/fs/mkdir", {"path": "/c"})
    put("/c/x", b"old")
    put("/c/x", b"new")
    r, out, err = ctl("fs", "versions", "/c/x", "-q")
    equal("versions", (r, len(out.split())), (0, 1))
    v = out.strip()
    r, out, err = ctl("fs", "get", "/c/x", "-", "--version", v)
    equal("one of them", (r, out), (0, "old"))
    r, out, err = ctl("fs", "restore", "/c/x", "--version", v)
    ok(r != 0 and "--replace" not in out and "replaced" in err,
       "something is there", (r, out, err))
    r, out, err = ctl("fs", "restore", "/c/x", "--version", v, "--to", "/c/y")
    equal("to another path", (r, body("/c/y")), (0, b"old"))
    r, out, err = ctl("fs", "rm", "/c/x")
    r, out, err = ctl("fs", "ls", "/c", "--deleted", "-q")
    equal("deleted", (r, out.split()), (0, ["x"]))
    r, out, err = ctl("fs", "restore", "/c/x")
    equal("and back", (r, body("/c/x")), (0, b"new"))
    r, out, err = ctl("fs", "rm", "--forever", "/c")
    equal("forever", (r, versions("/c")), (0, 404))
    r, out, err = ctl("fs", "purge", "/")
    equal("all of it", (r, deleted()), (0, []))
    ok(eventually(lambda: account()[3] == 0), "nothing is left of it",
       account())
    r, out, err = ctl("fs", "history", "/", "--keep", "12h")
    equal("twelve hours", (r, ask("GET", "/api/fs/history").json["seconds"]),
          (0, 43200))
    r, out, err = ctl("fs", "history", "/", "--keep", "soon")
    ok(r != 0 and "12h" in err, "what is no time", err)
    r, out, err = ctl("fs", "history", "/", "--keep", "inherit")
    equal("as for all", (r, ask("GET", "/api/fs/history").json["seconds"]),
          (0, 604800))
    p = subprocess.run(["nexusctl", "fs", "versions", "/c/y"],
                       capture_output=True, text=True, timeout=60)
    ok(p.returncode != 0, "nobody else sees any of it", p.stdout)


def then(path, name="s"):
    a = ask("GET", "/api/fs/ls?snapshot=%s&path=%s" % (name, path))
    return [(e["name"], e["size"]) for e in a.json] if a.status == 200 \
        else a.status


def in_snapshot(path, name="s"):
    a = ask("GET", "/api/fs/download?path=%s&snapshot=%s" % (path, name))
    return a.body if a.status == 200 else a.status


def snapshots():
    return [(s["name"], s["path"])
            for s in ask("GET", "/api/fs/snapshots").json]


def test_snapshots():
    call("/api/fs/mkdir", {"path": "/s/in", "parents": True})
    big = os.urandom(11 << 20)
    put("/s/f", b"then")
    put("/s/in/g", big)
    put("/beside", b"x")
    make = lambda **what: call("/api/fs/snapshots", what).status
    equal("made", make(name="s", path="/s"), 201)
    equal("no two of a name", make(name="s"), 409)
    equal("none of a file", make(name="t", path="/s/f"), 409)
    equal("none of nothing", make(name="t", path="/nope"), 404)
    equal("none without a name", make(name=""), 400)
    equal("none of such a name", make(name="a/b"), 400)
    equal("none of a long name", make(name="x" * 65), 400)
    equal("listed", snapshots(), [("s", "/s")])
    put("/s/f", b"now, and longer")
    put("/s/new", b"new")
    call("/api/fs/move", {"old_path": "/s/in", "new_path": "/moved-in"})
    delete("/moved-in/g", "&forever=true")
    delete("/moved-in", "&forever=true")
    purge("/")
    equal("what was in it", then("/s"), [("f", 4), ("in", 0)])
    equal("and below", then("/s/in"), [("g", len(big))])
    equal("a file as it was", in_snapshot("/s/f"), b"then")
    equal("a large one, moved and deleted", in_snapshot("/s/in/g") == big,
          True)
    equal("now", (body("/s/f"), body("/s/in/g")), (b"now, and longer", 404))
    equal("not what came later", in_snapshot("/s/new"), 404)
    equal("not what is beside", in_snapshot("/beside"), 404)
    equal("no folder", in_snapshot("/s/in"), 409)
    equal("no snapshot", (then("/s", "t"), in_snapshot("/s/f", "t")),
          (404, 404))
    a = ask("HEAD", "/api/fs/download?path=/s/f&snapshot=s")
    equal("asked about", a.headers["Content-Length"], "4")
    j = ask("GET", "/api/account").json
    ok(j["history_held"] >= len(big), "it is paid for", j)
    a = call("/api/fs/copy", {"old_path": "/s", "new_path": "/s2",
                              "snapshot": "s"})
    equal("restored by a copy",
          (a.status, body("/s2/f"), body("/s2/in/g") == big),
          (200, b"then", True))
    r, out, err = ctl("fs", "ls", "/s", "--snapshot", "s", "-q")
    equal("with nexusctl", (r, out.split()), (0, ["f", "in"]))
    r, out, err = ctl("fs", "get", "/s/f", "-", "--snapshot", "s")
    equal("a file", (r, out), (0, "then"))
    r, out, err = ctl("fs", "cp", "/s/f", "/f-then", "--snapshot", "s")
    equal("a copy", (r, body("/f-then")), (0, b"then"))
    r, out, err = ctl("fs", "snapshot", "create", "all")
    r, out, err = ctl("fs", "snapshot", "ls", "-q")
    equal("two", (r, out.split()), (0, ["all", "s"]))
    delete("/s2", "&forever=true")
    for name in ("all", "s"):
        r, out, err = ctl("fs", "snapshot", "rm", name)
        equal("deleted", r, 0)
    r, out, err = ctl("fs", "snapshot", "rm", "s")
    ok(r != 0 and "no snapshot" in err, "once", err)
    ok(eventually(lambda: ask("GET", "/api/account").json["history_held"] == 0),
       "nothing is held any more")
    put("/kept-then", b"then")
    equal("one that stays", make(name="stays"), 201)
    delete("/kept-then", "&forever=true")


def again():
    """The client's view, once storaged is back."""
    return eventually(lambda: isinstance(versions("/kept"), list), 180)


def test_survives():
    call("/api/fs/mkdir", {"path": "/bin/in", "parents": True})
    put("/bin/in/it", b"below")
    for i in range(3):
        put("/kept", b"%d" % i * 3000)
    delete("/bin")
    was = versions("/kept"), deleted()
    was_then = then("/", "stays")
    storage_damage.kill_storaged()
    ok(storage_damage.wait_for_storaged() and again(),
       "storaged is killed and comes back")
    equal("history is as it was", (versions("/kept"), deleted()), was)
    ok(storage_rebuild.eventually(lambda: storage_rebuild.copies() >= 1),
       "the catalogue is on a disk")
    storage_rebuild.kill_with(storage_rebuild.delete_database)
    ok(storage_rebuild.eventually(storage_rebuild.lost),
       "then it is lost")
    r = storage_damage.ctl("storage", "rebuild")
    equal("and made anew", r[0], 0)
    ok(storage_damage.wait_for_storaged() and again(), "storaged goes on")
    equal("history is as it was, from the disks",
          (versions("/kept"), deleted()), was)
    equal("a version has its bytes",
          body("/kept", was[0][1]["version"]), b"0" * 3000)
    equal("a snapshot too", (then("/", "stays"),
                              in_snapshot("/kept-then", "stays")),
          (was_then, b"then"))
    ask("DELETE", "/api/fs/snapshots?name=stays")
    equal("a folder is restored", restore("/bin").status, 200)
    equal("with what is in it", body("/bin/in/it"), b"below")
    r = storage_damage.ctl("storage", "check", "--wait")
    equal("the catalogue agrees", r[0], 0)


def main():
    http_api.sign_up()
    test_versions()
    test_large()
    test_deleted()
    test_purge()
    test_keeping()
    test_ctl()
    test_snapshots()
    test_survives()
    for e in ask("GET", "/api/fs/ls").json:
        delete("/" + e["name"], "&forever=true")
    purge("/")
    ok(eventually(lambda: account() == (0, 0, 0, 0)),
       "nothing is left in the end", account())
    state = os.path.dirname(storage_rebuild.DB)
    for f in os.listdir(state):
        if f.startswith("storage.db.lost-"):
            os.unlink(os.path.join(state, f))
    http_api.sign_out()
    print("1..%d" % http_api.number)
    return http_api.failed != 0


sys.exit(main())
