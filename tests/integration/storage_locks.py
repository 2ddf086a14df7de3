#!/usr/bin/python3
# limit: 600
"""A locked folder, and somebody who wants its content gone.

They have the user's token, then nexusctl as an admin; they try every way there is
to replace, move, hide or delete what is there, storaged is killed in between, and
the catalogue is made anew from the disks. New files come all the while. Only when
the user is deleted it goes too.
"""
import os
import sys
import time
import urllib.parse

sys.dont_write_bytecode = True
import http_api
import storage_damage as lab
from http_api import ask, call, equal, ok

UNTIL = int(time.time()) + 86400
TOLD = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(UNTIL))
FILES = {"/safe/kept/a": b"first" * 1000, "/safe/kept/sub/b": os.urandom(3 << 20),
         "/safe/kept/empty": b""}


def put(path, body=b"other", **headers):
    return ask("PUT", "/api/fs/file?path=" + urllib.parse.quote(path), body,
               {k.replace("_", "-"): v for k, v in headers.items()})


def form(path, body):
    """multipart/form-data, as a browser sends it."""
    line = "b" * 20
    text = "".join(f'--{line}\r\nContent-Disposition: form-data; name="{k}"{x}'
                   f"\r\n\r\n{v}\r\n" for k, x, v in (
                       ("path", "", path), ("file", '; filename="f"', body)))
    return ask("POST", "/api/fs/upload", text + f"--{line}--\r\n",
               {"Content-Type": "multipart/form-data; boundary=" + line})


def chunked(path):
    return ask("PUT", "/api/fs/file?path=" + path, iter([b"x" * 400000] * 3),
               {"Transfer-Encoding": "chunked"}, encode_chunked=True)


def delete(path):
    return ask("DELETE", "/api/fs/delete?path=" + path)


def move(old, new):
    return call("/api/fs/move", {"old_path": old, "new_path": new})


def copy(old, new):
    return call("/api/fs/copy", {"old_path": old, "new_path": new,
                                 "replace": True})


def stat(path):
    return ask("GET", "/api/fs/stat?path=" + path).json


def refused(name, a):
    ok(a.status == 403 and TOLD in a.json["error"], name,
       "%d %r" % (a.status, a.body[:200]))


def refused_ctl(name, *args):
    code, out, err = lab.ctl("--user", http_api.NAME, *args)
    ok(code != 0 and TOLD in err, name, "%d %s%s" % (code, out, err))


def all_there(when):
    bad = [p for p, data in FILES.items()
           if ask("GET", "/api/fs/download?path=" + p).body != data]
    equal("all is there " + when, bad, [])


def as_user():
    a = "/safe/kept/a"
    refused("a file is replaced", put(a))
    refused("by a large one", put(a, os.urandom(600000)))
    refused("by one without a length", chunked(a))
    refused("by a form", form(a, "x"))
    refused("by nothing", put(a, b""))
    tag = ask("HEAD", "/api/fs/download?path=" + a).headers["ETag"]
    refused("by who knows its etag", put(a, if_match=tag))
    refused("it is moved away", move(a, "/mine"))
    refused("within the folder", move(a, "/safe/kept/z"))
    refused("something is copied over it", copy("/other", a))
    refused("it is copied over itself", copy(a, a))
    refused("it is deleted", delete(a))
    refused("deleted by its id",
            ask("DELETE", "/api/files/" + stat(a)["id"]))
    refused("a folder in it is moved", move("/safe/kept/sub", "/mine"))
    refused("it itself", move("/safe/kept", "/mine"))
    refused("what it is in", move("/safe", "/mine"))
    for path in ("/safe/kept/sub", "/safe/kept", "/safe"):
        refused(path + " is deleted", delete(path))
    equal("the root is deleted", delete("/").status, 400)
    equal("the lock is shortened", lock(UNTIL - 1).status, 403)
    equal("made to end now", lock(int(time.time())).status, 400)
    equal("or never to have been", lock(0).status, 400)


def lock(until, path="/safe/kept"):
    return call("/api/fs/lock", {"path": path, "until": until}, "PUT")


def as_admin():
    local = os.path.join(lab.TMP, "local")
    with open(local, "wb") as f:
        f.write(os.urandom(300000))
    refused_ctl("an admin replaces it", "fs", "put", local, "/safe/kept/a")
    refused_ctl("in pieces", "fs", "put", local, "/safe/kept/a", "--resume")
    refused_ctl("moves it", "fs", "mv", "/safe/kept/a", "/mine")
    refused_ctl("moves something over it", "fs", "mv", "/other",
                "/safe/kept/a", "--replace")
    refused_ctl("deletes it", "fs", "rm", "/safe/kept/a")
    refused_ctl("deletes all of it", "fs", "rm", "/safe")
    code, _, err = lab.ctl("file", "delete", stat("/safe/kept/a")["id"])
    ok(code != 0 and TOLD in err, "deletes it by its id", err)
    code, _, err = lab.ctl("--user", http_api.NAME, "fs", "lock", "/safe/kept",
                           "--until", str(UNTIL - 60))
    ok(code != 0 and "nothing shortens" in err, "shortens the lock", err)
    lab.must("user", "quota", http_api.NAME, "1K")
    equal("takes the quota away: nothing more comes",
          put("/safe/kept/yet").status, 413)
    all_there("without a quota")
    lab.must("user", "quota", http_api.NAME, "1G")


