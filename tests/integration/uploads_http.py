#!/usr/bin/env python3
"""Uploads in pieces over HTTP: parts that become an object, resumable uploads that
break off and go on, and what is refused of both."""
import hashlib
import json
import random
import socket
import sys
import time

sys.dont_write_bytecode = True
import http_api
from bucket_api import B, MIB, at, b64, b64_sha256, cut_short, get, key_of, md5
from http_api import ask, call, equal, ok, problem


def multipart():
    data = random.Random(5).randbytes(12 * MIB)
    parts = [data[:5 * MIB], data[5 * MIB:10 * MIB], data[10 * MIB:]]
    a = ask("POST", at(b"whole\xff", "uploads"),
            headers={"Content-Type": "text/x", "X-Nexus-Meta-Color": "blau"})
    upload = a.json["id"]
    equal("a multipart upload", (a.status, key_of(a.json)), (201, b"whole\xff"))
    path = "/api/uploads/" + upload

    def send(i, part):
        return ask("PUT", "%s/parts?number=%d" % (path, i), part)
    send(2, b"never mind")
    got = {i: send(i, parts[i - 1]).json["etag"] for i in (3, 1, 2)}
    equal("its parts", [(p["number"], p["size"], p["etag"]) for p in
                        ask("GET", path + "/parts").json],
          [(i + 1, len(p), md5(p)) for i, p in enumerate(parts)])
    equal("it is listed", [u["id"] for u in ask(
        "GET", "/api/buckets/%s/uploads" % B).json], [upload])
    equal("nothing is there yet", get(b"whole\xff").status, 404)
    good = [{"number": i, "etag": got[i]} for i in (1, 2, 3)]
    for name, body in (
            ("nothing", {}), ("no parts", {"parts": []}),
            ("a word", {"parts": "1"}), ("no etag", {"parts": [{"number": 1}]}),
            ("what is no etag", {"parts": [{"number": 1, "etag": "x"}]}),
            ("number 0", {"parts": [dict(good[0], number=0)]}),
            ("more than there is", {"parts": good, "n": 3}),
            ("another order", {"parts": good[::-1]}),
            ("another etag", {"parts": [dict(good[0], etag=got[2])]}),
            ("one that never came", {"parts": good + [dict(good[0],
                                                           number=9)]}),
            ("too many", {"parts": good * 3334})):
        equal("not completed with %s" % name,
              call(path + "/complete", body).status, 400)
    a = ask("POST", path + "/complete", json.dumps({"parts": good}),
            {"If-Match": "*"})
    equal("nor against a condition", a.status, 412)
    for i in (1, 2):  # asked again it says the same again
        a = call(path + "/complete", {"parts": good})
        equal("completed", (a.status, a.json["size"], a.json["parts"]),
              (201, len(data), 3))
    sums = hashlib.md5(b"".join(hashlib.md5(p).digest() for p in parts))
    equal("with S3's etag", a.json["etag"], sums.hexdigest() + "-3")
    a = get(b"whole\xff")
    equal("and its content", (md5(a.body), a.headers["Content-Type"],
          a.headers["X-Nexus-Meta-Color"]), (md5(data), "text/x", "blau"))
    for number in ("0", "10001", "x", ""):
        equal("no part %r" % number, ask(
            "PUT", "%s/parts?number=%s" % (path, number), b"x").status, 400)
    equal("nor of what is over", send(1, b"x").status, 404)
    many_parts()
    ask("DELETE", at(b"whole\xff"))


