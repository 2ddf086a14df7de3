#!/usr/bin/env python3
"""Buckets over HTTP: keys of any bytes, ranges and conditions, metadata and copies,
lists, versions and locks, and what is refused."""
import concurrent.futures
import http.client
import json
import random
import sys
import time

sys.dont_write_bytecode = True
import http_api
from bucket_api import B, MIB, at, b64, b64_sha256, cut_short, get, key_of, \
    keys, md5, objects, put, quote, sha256
from http_api import ask, call, equal, ok, problem


def buckets():
    a = call("/api/buckets", {"name": B})
    equal("a bucket is made", (a.status, a.json["name"], a.json["versions"]),
          (201, B, "off"))
    problem("not twice", call("/api/buckets", {"name": B}), 409, "exists", B)
    for name in ("ab", "A" + B, "a..b", "1.2.3.4", "", "x" * 64, "xn--a"):
        equal("nor one of the name %.8r" % name,
              call("/api/buckets", {"name": name}).status, 400)
    equal("it is listed", B in [b["name"] for b in
                                ask("GET", "/api/buckets").json], True)
    equal("and is what it is", ask("GET", "/api/buckets/" + B).json["locks"],
          False)
    for body in ({}, {"days": 3}, {"versions": "off"}, {"lock": "weak"},
                 {"versions": "on", "color": "red"}):
        equal("not set to %s" % json.dumps(body), call(
            "/api/buckets/" + B, body, "PUT").status, 400)
    problem("there is no other", ask("GET", "/api/buckets/no-such-bucket"), 404,
            "not-found", "no-such-bucket")


ODD = [b"a", b"a/b", b"a//b", b"..", b"//", b"/", b" ", b"%", b"%2F", b"+",
       b"a b+c&d=e?f#g", "\u00e9\u732b".encode(), b"\xff\xfe", b"\x01\x1f\x7f",
       b"\xc0\xaf", b"k" * 1024, bytes(range(1, 256)), b"\xed\xa0\x80" * 341]


def odd_keys():
    for i, key in enumerate(ODD):
        a = put(key, b"%d" % i)
        equal("key %.20r is stored" % key,
              (a.status, key_of(a.json)), (201, key))
    for i, key in enumerate(ODD):
        a = get(key)
        equal("key %.20r is what it was" % key, (a.status, a.body),
              (200, b"%d" % i))
    equal("they are listed by their bytes", keys(), sorted(ODD))
    random.Random(1).shuffle(ODD)
    for key in ODD[:9]:
        equal("key %.20r is deleted" % key,
              ask("DELETE", at(key)).status, 200)
    what = [{"key_encoded": quote(k)} for k in ODD[9:]] + ["none"]
    a = call("/api/buckets/%s/delete" % B, {"objects": what})
    equal("the others at once", [(key_of(e), e["status"]) for e in a.json],
          [(k, 200) for k in ODD[9:]] + [(b"none", 200)])
    equal("nothing is left", objects(), [])
    for key in (b"", b"k" * 1025, b"a\0b"):
        equal("no key is %.9r" % key, (put(key, b"").status, get(key).status,
              ask("DELETE", at(key)).status), (400, 400, 400))
    problem("bytes that are no text, elsewhere", ask(
        "GET", at(b"k", version=b"\xff")), 400, "bad-path", "UTF-8")
    equal("no key at all", ask("GET", "/api/buckets/%s/object" % B).status, 400)


