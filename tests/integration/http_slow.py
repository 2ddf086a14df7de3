#!/usr/bin/env python3
"""Clients that dawdle, stop half way, or vanish: none holds the gateway for
long, none makes it hold much, and it forgets them. Bounded: about forty
seconds, the length of the gateway's own timeouts."""
import glob
import http.client
import json
import os
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse

url = urllib.parse.urlparse(os.environ.get("NEXUS_URL", "http://127.0.0.1:8080"))
PID = os.environ.get("NEXUS_PID_gatewayd")
LIVE = b"GET /livez HTTP/1.1\r\nHost: nexus\r\n\r\n"
results = []


def test(name, why):
    results.append((name, why))


def dial():
    s = socket.create_connection((url.hostname, url.port), timeout=30)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read_all(s):
    got = b""
    try:
        while True:
            part = s.recv(65536)
            if not part:
                break
            got += part
    except OSError:
        pass
    return got


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def memory(key):
    with open("/proc/%s/status" % PID) as f:
        for line in f:
            if line.startswith(key):
                return int(line.split()[1])
    return 0


def descriptors():
    return len(os.listdir("/proc/%s/fd" % PID))


def drip(name, first, pieces, every, want, limit):
    """Sends a piece now and then until the server has enough."""
    start = time.time()
    s = dial()
    why = ""
    try:
        s.sendall(first)
        s.settimeout(every)
        got = b""
        while time.time() - start < limit:
            try:
                part = s.recv(4096)
                if not part:
                    break
                got += part
                continue
            except socket.timeout:
                pass
            s.sendall(next(pieces))
        else:
            why = "still open after %d s" % limit
        if not why and want not in got:
            why = "got %r" % got[:100]
    except OSError as e:
        why = "" if isinstance(e, (BrokenPipeError, ConnectionResetError)) \
            else str(e)
    s.close()
    test(name, why)


def forever(piece):
    while True:
        yield piece


def slowloris():
    drip("one header line every two seconds is cut off",
         b"GET /livez HTTP/1.1\r\nHost: nexus\r\n", forever(b"X: y\r\n"), 2,
         b"HTTP/1.1 408", 14)


def slow_second():
    drip("a second request is no slower let in than a first",
         b"GET /livez HTTP/1.1\r\nHost: nexus\r\n\r\nGET /li", forever(b"v"), 3,
         b"HTTP/1.1 4", 25)


def slow_line():
    drip("a request line byte by byte is cut off", b"G",
         forever(b"E"), 1, b"HTTP/1.1 4", 14)


def slow_body():
    drip("a body of two bytes a second is cut off",
         b"POST /auth/login/init HTTP/1.1\r\nHost: nexus\r\n"
         b"Content-Length: 8000\r\n\r\n{", forever(b" "), 0.5,
         b"HTTP/1.1 408", 14)


def call(path, what, token=None, method="POST"):
    c = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    c.request(method, path, what and json.dumps(what),
              {"Authorization": "Bearer " + token} if token else {})
    answer = json.load(c.getresponse())
    c.close()
    return answer


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


def slow_upload(token, name, coding, piece):
    drip(name + " that trickles in is given up",
         b"PUT /api/files/slow HTTP/1.1\r\nHost: nexus\r\n"
         b"Authorization: Bearer " + token.encode() + b"\r\n" + coding +
         b"\r\n\r\n", forever(piece), 0.5, b"HTTP/1.1 408", 45)