def additions():
    equal("a new file comes", put("/safe/kept/new", b"new").status, 201)
    FILES["/safe/kept/new"] = b"new"
    refused("and stays", put("/safe/kept/new"))
    equal("a folder comes", call("/api/fs/mkdir", {
        "path": "/safe/kept/more/deep", "parents": True}).status, 200)
    equal("a file is moved there", move("/moved", "/safe/kept/more/m").status,
          200)
    refused("and stays too", move("/safe/kept/more/m", "/moved"))
    equal("a copy of it all", copy("/safe/kept", "/free").status, 200)
    equal("is free", delete("/free").status, 200)
    equal("what is beside it is too", delete("/safe/beside").status, 200)


def told():
    equal("stat says until when", stat("/safe/kept/sub/b")["locked_until"],
          UNTIL)
    ok("locked_until" not in stat("/other"), "of what is locked")
    equal("a list of locks", ask("GET", "/api/fs/locks").json,
          [{"path": "/safe/kept", "locked_until": UNTIL}])
    code, out, err = lab.ctl("--user", http_api.NAME, "fs", "locks")
    ok(code == 0 and "/safe/kept" in out, "nexusctl has it too", out + err)


def ready():
    """The gateway has storaged again."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if ask("GET", "/api/fs/ls").status == 200:
            return True
        time.sleep(0.1)
    return False


def is_lost():
    for _ in range(300):
        code, _, err = lab.ctl("volume", "ls")
        if code == 0 or "storage rebuild" in err:
            return code != 0
        time.sleep(0.1)
    return False


def lose_catalogue():
    db = os.path.join(os.environ["NEXUS_STATE"], "storage", "storage.db")

    def unlink():
        for suffix in ("", "-wal"):
            if os.path.exists(db + suffix):
                os.unlink(db + suffix)

    end = time.monotonic() + 120
    while not (lab.find(lab.storage(), "catalogue_copies") or 0) and \
            time.monotonic() < end:
        time.sleep(0.2)
    # One may have come up before the file was gone.
    while time.monotonic() < end:
        lab.kill_storaged()
        unlink()
        lab.kill_storaged()
        if is_lost():
            break
    code, out, err = lab.ctl("storage", "rebuild")
    ok(code == 0, "the catalogue is made anew", out + err)
    ok(lab.wait_for_storaged() and ready(), "and storaged goes on")


def main():
    os.mkdir(lab.TMP, 0o700)
    http_api.sign_up()
    node = call("/api/nodes", {"name": http_api.NAME, "storage_size": "256M",
                               "memory_mb": 64}).json.get("id")
    for folder in ("/safe/kept/sub", "/safe/beside"):
        call("/api/fs/mkdir", {"path": folder, "parents": True})
    for path, data in FILES.items():
        put(path, data)
    put("/other")
    put("/moved", b"moved")
    a = lock(UNTIL)
    equal("a folder is locked", (a.status, a.json["locked_until"]),
          (200, UNTIL))
    told()
    as_user()
    all_there("whatever its user did")
    additions()
    as_admin()
    all_there("whatever an admin did")
    ok(lab.kill_storaged() is not False and lab.wait_for_storaged() and
       ready(), "storaged is killed")
    as_user()
    lose_catalogue()
    told()
    as_user()
    all_there("after all of that")
    code, out, err = lab.ctl("storage", "check", "--wait")
    ok(code == 0, "and the catalogue agrees", out + err)
    ok(ask("DELETE", "/api/nodes/%s?force=true" % node).status == 200,
       "the node goes")
    all_there("without the node")
    code, out, err = lab.ctl("user", "delete", http_api.NAME)
    ok(code == 0, "the user is deleted", out + err)
    end = time.monotonic() + 120
    while (lab.find(lab.storage(), "removing") not in (None, False, "no") and
           time.monotonic() < end):
        time.sleep(0.2)
    code, out, err = lab.ctl("storage", "check", "--wait")
    ok(code == 0, "and nothing of it is left over", out + err)
    for f in os.listdir(lab.TMP):
        os.unlink(os.path.join(lab.TMP, f))
    os.rmdir(lab.TMP)
    print("1..%d" % http_api.number)
    return http_api.failed != 0


sys.exit(main())