def contents():
    for size in (0, 1, 4096, 70000, 300000, 10 * MIB, 25 * MIB + 1):
        data = random.Random(size).randbytes(size)
        a = put(b"c", data, headers={"Content-MD5": b64(data)})
        equal("%d bytes are stored" % size, (a.status, a.json["size"]),
              (201, size))
        equal("their etag is the MD5", a.json["etag"], md5(data))
        equal("and come back", md5(get(b"c").body), md5(data))
    for first, last in ((0, 0), (5, 9), (10 * MIB - 1, 10 * MIB + 1),
                        (25 * MIB, 25 * MIB)):
        a = ask("GET", at(b"c"), headers={"Range": "bytes=%d-%d" %
                                          (first, last)})
        equal("bytes %d to %d" % (first, last), (
            a.status, a.body, a.headers["Content-Range"]), (
            206, data[first:last + 1], "bytes %d-%d/%d" % (
                first, last, len(data))))
    a = ask("GET", at(b"c"), headers={"Range": "bytes=%d-" % len(data)})
    equal("none beyond", a.status, 416)
    tag = '"%s"' % md5(data)
    for header, value, status in (
            ("If-None-Match", tag, 304), ("If-None-Match", '"x"', 200),
            ("If-Match", tag, 200), ("If-Match", '"x"', 412),
            ("If-Match", "*", 200), ("If-Match", 'W/' + tag, 412)):
        equal("GET with %s: %.5s" % (header, value), ask(
            "GET", at(b"c"), headers={header: value}).status, status)
    a = put(b"c", b"x", headers={"Content-MD5": b64(b"y")})
    equal("another content than announced changes nothing",
          (a.status, get(b"c").headers["ETag"]), (400, tag))
    a = ask("PUT", at(b"chunked"), iter([b"ab", b"c" * 9000]),
            encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    equal("chunked", (a.status, a.json["size"]), (201, 9002))
    h = ask("HEAD", at(b"chunked"))
    equal("HEAD", (h.status, h.headers["Content-Length"], h.body),
          (200, "9002", b""))
    cut_short(at(b"chunked"))
    equal("what was cut short is nothing", get(b"chunked").headers["ETag"],
          h.headers["ETag"])


def digests():
    want = {"Want-Repr-Digest": "sha-256=10"}
    for size in (0, 3000, 3000000):
        data = random.Random(size).randbytes(size)
        a = put(b"d", data, headers=want)
        equal("the SHA-256 of %d bytes that is wanted" % size,
              (a.status, a.json.get("sha256")), (201, sha256(data)))
        equal("is kept", ask("GET", at(b"d", "stat")).json.get("sha256"),
              sha256(data))
        for method, more in (("GET", {}), ("HEAD", {}),
                             ("GET", {"Range": "bytes=5-9"} if size else {})):
            equal("and told by %s" % method, ask(
                method, at(b"d"), headers=more).headers["Repr-Digest"],
                  "sha-256=:%s:" % b64_sha256(data))
    for sent, status in ((data, 201), (data[1:], 400)):
        a = put(b"d", sent, headers={
            "Repr-Digest": "sha-256=:%s:" % b64_sha256(data)})
        equal("one that is said is compared", a.status, status)
        equal("and kept, or nothing has changed", ask(
            "GET", at(b"d", "stat")).json.get("sha256"), sha256(data))
    put(b"d", data)
    equal("nobody wanted it", (ask("GET", at(b"d", "stat")).json.get("sha256"),
          get(b"d").headers["Repr-Digest"]), (None, None))
    ask("DELETE", at(b"d"))


def conditions():
    def writer(i):
        return put(b"w", b"%d" % i, headers={"If-None-Match": "*"}).status
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        got = list(pool.map(writer, range(200)))
    equal("of 200 writers one wins", (got.count(201), got.count(412)),
          (1, 199))

    def add_one(_):
        while True:
            a = get(b"n")
            b = put(b"n", b"%d" % (int(a.body) + 1),
                    headers={"If-Match": a.headers["ETag"]})
            if b.status != 412:
                return b.status
    put(b"n", b"0")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(add_one, range(60)))
    equal("60 that add one make 60", get(b"n").body, b"60")
    equal("not deleted when it is another", ask(
        "DELETE", at(b"n"), headers={"If-Match": '"x"'}).status, 412)

    def replace(i):
        return put(b"r", bytes([i % 251]) * 60000).status
    put(b"r", b"\0" * 60000)
    with concurrent.futures.ThreadPoolExecutor(9) as pool:
        writers = [pool.submit(replace, i) for i in range(120)]
        wrong = []
        while not all(w.done() for w in writers):
            a = get(b"r")
            if a.status != 200 or len(set(a.body)) != 1:
                wrong.append((a.status, a.body[:100]))
    equal("who reads what is replaced reads one of them", wrong, [])
    for key in (b"w", b"n", b"r", b"c", b"chunked"):
        ask("DELETE", at(key))


