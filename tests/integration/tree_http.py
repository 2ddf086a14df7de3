#!/usr/bin/env python3
"""What the tree promises over HTTP: conditions of writes, copies, what clients
say of files, lists and searches."""
import concurrent.futures
import os
import sys
import time
import urllib.parse

sys.dont_write_bytecode = True
import http_api
from http_api import ask, call, equal


def put(path, body, **headers):
    """@headers: if_match="..." and so on; waits where there is no place."""
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    while True:
        a = ask("PUT", "/api/fs/file?path=" + path, body, headers)
        if a.status != 429:
            return a
        time.sleep(0.01)


def race(n, threads, writer):
    """writer(i) for all i below n, by so many at once; the results."""
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return list(pool.map(writer, range(n)))


def add_one(i):
    while True:
        a = ask("GET", "/api/fs/download?path=/counter")
        b = put("/counter", b"%d" % (int(a.body) + 1),
                if_match=a.headers["ETag"])
        if b.status != 412:
            return b.status


def conditions():
    got = race(1000, 24, lambda i: put("/winner", b"%d" % i,
                                       if_none_match="*").status)
    equal("1,000 writers race, one wins", (got.count(201), got.count(412)),
          (1, 999))
    put("/counter", b"0")
    got = race(64, 8, add_one)
    equal("a counter by compare and swap loses nothing",
          (set(got), ask("GET", "/api/fs/download?path=/counter").body),
          ({201}, b"64"))
    tag = ask("HEAD", "/api/fs/download?path=/counter").headers["ETag"]
    for headers, wanted in (({"if_match": "W/" + tag}, 412),
                            ({"if_match": '"x", "%s"' % ("y" * 300)}, 412),
                            ({"if_match": tag[1:-1]}, 400),
                            ({"if_match": tag, "if_none_match": "*"}, 400),
                            ({"if_none_match": tag}, 400),
                            ({"if_match": ", ".join(['"x"'] * 9)}, 400),
                            ({"if_match": '"x", ' + tag}, 201)):
        equal("a PUT with %.60s" % headers,
              put("/counter", b"64", **headers).status, wanted)
    equal("nothing is there to match",
          put("/nothing", b"", if_match="*").status, 412)
    delete = "/api/fs/delete?path=/counter"
    a = ask("DELETE", delete, headers={"If-Match": '"x"'})
    equal("another than was to be deleted", (a.status, a.json["error"][:10]),
          (412, '"/counter"'))
    a = call("/api/fs/move", {"old_path": "/winner", "new_path": "/counter"})
    equal("a move onto something", a.status, 409)
    equal("the one that was to be deleted", ask("DELETE", delete, headers={
        "If-Match": tag}).status, 200)


def copy(old, new, **more):
    return call("/api/fs/copy", {"old_path": old, "new_path": new, **more})


def copies():
    data = os.urandom(11 << 20)
    put("/orig", data)
    for i in range(50):
        call("/api/fs/mkdir", {"path": "/d/%d/e" % i, "parents": True})
        put("/d/%d/small" % i, b"%d" % i)
    copy("/orig", "/d/0/e/big")
    a = copy("/d", "/d2")
    equal("a folder is copied", (a.status, a.json["files"], a.json["folders"]),
          (200, 51, 101))
    used = http_api.usage()
    a = copy("/d", "/d2")
    equal("not twice", (a.status, http_api.usage()), (409, used))
    equal("nor into itself", copy("/d", "/d/x").status, 400)
    equal("nor what is not there", copy("/none", "/n").status, 404)
    equal("a file not over another",
          copy("/orig", "/d2/0/small").status, 409)
    equal("if it is not said", copy("/orig", "/d2/0/small",
                                    replace=True).status, 200)
    for path in ("/orig", "/d"):
        ask("DELETE", "/api/fs/delete?path=" + path)
    for path in ("/d2/0/e/big", "/d2/0/small"):
        a = ask("GET", "/api/fs/download?path=" + path)
        equal(path + " outlives what it was copied from", a.body == data, True)
    equal("each of them", ask("GET", "/api/fs/download?path=/d2/49/small").body,
          b"49")
    got = race(40, 8, lambda i: copy("/d2/1/small", "/raced").status)
    equal("copies race, one wins", got.count(200), 1)


SAID = {"Content-Type": "text/markdown; charset=utf-8",
        "X-Nexus-Mtime": "1700000000.123456789",
        "X-Nexus-Meta-Color": "blau", "x-nexus-meta-Owner.x": "caf\u00e9".encode()}


def told(path, method="GET"):
    h = ask(method, "/api/fs/download?path=" + path).headers
    return (h["Content-Type"], h["X-Nexus-Mtime"], h["Last-Modified"],
            h["X-Nexus-Meta-Color"],
            (h["X-Nexus-Meta-Owner.X"] or "").encode("latin-1").decode())