def part_sums():
    data = random.Random(8).randbytes(11 * MIB)
    parts = [data[:5 * MIB], data[5 * MIB:10 * MIB], data[10 * MIB:]]
    sums = [hashlib.sha256(p) for p in parts]
    whole = hashlib.sha256(b"".join(s.digest() for s in sums)).hexdigest()
    for want in ({"Want-Repr-Digest": "sha-256=1"}, {}):
        upload = ask("POST", at(b"sums", "uploads"), headers=want).json
        equal("SHA-256s are wanted", upload.get("sha256", False), bool(want))
        path = "/api/uploads/" + upload["id"]
        good = []
        for i, part in enumerate(parts):
            said = {"Repr-Digest": "sha-256=:%s:" % b64_sha256(part)} \
                if i == 1 else {"Want-Repr-Digest": "sha-256=5"} \
                if i == 2 else {}
            a = ask("PUT", "%s/parts?number=%d" % (path, i + 1), part, said)
            equal("the SHA-256 of part %d" % (i + 1), a.json.get("sha256"),
                  sums[i].hexdigest() if want or said else None)
            good.append({"number": i + 1, "etag": a.json["etag"]})
        a = ask("PUT", path + "/parts?number=2", parts[0], {
            "Repr-Digest": "sha-256=:%s:" % b64_sha256(parts[1])})
        equal("another than was said is no part", a.status, 400)
        equal("they are listed", [p.get("sha256") for p in ask(
            "GET", path + "/parts").json],
            [s.hexdigest() if want or i > 0 else None
             for i, s in enumerate(sums)])
        for said, sentence in (
                (whole[1:], "64 hex"), (whole + "-2", "64 hex"), (7, "64 hex"),
                ("0" * 64, "another SHA-256" if want else "Not every part")):
            problem("not completed as %.5s" % said, call(path + "/complete", {
                "parts": good, "sha256_parts": said}), 400, "invalid", sentence)
        equal("nothing has changed", (get(b"sums").status, len(ask(
            "GET", path + "/parts").json)), (404, 3))
        said = {"sha256_parts": whole + "-3"} if want else {}
        for more in (said, {}):
            a = call(path + "/complete", dict(more, parts=good))
            equal("completed", (a.status, a.json.get("sha256_parts")),
                  (201, whole + "-3" if want else None))
        equal("and told", ask("GET", at(b"sums", "stat")).json.get(
            "sha256_parts"), whole + "-3" if want else None)
        equal("it is no digest of what is read", (
            md5(get(b"sums").body), get(b"sums").headers["Repr-Digest"]),
            (md5(data), None))
        ask("DELETE", at(b"sums"))


def many_parts():
    """As many as a list may have: only the list, for parts need 5 MiB each."""
    upload = ask("POST", at(b"many", "uploads")).json["id"]
    path = "/api/uploads/" + upload
    tag = ask("PUT", path + "/parts?number=1", b"x").json["etag"]
    a = call(path + "/complete", {"parts": [
        {"number": i + 1, "etag": tag} for i in range(10000)]})
    problem("10000 parts are looked at", a, 400, "invalid",
            "less than 5 MiB")
    equal("a piece has no condition", ask(
        "PUT", path + "/parts?number=2", b"x", {"If-Match": "*"}).status, 400)
    equal("nor metadata", ask("PUT", path + "/parts?number=2", b"x", {
        "X-Nexus-Meta-A": "b"}).status, 400)
    a = ask("PUT", path + "/parts?number=2", b"x", {"Content-MD5": b64(b"y")})
    equal("but a checksum", a.status, 400)
    equal("given up", ask("DELETE", path).status, 200)
    equal("it is gone", (ask("GET", path + "/parts").status, ask(
        "GET", "/api/buckets/%s/uploads" % B).json), (404, []))


def resumables():
    data = random.Random(6).randbytes(11 * MIB)
    a = call("/api/uploads", {"path": "/resumed"})
    equal("a resumable upload", (a.status, a.json["size"], a.json["path"]),
          (201, 0, "/resumed"))
    path = "/api/uploads/" + a.json["id"]
    a = ask("PUT", path + "?offset=0", data[:MIB])
    equal("goes on", (a.status, a.json["size"]), (200, MIB))
    for offset in ("0", str(MIB + 1)):
        problem("not at %s" % offset, ask("PUT", path + "?offset=" + offset,
                                          b"x"), 409, "conflict", str(MIB))
    for query in ("", "?offset=x", "?offset=-1", "?at=1"):
        equal("nor at %r" % query, ask("PUT", path + query, b"x").status, 400)
    equal("nor with a checksum", ask("PUT", path + "?offset=%d" % MIB, b"x", {
        "Content-MD5": b64(b"x")}).status in (400, 501), True)
    u = http_api.url
    with socket.create_connection((u.hostname, u.port)) as s:
        s.sendall(("PUT %s?offset=%d HTTP/1.1\r\nHost: n\r\nAuthorization: "
                   "Bearer %s\r\nContent-Length: %d\r\n\r\n" % (
                       path, MIB, http_api.token, 10 * MIB)).encode() +
                  data[MIB:4 * MIB])
    end = time.monotonic() + 60
    size = MIB
    while size < 4 * MIB and time.monotonic() < end:
        time.sleep(0.05)
        size = ask("GET", path).json["size"]
    ok(MIB < size <= 4 * MIB, "what came before a connection ended counts",
       size)
    a = ask("PUT", "%s?offset=%d" % (path, size), data[size:])
    equal("the rest", (a.status, a.json["size"]), (200, len(data)))
    equal("it is listed", [x["size"] for x in ask("GET", "/api/uploads").json],
          [len(data)])
    equal("not finished when it is shorter", call(
        path + "/finish", {"size": 5}).status, 409)
    equal("nor without a size", call(path + "/finish", {}).status, 400)
    equal("nor against a condition", ask(
        "POST", path + "/finish", json.dumps({"size": len(data)}),
        {"If-Match": "*"}).status, 412)
    for _ in (1, 2):
        a = call(path + "/finish", {"size": len(data)})
        equal("finished", (a.status, a.json["path"]), (201, "/resumed"))
    a = ask("GET", "/api/fs/download?path=/resumed")
    equal("it is what was sent", md5(a.body), md5(data))
    ask("DELETE", "/api/fs/delete?path=/resumed")
    a = call("/api/uploads", {"name": "raw"})
    equal("a raw one", (a.status, a.json["name"]), (201, "raw"))
    equal("given up", ask("DELETE", "/api/uploads/" + a.json["id"]).status, 200)
    equal("none is left", ask("GET", "/api/uploads").json, [])
    for body in ({}, {"path": "/a", "name": "b"}, {"path": "/../a"},
                 {"name": "a/b"}, {"path": "/a", "replicas": 9}):
        equal("none of %s" % body, call("/api/uploads", body).status, 400)
    for method, what in (("GET", ""), ("DELETE", ""), ("GET", "/parts"),
                         ("POST", "/finish")):
        equal("%s of none%s" % (method, what), ask(
            method, "/api/uploads/" + "0" * 32 + what,
            '{"size":1}' if method == "POST" else None).status, 404)