def metadata():
    said = {"Content-Type": "image/png", "X-Nexus-Mtime": "1700000000.5",
            "X-Nexus-Meta-Color": "blau"}

    def told(key, bucket=B):
        h = ask("HEAD", at(key, bucket=bucket)).headers
        return (h["Content-Type"], h["X-Nexus-Mtime"], h["X-Nexus-Meta-Color"])
    wanted = ("image/png", "1700000000.5", "blau")
    put(b"dir/meta.png", b"x", headers=said)
    equal("what is said of an object is kept", told(b"dir/meta.png"), wanted)
    a = ask("GET", at(b"dir/meta.png", "stat")).json
    equal("and shown", a["metadata"], {
        "content-type": "image/png", "mtime": "1700000000.5", "color": "blau"})
    ok("meta.png" in get(b"dir/meta.png").headers["Content-Disposition"],
       "and saved under its name")
    a = ask("POST", at(b"copy", "copy", from_key="dir/meta.png"))
    equal("a copy has it too", (a.status, a.json["etag"], told(b"copy")),
          (201, md5(b"x"), wanted))
    a = ask("POST", at(b"copy", "copy", from_key="copy", metadata="replace"),
            headers={"X-Nexus-Meta-Color": "rot"})
    equal("or what is said of the copy", (a.status, told(b"copy")),
          (201, ("application/octet-stream", None, "rot")))
    ask("PUT", "/api/fs/file?path=/tree", b"leaf", said)
    file = ask("GET", "/api/fs/stat?path=/tree").json["id"]
    a = ask("POST", at(b"leaf", "copy", from_file=file))
    equal("a file becomes an object", (a.status, get(b"leaf").body,
          told(b"leaf")), (201, b"leaf", wanted))
    ask("DELETE", "/api/fs/delete?path=/tree")
    equal("and outlives it", get(b"leaf").body, b"leaf")
    for name, wanted, more, headers in (
            ("nothing", 404, {"from_key": "none"}, None),
            ("nowhere", 404, {"from_key": "leaf", "from": "no-such-bucket"},
             None),
            ("no key", 400, {}, None),
            ("another etag", 412, {"from_key": "leaf", "from_etag": "x"}, None),
            ("over what is there", 412, {"from_key": "leaf"},
             {"If-None-Match": "*"}),
            ("some other way", 400, {"from_key": "leaf", "metadata": "x"},
             None)):
        equal("no copy of %s" % name, ask("POST", at(
            b"copy", "copy", **more), headers=headers).status, wanted)
    for headers in ({"X-Nexus-Meta-Mtime": "1", "X-Nexus-Mtime": "2"},
                    {"X-Nexus-Meta-Content-Type": "a/b",
                     "Content-Type": "a/b"}, {"X-Nexus-Mtime": "soon"}):
        equal("metadata twice, or wrong: %s" % sorted(headers), put(
            b"bad", b"x", headers=headers).status, 400)
    equal("nothing of it is there", get(b"bad").status, 404)
    for key in (b"dir/meta.png", b"copy", b"leaf"):
        ask("DELETE", at(key))


