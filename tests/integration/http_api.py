#!/usr/bin/env python3
"""What a client may rely on beyond the tour: partial and conditional GETs,
names of every kind, uploads in every form, uploads that break off, errors as
problem+json, several requests on one connection."""
import base64
import glob
import hashlib
import http.client
import json
import os
import re
import socket
import struct
import sys
import time
import urllib.parse

url = urllib.parse.urlparse(os.environ["NEXUS_URL"])
number = failed = 0
NAME = "api%x" % (time.time_ns() // 1000000 % (1 << 32))


def ok(good, name, why=""):
    global number, failed
    number += 1
    failed += not good
    print("%sok %d - %s%s" % ("" if good else "not ", number, name,
                              "" if good else ": %s" % (why,)), flush=True)


def equal(name, got, wanted):
    ok(got == wanted, name, "got %r instead of %r" % (got, wanted))


class Answer:
    def __init__(self, r):
        self.status = r.status
        self.headers = r.headers
        self.body = r.read()
        kind = r.headers.get("Content-Type", "")
        self.json = json.loads(self.body) if "json" in kind and self.body \
            else None


token = None


def ask(method, path, body=None, headers=None, encode_chunked=False):
    c = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    h = {"Authorization": "Bearer " + token} if token else {}
    h.update(headers or {})
    c.request(method, path, body, h, encode_chunked=encode_chunked)
    a = Answer(c.getresponse())
    c.close()
    return a


def call(path, what, method="POST"):
    return ask(method, path, json.dumps(what),
               {"Content-Type": "application/json"})


def code_for(mail):
    for _ in range(100):
        for f in glob.glob(os.environ["NEXUS_MAIL"] + "/new/*"):
            with open(f) as message:
                text = message.read()
            if mail in text:
                os.unlink(f)
                return re.search(r"^(\d{6})$", text, re.M).group(1)
        time.sleep(0.1)
    return "none"


def sign_up():
    global token
    mail = NAME + "@example.org"
    # old clients' capitals, newer ones' lower case
    a = call("/auth/register/init", {"UserName": NAME, "password": "long enough"
                                     " to be good", "EMAIL": mail})
    equal("a user registers, whatever the case of the keys", a.status, 200)
    a = call("/auth/register/verify", {"Email": mail, "Code": code_for(mail)})
    equal("and has a token", (a.status, a.json.get("username")), (200, NAME))
    token = a.json.get("token")


def problem(name, a, status, code, word):
    """The one form of all errors."""
    j = a.json or {}
    good = (a.status == status and j.get("code") == code and
            word in j.get("error", "") and j.get("status") == status and
            re.match(r"[^a-z].*[.?!]$", j["error"]) and
            j.get("title") and j.get("request_id") ==
            a.headers.get("X-Request-Id") and
            a.headers["Content-Type"] == "application/problem+json")
    ok(good, name, "%d %r" % (a.status, a.body[:300]))


def errors():
    problem("no such address", ask("GET", "/api/x"), 404, "no-such-route", "")
    a = ask("POST", "/api/files")
    problem("a method that is not there", a, 405, "method-not-allowed", "")
    equal("with those that are", a.headers["Allow"], "GET, HEAD, OPTIONS")
    a = ask("GET", "/api/files", headers={"Authorization": "Bearer x.y.z"})
    problem("a token that is none", a, 401, "unauthenticated", "")
    ok("Bearer" in a.headers.get("WWW-Authenticate", ""), "says how to sign in")
    for body, word in (
            ('{"name":1,"storage_size":"1G"}', "name"),
            ('{"name":"n"}', "storage_size"),
            ('{"name":"n","storage_size":"big"}', "storage_size"),
            ('{"name":"N_","storage_size":"1G"}', "name"),
            ('{"name":"n","storage_size":"1G","memory_mb":"1"}', "memory_mb"),
            ('{"name":"n","storage_size":"1G","memory_mb":1.5}', "memory_mb"),
            ('{"name":"n","storage_size":"1G","cpu_shares":10001}',
             "cpu_shares"),
            ('{"name":"n","storage_size":"1G","command":[1]}', "command")):
        problem("a node of %s" % body, ask("POST", "/api/nodes", body), 400,
                "invalid", word)
    for name, body in (
            ("twice", '{"path":"/a","Path":"/b"}'),
            ("not UTF-8", b'{"path":"/\xff"}'),
            ("a NUL", '{"path":"/a\\u0000b"}'),
            ("half a surrogate", '{"path":"/\\ud800"}'),
            ("a number that is none", '{"path":"/a","n":01}'),
            ("more behind", '{"path":"/a"} {}'),
            ("nested", '{"path":' + "[" * 40 + "]" * 40 + "}"),
            ("many", '{"path":[' + ",".join("1" * 5000) + "]}"),
            ("no object", '"path"'), ("nothing", "")):
        problem("JSON: " + name, ask("POST", "/api/fs/mkdir", body), 400,
                "bad-json", "")
    problem("a body that is too large",
            ask("POST", "/api/fs/mkdir", b" " * 70000), 413, "body-too-large",
            "")
    problem("a path with a broken escape", ask("GET", "/api/fs/ls?path=/%g"),
            400, "bad-path", "")
    problem("a parameter nobody knows", ask("GET", "/api/fs/ls?dir=/"), 400,
            "invalid", "dir here; known: path")
    problem("a member nobody knows",
            ask("POST", "/api/fs/mkdir", '{"path":"/a","mode":"0700"}'), 400,
            "invalid", "mode; known here are path, parents")
    problem("a path given twice", ask("GET", "/api/fs/ls?path=/&path=/a"),
            400, "bad-query", "twice")
    problem("a path that is too long",
            ask("GET", "/api/fs/ls?path=/" + "a/" * 2100), 400, "invalid",
            "path")
    problem("a name with a new line", ask("PUT", "/api/files/a%0Ab", b"x"),
            400, "bad-path", "")


def usage():
    j = ask("GET", "/api/account").json
    return j["used"], j["reserved"], j["files"]


def parts():
    data = os.urandom(11 * 1024 * 1024)
    a = ask("PUT", "/api/files/parts.bin", data)
    equal("a file of two chunks is stored",
          (a.status, a.json.get("chunks_count")), (201, 2))
    where = "/api/files/%s/download" % a.json["id"]
    whole = ask("GET", where)
    equal("and read", hashlib.md5(whole.body).digest(),
          hashlib.md5(data).digest())
    tag = whole.headers["ETag"]
    n = len(data)
    cut = 10485760
    for text, first, last in (
            ("0-0", 0, 0), ("5-", 5, n - 1), ("-7", n - 7, n - 1),
            ("%d-%d" % (cut - 3, cut + 3), cut - 3, cut + 3),
            ("%d-" % cut, cut, n - 1), ("0-%d" % (2 * n), 0, n - 1)):
        a = ask("GET", where, headers={"Range": "bytes=" + text})
        ok(a.status == 206 and a.body == data[first:last + 1] and
           a.headers["Content-Range"] == "bytes %d-%d/%d" % (first, last, n),
           "bytes=" + text, (a.status, a.headers.get("Content-Range")))
    a = ask("GET", where, headers={"Range": "bytes=%d-" % n})
    equal("beyond the end", (a.status, a.headers["Content-Range"]),
          (416, "bytes */%d" % n))
    a = ask("GET", where, headers={"Range": "bytes=0-1,5-6"})
    equal("several parts are answered whole", (a.status, len(a.body)), (200, n))
    a = ask("GET", where, headers={"Range": "bytes=0-1", "If-Range": '"x"'})
    equal("a part of something else is answered whole", a.status, 200)
    a = ask("GET", where, headers={"Range": "bytes=0-1", "If-Range": tag})
    equal("a part of the same", (a.status, len(a.body)), (206, 2))
    a = ask("GET", where, headers={"If-None-Match": '"x", W/' + tag})
    equal("nothing new", (a.status, len(a.body)), (304, 0))
    a = ask("HEAD", where)
    equal("HEAD", (a.status, a.headers["Content-Length"], len(a.body)),
          (200, str(n), 0))
    equal("a prefix of the id will do",
          ask("HEAD", where.replace(where.split("/")[3],
                                    where.split("/")[3][:10])).status, 200)
    equal("deleted", ask("DELETE", where[:-9]).status, 200)
    equal("and gone", ask("GET", where).status, 404)


def names():
    for name in ("a b.txt", "ä€😀.txt", 'q"uo\\te;.txt', "%41+&=?#.txt", "x" * 255,
                 ".hidden", "-", "upload2"):
        a = ask("PUT", "/api/files/" + urllib.parse.quote(name, safe=""),
                b"data")
        if a.status != 201:
            ok(False, "name %r" % name, a.body)
            continue
        d = ask("GET", "/api/files/%s/download" % a.json["id"])
        given = d.headers["Content-Disposition"]
        m = re.fullmatch(r'attachment; filename="([^"\\]*)"; '
                         r"filename\*=UTF-8''([A-Za-z0-9%!#$&+.^_`|~-]*)",
                         given)
        ok(a.json["name"] == name and d.body == b"data" and m is not None and
           urllib.parse.unquote(m.group(2)) == name and
           d.headers["X-Content-Type-Options"] == "nosniff",
           "name %.20r" % name, given)
        ask("DELETE", "/api/files/" + a.json["id"])


def form(fields, boundary="b0undary"):
    out = b""
    for name, filename, data in fields:
        out += b"--%s\r\nContent-Disposition: form-data; name=\"%s\"" % (
            boundary.encode(), name.encode())
        if filename is not None:
            out += b'; filename="%s"\r\nContent-Type: x/y' % filename.encode()
        out += b"\r\n\r\n" + data + b"\r\n"
    return out + b"--%s--\r\n" % boundary.encode()


def post_form(path, fields, **more):
    return ask("POST", path, form(fields), dict({
        "Content-Type": "multipart/form-data; boundary=b0undary"},
        **more))


def forms():
    tricky = b"\r\n--b0undar\r\n--\r\n\r\n--b0undaryless"[:24] + b"\r" * 70000
    equal("a folder", call("/api/fs/mkdir", {"path": "/f"}).status, 200)
    for name, path, fields, where in (
            ("path, then file", "/api/fs/upload",
             [("path", None, b"/f"), ("file", "one", tricky)], "/f/one"),
            ("file, then path", "/api/fs/upload",
             [("file", "two", tricky), ("path", None, b"/f")], "/f/two"),
            ("path in the query", "/api/fs/upload?path=/f/",
             [("file", "three", tricky)], "/f/three"),
            ("a path of its own", "/api/fs/upload",
             [("other", None, b"x"), ("path", None, b"/f/four"),
              ("file", "name", tricky)], "/f/four")):
        a = post_form(path, fields)
        d = ask("GET", "/api/fs/download?path=" + where)
        ok(a.status == 200 and a.json["path"] == where and d.body == tricky,
           "form: " + name, (a.status, a.body[:200], d.status))
    equal("replacing is one file",
          (post_form("/api/fs/upload", [("path", None, b"/f/one"),
                                        ("file", "x", b"new")]).status,
           ask("GET", "/api/fs/download?path=/f/one").body), (200, b"new"))
    a = ask("GET", "/api/fs/ls?path=/f")
    equal("the folder lists them", sorted(e["name"] for e in a.json),
          ["four", "one", "three", "two"])
    before = usage()
    for name, fields, word in (
            ("no file", [("path", None, b"/f")], "file"),
            ("no path", [("file", "x", tricky)], "path"),
            ("no such folder", [("file", "x", tricky),
                                ("path", None, b"/no/where")], "")):
        a = post_form("/api/fs/upload", fields)
        ok(a.status in (400, 404) and word in a.json["error"],
           "form: " + name, (a.status, a.body))
    for _ in range(100):
        if usage() == before:
            break
        time.sleep(0.1)
    equal("which leave nothing", usage(), before)
    equal("nor anything beside the folder",
          [e["name"] for e in ask("GET", "/api/fs/ls").json], ["f"])


def chunks(data, n):
    for i in range(0, len(data), n):
        yield data[i:i + n]


def b64(raw):
    return base64.b64encode(raw).decode()


def digests():
    """What the client says the content is, is compared, or refused."""
    data = os.urandom(30000)
    md5 = b64(hashlib.md5(data).digest())
    sha = ":" + b64(hashlib.sha256(data).digest()) + ":"
    where = "/api/fs/file?path=/digest"
    for headers in ({"Content-MD5": md5}, {"Content-Digest": "sha-256=" + sha},
                    {"Repr-Digest": "md5=:%s:, unixsum=:AA==:" % md5}):
        a = ask("PUT", where, data, headers=headers)
        equal("the right %s" % list(headers)[0], a.status, 201)
    for headers in ({"Content-MD5": md5}, {"Content-Digest": "sha-256=" + sha}):
        a = ask("PUT", where, data[:-1] + b"?", headers=headers)
        ok(a.status == 400 and "checksum" in a.json["error"] and
           ask("GET", "/api/fs/download?path=/digest").body == data,
           "the wrong %s changes nothing" % list(headers)[0],
           (a.status, a.body))
    a = ask("PUT", where, data, headers={
        "Content-Digest": "sha-256=" + sha,
        "Content-MD5": b64(hashlib.md5(b"x").digest())})
    ok(a.status == 400 and "checksum" in a.json["error"],
       "a right SHA-256 excuses no wrong MD5", (a.status, a.body))
    problem("a digest that is not computed here", ask(
        "PUT", where, data, headers={"Content-Digest": "sha-512=:AA==:"}), 501,
        "digest-not-checked", "SHA-256")
    problem("a part of a file", ask(
        "PUT", where, b"tail", headers={"Content-Range": "bytes 4-7/8"}), 400,
        "partial-upload", "Content-Range")
    problem("a coded file", ask(
        "PUT", where, b"coded", headers={"Content-Encoding": "gzip"}), 415,
        "content-coding", "as it is")
    want = {"Want-Repr-Digest": "unixsum=1, sha-256=10"}
    for size in (30000, 3000000):
        big = os.urandom(size)
        a = ask("PUT", where, big, headers=want)
        equal("a SHA-256 of %d bytes that is wanted" % size,
              a.json.get("sha256"), hashlib.sha256(big).hexdigest())
        equal("is kept", ask("GET", "/api/fs/stat?path=/digest").json
              .get("sha256"), a.json["sha256"])
        for more in ({}, {"Range": "bytes=5-9"}):
            equal("and told to who reads it", ask(
                "GET", "/api/fs/download?path=/digest",
                headers=more).headers["Repr-Digest"],
                  "sha-256=:%s:" % b64(hashlib.sha256(big).digest()))
    a = ask("PUT", where, data, headers={"Want-Repr-Digest": "sha-256=0"})
    ok("sha256" not in a.json, "none that is not wanted", a.json)
    part = (b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"d\""
            b"\r\nContent-MD5: %s\r\n\r\n%s\r\n--b--\r\n")
    for name, body, status in (("right", data, 200), ("wrong", b"x", 400)):
        a = ask("POST", "/api/files/upload", part % (md5.encode(), body), {
            "Content-Type": "multipart/form-data; boundary=b"})
        equal("a form with the %s Content-MD5" % name, a.status, status)


def uploads():
    data = os.urandom(300000)
    a = ask("PUT", "/api/fs/file?path=/chunked", chunks(data, 7001),
            encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    equal("a chunked PUT", (a.status,
          ask("GET", "/api/fs/download?path=/chunked").body == data),
          (201, True))
    a = ask("PUT", "/api/fs/file?path=/chunked", b"x",
            headers={"If-None-Match": "*"})
    equal("create, do not replace", (a.status, a.json["status"]), (412, 412))
    a = ask("PUT", "/api/fs/file?path=/empty", b"")
    equal("an empty file", (a.status, a.json["size"],
          ask("GET", "/api/fs/download?path=/empty").body), (201, 0, b""))
    digests()
    before = usage()
    s = socket.create_connection((url.hostname, url.port), timeout=20)
    head = ("PUT /api/files/x HTTP/1.1\r\nHost: n\r\nAuthorization: Bearer %s"
            "\r\nContent-Length: %%d\r\n%%s\r\n" % token)
    s.sendall((head % (10 ** 15, "Expect: 100-continue\r\n")).encode())
    got = s.recv(4096)
    ok(got.startswith(b"HTTP/1.1 413") and b"100" not in got[:20],
       "a body that cannot fit is never asked for", got[:60])
    s.close()
    s = socket.create_connection((url.hostname, url.port), timeout=20)
    s.sendall((head % (4, "Expect: 100-continue\r\n")).encode())
    got = s.recv(4096)
    equal("one that can is", got, b"HTTP/1.1 100 Continue\r\n\r\n")
    s.sendall(b"data")
    ok(s.recv(4096).startswith(b"HTTP/1.1 201"), "and taken")
    s.close()
    before = usage()
    for name, end in (("half closed", lambda s: s.shutdown(socket.SHUT_WR)),
                      ("closed", lambda s: s.close()),
                      ("reset", lambda s: (s.setsockopt(
                          socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack("ii", 1, 0)), s.close()))):
        s = socket.create_connection((url.hostname, url.port), timeout=20)
        s.sendall((head % (30000000, "")).encode() + os.urandom(15000000))
        end(s)
        if name == "half closed":
            got = s.recv(4096)
            ok(got.startswith(b"HTTP/1.1 400") and b"cut-short" in got,
               "a body cut short is refused", got[:80])
        for _ in range(100):
            if usage() == before:
                break
            time.sleep(0.1)
        equal("an upload %s half way leaves nothing" % name, usage(), before)


def connection():
    c = http.client.HTTPConnection(url.hostname, url.port, timeout=20)
    got = []
    sock = None
    for path in ("/api/files", "/api/x", "/api/account", "/api/fs/ls?path=/no",
                 "/livez"):
        c.request("GET", path, headers={"Authorization": "Bearer " + token})
        got.append(Answer(c.getresponse()).status)
        sock = sock or c.sock
    equal("errors keep the connection", (got, c.sock is sock),
          ([200, 404, 200, 404, 200], True))
    c.close()
    for i in range(260):
        ask("PUT", "/api/fs/file?path=/many-%03d" % i, b"")
    a = ask("GET", "/api/fs/ls")
    equal("a list of more than a page",
          (a.headers.get("Transfer-Encoding"),
           [e["name"] for e in a.json if e["name"].startswith("many-")]),
          ("chunked", ["many-%03d" % i for i in range(260)]))
    s = socket.create_connection((url.hostname, url.port), timeout=20)
    s.sendall(("GET /api/fs/ls HTTP/1.0\r\nAuthorization: Bearer %s\r\n\r\n" %
               token).encode())
    got = b""
    while True:
        part = s.recv(65536)
        if not part:
            break
        got += part
    s.close()
    equal("also for HTTP/1.0", json.loads(got.split(b"\r\n\r\n", 1)[1]), a.json)
    a = ask("GET", "/livez", headers={"X-Request-Id": "mine-1"})
    equal("a request may bring its id", a.headers["X-Request-Id"], "mine-1")
    a = ask("GET", "/livez", headers={"X-Request-Id": "<script>"})
    ok("<" not in a.headers["X-Request-Id"], "if it is harmless")


def sign_out():
    equal("signed out", ask("POST", "/auth/logout").status, 200)
    equal("the token is worth nothing", ask("GET", "/api/account").status, 401)


def main():
    sign_up()
    errors()
    a = call("/api/nodes", {"name": NAME, "storage_size": "256M",
                            "memory_mb": 64})
    equal("a node", (a.status, a.json.get("status")), (201, "Running"))
    node = a.json.get("id")
    parts()
    names()
    forms()
    uploads()
    connection()
    a = call("/api/lambda/run", {
        "Code": "import sys\nsys.stdout.buffer.write(b'a\\xff\\xc3\\xa4')"})
    equal("output that is not UTF-8", (a.status, a.json.get("stdout")),
          (200, "a\ufffd\u00e4"))
    for e in ask("GET", "/api/fs/ls").json:
        ask("DELETE", "/api/fs/delete?path=/" + e["name"])
    for f in ask("GET", "/api/files").json:
        ask("DELETE", "/api/files/" + f["id"])
    equal("nothing is used in the end", usage(), (0, 0, 0))
    equal("nor a node", ask("DELETE", "/api/nodes/%s?force=true" %
                            node).status, 200)
    sign_out()
    print("1..%d" % number)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