def resumable_sums():
    data = b"x" * MIB + random.Random(7).randbytes(10 * MIB + 7)
    whole = hashlib.sha256(data).hexdigest()
    for sha256 in ("yes", 1, {}):
        equal("SHA-256 is wanted or not, and not %s" % sha256, call(
            "/api/uploads", {"path": "/s", "sha256": sha256}).status, 400)
    a = call("/api/uploads", {"path": "/s", "sha256": True})
    equal("an upload with its SHA-256", (a.status, a.json["sha256"]),
          (201, True))
    path = "/api/uploads/" + a.json["id"]
    cut_short(path + "?offset=0", len(data), MIB)
    at, end = 0, time.monotonic() + 60
    while at < MIB and time.monotonic() < end:
        at = ask("GET", path).json["size"]
    equal("what came before a connection ended counts", at, MIB)
    for size in (1, MIB, 63, 5 * MIB, len(data)):
        a = ask("PUT", "%s?offset=%d" % (path, at), data[at:at + size])
        at = a.json["size"]
    equal("all of it has come", at, len(data))
    for sha256, sentence in (
            ("x", "64 hexadecimal"), (whole[1:], "64 hexadecimal"),
            (whole + "00", "64 hexadecimal"), ("0" * 64, "another SHA-256")):
        problem("not finished as %.5s" % sha256, call(
            path + "/finish", {"size": at, "sha256": sha256}), 400, "invalid",
            sentence)
    equal("nothing has changed", (ask("GET", path).json["size"], ask(
        "GET", "/api/fs/stat?path=/s").status), (at, 404))
    for body in ({"sha256": whole.upper()}, {}, {"sha256": whole}):
        a = call(path + "/finish", dict(body, size=at))
        equal("finished with %s" % list(body), (
            a.status, a.json["sha256"]), (201, whole))
    problem("and not as another", call(path + "/finish", {
        "size": at, "sha256": "0" * 64}), 400, "invalid", "another SHA-256")
    equal("who reads it is told", ask(
        "HEAD", "/api/fs/download?path=/s").headers["Repr-Digest"],
        "sha-256=:%s:" % b64_sha256(data))
    ask("DELETE", "/api/fs/delete?path=/s")
    a = call("/api/uploads", {"path": "/s"})
    path = "/api/uploads/" + a.json["id"]
    equal("none is wanted", "sha256" in a.json, False)
    problem("then none can be said", call(path + "/finish", {
        "size": 0, "sha256": whole}), 400, "invalid", "when one is opened")
    equal("it is given up", ask("DELETE", path).status, 200)


def main():
    http_api.sign_up()
    node = call("/api/nodes", {"name": http_api.NAME, "storage_size": "256M",
                               "memory_mb": 64}).json.get("id")
    call("/api/buckets", {"name": B})
    multipart()
    part_sums()
    resumables()
    resumable_sums()
    equal("the bucket goes", ask("DELETE", "/api/buckets/" + B).status, 200)
    equal("nothing is used in the end", http_api.usage(), (0, 0, 0))
    equal("nor a node", ask("DELETE", "/api/nodes/%s?force=true" %
                            node).status, 200)
    print("1..%d" % http_api.number)
    return http_api.failed != 0


sys.exit(main())