def lists():
    wanted = sorted(b"p%d/%02d" % (i % 3, i) for i in range(30)) + [b"q"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: put(k, k), wanted))
    equal("all of them", keys(), wanted)
    equal("by prefix", keys("prefix=p1/"), [k for k in wanted
                                            if k.startswith(b"p1/")])
    got = [(e["key"], e["type"]) for e in objects("delimiter=/")]
    equal("by delimiter", got, [("p0/", "prefix"), ("p1/", "prefix"),
                                ("p2/", "prefix"), ("q", "object")])
    equal("from one on", keys("start_after=p2/20"), wanted[-4:])
    equal("of a delimiter that is no text", keys("delimiter=%FF"), wanted)
    got, after, pages = [], "", 0
    while True:
        a = ask("GET", "/api/buckets/%s/objects?limit=7%s" % (B, after))
        got += [key_of(e) for e in a.json]
        pages += 1
        if not a.headers["X-Nexus-Next"]:
            break
        after = "&after=" + a.headers["X-Nexus-Next"]
    equal("page by page", (got, pages), (wanted, 5))
    for query in ("limit=0", "limit=251", "limit=x", "after=x", "versions=2",
                  "sort=size"):
        equal("not with %s" % query, objects(query), 400)
    a = call("/api/buckets/%s/delete" % B,
             {"objects": [k.decode() for k in wanted]})
    equal("all are deleted", {e["status"] for e in a.json}, {200})
    for body in ({}, {"objects": []}, {"objects": "q"}, {"objects": [1]},
                 {"objects": [{"key": "a", "key_encoded": "a"}]},
                 {"objects": [{"key_encoded": "%g"}]}, {"objects": [""]},
                 {"objects": ["a"], "force": True},
                 {"objects": ["a"], "bypass": "yes"},
                 {"objects": ["a"] * 1001}):
        equal("not %.40s" % json.dumps(body), call(
            "/api/buckets/%s/delete" % B, body).status, 400)


def versions():
    bucket = B + "v"
    call("/api/buckets", {"name": bucket, "versions": True, "locks": True})
    first = put(b"k", b"one", bucket).json["version"]
    second = put(b"k", b"two", bucket).json["version"]
    equal("each has its version", (first != second, get(
        b"k", bucket).headers["X-Nexus-Version"]), (True, second))
    equal("the old one is there", get(b"k", bucket, version=first).body, b"one")
    a = ask("DELETE", at(b"k", bucket=bucket)).json
    equal("a deletion leaves a marker", (a["marker"], get(b"k", bucket).status,
          keys("", bucket)), (True, 404, []))
    equal("which is a version", [
        (e["type"], e["version"], e["current"])
        for e in objects("versions=true", bucket)], [
        ("marker", a["version"], True), ("object", second, False),
        ("object", first, False)])
    equal("a marker has no content", get(
        b"k", bucket, version=a["version"]).status, 404)
    ask("DELETE", at(b"k", bucket=bucket, version=a["version"]))
    equal("without it the last one is back", get(b"k", bucket).body, b"two")
    until = int(time.time()) + 3600
    lock = call(at(b"k", "lock", bucket, version=second), {
        "lock": "governance", "until": until}, "PUT")
    equal("a version is locked", (lock.status, lock.json["lock"],
          lock.json["until"]), (200, "governance", until))
    equal("as its head says", ask("HEAD", at(b"k", bucket=bucket)).headers[
        "X-Nexus-Lock-Until"], str(until))
    a = ask("DELETE", at(b"k", bucket=bucket, version=second))
    problem("and not deleted", a, 403, "denied", "lock")
    a = ask("DELETE", at(b"k", bucket=bucket, version=second, bypass="true"))
    equal("unless who may says so", a.status, 200)
    call(at(b"k", "lock", bucket), {"hold": True}, "PUT")
    equal("a hold holds", ask("DELETE", at(
        b"k", bucket=bucket, version=first, bypass="true")).status, 403)
    call(at(b"k", "lock", bucket), {"hold": False}, "PUT")
    a = put(b"born", b"x", bucket, lock="governance", until=str(until))
    born = a.json["version"]
    equal("locked from birth", (a.status, ask("DELETE", at(
        b"born", bucket=bucket, version=born)).status), (201, 403))
    for more in ({"lock": "governance"}, {"until": str(until)},
                 {"lock": "weak", "until": str(until)}, {"hold": "perhaps"},
                 {"lock": "governance", "until": "1"}):
        equal("no lock of %s" % more, put(b"b", b"", bucket, **more).status,
              400)
    for body in ({}, {"until": until}, {"lock": "governance"},
                 {"lock": "governance", "until": "x"}):
        equal("nor of %s" % body, call(at(b"k", "lock", bucket), body,
                                       "PUT").status, 400)
    a = call("/api/buckets/" + bucket, {"lock": "governance", "days": 1}, "PUT")
    equal("the bucket locks all", (a.status, a.json["lock"], a.json["days"]),
          (200, "governance", 1))
    all_ = put(b"all", b"", bucket).json["version"]
    equal("as it says", ask("DELETE", at(
        b"all", bucket=bucket, version=all_)).status, 403)
    problem("it is not empty", ask("DELETE", "/api/buckets/" + bucket), 409,
            "conflict", bucket)
    left = [{"key": e["key"], "version": e["version"]}
            for e in objects("versions=true", bucket)]
    a = call("/api/buckets/%s/delete" % bucket, {"objects": left})
    equal("each is answered by itself", sorted(e["status"] for e in a.json),
          [200, 403, 403])
    call("/api/buckets/%s/delete" % bucket, {"objects": left, "bypass": True})
    equal("an empty one goes", ask("DELETE", "/api/buckets/" + bucket).status,
          200)