def slow_uploads():
    """Files may stall now and then: half a minute is looked at. Then the place
    and what was reserved for it are free again."""
    name = "slow%x" % (time.time_ns() // 1000000 % (1 << 32))
    mail = name + "@example.org"
    call("/auth/register/init", {"username": name, "email": mail,
                                 "password": "long enough to be good"})
    token = call("/auth/register/verify", {
        "email": mail, "code": code_for(mail)}).get("token", "")
    node = call("/api/nodes", {"name": name, "storage_size": "64M"}, token)
    threads = [threading.Thread(target=slow_upload, args=(token, *a)) for a in (
        ("a file", b"Content-Length: 100000", b"x"),
        ("a file in chunks", b"Transfer-Encoding: chunked", b"1\r\nx\r\n"))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for _ in range(50):
        left = call("/api/account", None, token, "GET")
        if not left.get("reserved"):
            break
        time.sleep(0.1)
    test("and holds nothing any more", "" if left.get("reserved") == 0 and
         left.get("files") == 0 else repr(left))
    call("/api/nodes/%s?force=true" % node.get("id"), None, token, "DELETE")


def slow_chunks():
    drip("chunks of one byte a second are cut off",
         b"POST /auth/login/init HTTP/1.1\r\nHost: nexus\r\n"
         b"Transfer-Encoding: chunked\r\n\r\n", forever(b"1\r\n \r\n"), 1,
         b"HTTP/1.1 408", 14)


def slow_discard():
    drip("an unread body of two bytes a second is cut off",
         b"GET /livez HTTP/1.1\r\nHost: nexus\r\nContent-Length: 60000\r\n\r\n",
         forever(b" "), 0.5, b"HTTP/1.1 200", 14)


def slow_linger():
    drip("a refused client that goes on sending is cut off",
         b"GET /livez HTTP/1.1\r\nHost : nexus\r\n\r\n", forever(b"x"), 0.5,
         b"HTTP/1.1 400", 14)


def slow_read():
    """Asks and asks and never reads: at most the sockets' buffers are filled,
    then it is cut off. What was read ahead counts as moved, so that it may take
    two windows of 30 s."""
    s = dial()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(1)
    start, sent, why = time.time(), 0, "not cut off after 90 s"
    while time.time() - start < 90:
        try:
            sent += s.send(LIVE * 1000)
        except socket.timeout:
            continue
        except OSError:
            why = ""
            break
    s.close()
    test("a client that never reads is cut off", why)


def half_closed():
    s = dial()
    s.sendall(LIVE + LIVE)
    s.shutdown(socket.SHUT_WR)
    got = read_all(s)
    test("a client that has said all it has to say is answered",
         "" if got.count(b"HTTP/1.1 200") == 2 else "got %r" % got)
    for name, data in (
            ("head", b"GET /livez HTTP/1.1\r\nHost: ne"),
            ("body", b"POST /auth/login/init HTTP/1.1\r\nHost: n\r\n"
                     b"Content-Length: 10\r\n\r\n{"),
            ("chunk", b"POST /auth/login/init HTTP/1.1\r\nHost: n\r\n"
                      b"Transfer-Encoding: chunked\r\n\r\n5\r\n{")):
        s = dial()
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        got = read_all(s)
        test("a %s that ends in the middle is refused" % name,
             "" if got.startswith(b"HTTP/1.1 400") else "got %r" % got)


def resets():
    """Gone without a word in every state."""
    states = (
        b"", b"G", b"GET /livez HTTP/1.1\r\n", LIVE[:-2], LIVE, LIVE * 50,
        b"POST /auth/login/init HTTP/1.1\r\nHost: n\r\nContent-Length: 9\r\n"
        b"\r\n{",
        b"POST /auth/login/init HTTP/1.1\r\nHost: n\r\n"
        b"Content-Length: 43\r\n\r\n"
        b'{"username":"nobody","password":"whatever"}',
        b"GET /api/files HTTP/1.1\r\nHost: n\r\nAuthorization: Bearer x\r\n"
        b"\r\n",
        b"GET /livez HTTP/1.1\r\nHost : n\r\n\r\n")
    before = descriptors()
    for turn in range(20):
        for data in states:
            s = dial()
            s.sendall(data)
            if turn % 2:
                time.sleep(0.001)
            reset(s)
    why = "descriptors: %d before" % before
    for _ in range(100):
        if descriptors() <= before:
            why = ""
            break
        time.sleep(0.1)
    test("%d clients that vanish leave nothing" % (20 * len(states)),
         why and why + ", %d after" % descriptors())


def idle():
    """What a connection costs that does nothing."""
    n = 400
    before = memory("VmRSS")
    many = []
    for _ in range(n):
        s = dial()
        many.append(s)
    for s in many:
        s.sendall(LIVE)
    for s in many:
        s.recv(4096)
    each = (memory("VmRSS") - before) / n
    test("%d idle connections cost less than 4 KiB each" % n,
         "" if each < 4 else "%.1f KiB each" % each)
    s = dial()
    s.sendall(LIVE)
    test("and another one is answered",
         "" if s.recv(4096).startswith(b"HTTP/1.1 200") else "it is not")
    s.close()
    for s in many:
        s.close()


def main():
    if not PID:
        print("ok 1 - slow clients # SKIP NEXUS_PID_gatewayd is not set")
        print("1..1")
        return 0
    idle()
    half_closed()
    resets()
    before = descriptors()
    threads = [threading.Thread(target=f) for f in (
        slowloris, slow_second, slow_line, slow_body, slow_chunks, slow_discard,
        slow_linger, slow_read, slow_uploads)]
    for t in threads:
        t.start()
    time.sleep(5)
    s = dial()
    s.sendall(LIVE)
    ok = s.recv(4096).startswith(b"HTTP/1.1 200")
    there = [t for t in threads if t.is_alive()]
    s.close()
    test("others are served meanwhile",
         "" if ok and there else "served: %s, %d there" % (ok, len(there)))
    for t in threads:
        t.join()
    for _ in range(50):
        if descriptors() <= before:
            break
        time.sleep(0.1)
    test("nothing is left of any of them",
         "" if descriptors() <= before else
         "%d descriptors, %d before" % (descriptors(), before))
    peak = memory("VmHWM")
    test("the gateway's memory never passed 16 MiB",
         "" if peak < 16384 else "%d KiB" % peak)
    bad = 0
    for i, (name, why) in enumerate(results, 1):
        bad += bool(why)
        print("%sok %d - %s%s" % ("not " if why else "", i, name,
                                  ": " + why if why else ""))
    print("1..%d" % len(results))
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