def abouts():
    wanted = (SAID["Content-Type"], SAID["X-Nexus-Mtime"],
              "Tue, 14 Nov 2023 22:13:20 GMT", "blau", "caf\u00e9")
    for size in (0, 5, 48 << 10, 300000):
        a = ask("PUT", "/api/fs/file?path=/said", b"x" * size, SAID)
        equal("what is said of %d bytes is kept" % size,
              (a.status, told("/said"), told("/said", "HEAD")),
              (201, wanted, wanted))
    call("/api/fs/copy", {"old_path": "/said", "new_path": "/copied"})
    call("/api/fs/move", {"old_path": "/copied", "new_path": "/moved"})
    equal("by copy and move, too", told("/moved"), wanted)
    a = ask("GET", "/api/fs/stat?path=/moved").json
    equal("and shown", (a["content_type"], a["mtime"], a["metadata"]),
          (wanted[0], wanted[1], {"color": "blau", "owner.x": "caf\u00e9"}))
    listed = [e for e in ask("GET", "/api/fs/ls").json if e["name"] == "moved"]
    equal("in lists without metadata", (listed[0]["mtime"],
          "metadata" in listed[0]), (wanted[1], False))
    a = ask("PUT", "/api/fs/file?path=/moved", b"",
            {"X-Nexus-Mtime": "-1.5", "X-Nexus-Meta-Big": "y" * 8000,
             "X-Nexus-Meta-Other": "y" * 8000})
    equal("another upload says anew", told("/moved"), (
        "application/octet-stream", "-1.5", "Wed, 31 Dec 1969 23:59:58 GMT",
        None, ""))
    before = ask("GET", "/api/account").json
    ask("PUT", "/api/fs/file?path=/moved", b"")
    after = ask("GET", "/api/account").json
    equal("metadata counts", before["counted"] -
          after["counted"], 8000 * 2 + 3 + 5 + 4 - 4096)
    for headers in ({"X-Nexus-Mtime": "yesterday"}, {"X-Nexus-Mtime": "1.2.3"},
                    {"X-Nexus-Mtime": "9" * 11}, {"X-Nexus-Mtime": ""},
                    {"Content-Type": "nonsense"},
                    {"X-Nexus-Meta-a/b": "x"}, {"X-Nexus-Meta-%": "x"},
                    {"X-Nexus-Meta-A": b"\xff"},
                    {"X-Nexus-Meta-%d" % i: "z" * 510 for i in range(32)},
                    {"X-Nexus-Meta-%d" % i: "z" for i in range(33)}):
        a = ask("PUT", "/api/fs/file?path=/bad", b"x", headers)
        equal("refused: %.40s" % headers, (a.status, ask(
            "GET", "/api/fs/stat?path=/bad").status), (400, 404))


def pages(query):
    got, after = [], ""
    while True:
        a = ask("GET", "/api/fs/ls?path=/l&%s%s" % (query, after))
        if a.status != 200 or len(a.json) > 7:
            return a.status, len(a.json)
        got += [e["name"] for e in a.json]
        if not a.headers["X-Nexus-Next"]:
            return got
        after = "&after=" + a.headers["X-Nexus-Next"]


def lists():
    sizes = {"n%d %% \u00e9" % i: (i * 7) % 20 for i in range(20)}
    call("/api/fs/mkdir", {"path": "/l/sub/deep", "parents": True})
    call("/api/fs/mkdir", {"path": "/empty"})
    for name, size in sizes.items():
        put("/l/" + urllib.parse.quote(name), b"x" * size)
    put("/l/sub/deep/x.txt", b"123")
    names = sorted(list(sizes) + ["sub"], key=lambda n: n.encode())
    by_size = sorted(names, key=lambda n: (sizes.get(n, 3), n.encode()))
    for query, wanted in (("limit=7", names), ("limit=7&sort=name", names),
                          ("limit=7&reverse=true", names[::-1]),
                          ("limit=7&sort=size", by_size),
                          ("limit=6&sort=size&reverse=true", by_size[::-1])):
        equal("a list with %s" % query, pages(query), wanted)
    equal("by time", sorted(pages("limit=7&sort=time&reverse=true")),
          sorted(names))
    for query in ("sort=color", "limit=251", "limit=x", "reverse=maybe",
                  "sort=size&after=x"):
        equal("not with %s" % query, ask("GET", "/api/fs/ls?path=/l&" + query)
              .status, 400)
    sub = [e for e in ask("GET", "/api/fs/ls?path=/l").json
           if e["name"] == "sub"][0]
    equal("folders are counted", (sub["files"], sub["folders"], sub["size"]),
          (1, 1, 3))

    def find(query):
        a = ask("GET", "/api/fs/find?" + query)
        return [e["path"] for e in a.json] if a.status == 200 else a.status
    equal("found by name", find("name=*.txt"), ["l/sub/deep/x.txt"])
    equal("below a folder", find("path=/l/sub&match=**/x.*"), ["deep/x.txt"])
    equal("folders", find("path=/l&type=folder"), ["sub", "sub/deep"])
    equal("by size", len(find("path=/l&type=file&min_size=10")), 10)
    equal("nothing", find("path=/empty"), [])
    equal("nowhere", find("path=/nowhere"), 404)
    equal("of no type", find("type=socket"), 400)
    equal("of no time", find("since=yesterday"), 400)


def main():
    http_api.sign_up()
    node = call("/api/nodes", {"name": http_api.NAME, "storage_size": "256M",
                               "memory_mb": 64}).json.get("id")
    conditions()
    copies()
    abouts()
    lists()
    for e in ask("GET", "/api/fs/ls").json:
        ask("DELETE", "/api/fs/delete?path=/" + e["name"])
    equal("nothing is used in the end", http_api.usage(), (0, 0, 0))
    equal("nor a node", ask("DELETE", "/api/nodes/%s?force=true" %
                            node).status, 200)
    http_api.sign_out()
    print("1..%d" % http_api.number)
    return http_api.failed != 0


sys.exit(main())