def strangers():
    """Another user's bucket and uploads are not found."""
    put(b"mine", b"x")
    upload = call("/api/uploads", {"name": "mine"}).json["id"]
    parts = ask("POST", at(b"m", "uploads")).json["id"]
    mine, name = http_api.token, http_api.NAME
    http_api.NAME = name + "s"
    http_api.sign_up()
    for method, path, body in (
            ("GET", "/api/buckets/" + B, None),
            ("PUT", "/api/buckets/" + B, '{"versions":"on"}'),
            ("DELETE", "/api/buckets/" + B, None),
            ("GET", "/api/buckets/%s/objects" % B, None),
            ("GET", "/api/buckets/%s/uploads" % B, None),
            ("GET", at(b"mine"), None), ("GET", at(b"mine", "stat"), None),
            ("PUT", at(b"mine"), b"y"), ("DELETE", at(b"mine"), None),
            ("POST", at(b"n", "uploads"), None),
            ("POST", at(b"n", "copy", from_key="mine"), None),
            ("PUT", at(b"mine", "lock"), '{"hold":true}'),
            ("POST", "/api/buckets/%s/delete" % B, '{"objects":["mine"]}'),
            ("GET", "/api/uploads/" + upload, None),
            ("PUT", "/api/uploads/%s?offset=0" % upload, b"y"),
            ("POST", "/api/uploads/%s/finish" % upload, '{"size":0}'),
            ("DELETE", "/api/uploads/" + upload, None),
            ("GET", "/api/uploads/%s/parts" % parts, None),
            ("PUT", "/api/uploads/%s/parts?number=1" % parts, b"y")):
        equal("a stranger's %s %s" % (method, path[:40]),
              ask(method, path, body).status, 404)
    equal("nor made", call("/api/buckets", {"name": B}).status, 409)
    equal("a stranger has none", (ask("GET", "/api/buckets").json, ask(
        "GET", "/api/uploads").json), ([], []))
    http_api.token, http_api.NAME = mine, name
    equal("all is as it was", get(b"mine").body, b"x")
    problem("and without a token", anonymous(at(b"mine")), 401,
            "unauthenticated", "token")
    ask("DELETE", at(b"mine"))
    ask("DELETE", "/api/uploads/" + upload)
    ask("DELETE", "/api/uploads/" + parts)


def anonymous(path):
    c = http.client.HTTPConnection(http_api.url.hostname, http_api.url.port,
                                   timeout=60)
    c.request("GET", path)
    a = http_api.Answer(c.getresponse())
    c.close()
    return a


def main():
    http_api.sign_up()
    node = call("/api/nodes", {"name": http_api.NAME, "storage_size": "256M",
                               "memory_mb": 64}).json.get("id")
    buckets()
    odd_keys()
    contents()
    digests()
    conditions()
    metadata()
    lists()
    versions()
    strangers()
    equal("the bucket goes", ask("DELETE", "/api/buckets/" + B).status, 200)
    equal("nothing is used in the end", http_api.usage(), (0, 0, 0))
    equal("nor a node", ask("DELETE", "/api/nodes/%s?force=true" %
                            node).status, 200)
    print("1..%d" % http_api.number)
    return http_api.failed != 0


sys.exit(main())
