#!/usr/bin/env python3
"""Raw requests against the live gateway: what is malformed is refused, what is
legal is taken, no body is run as a request, and none of it depends on how the
bytes were cut into packets. The requests and what they must get are in
http_corpus/."""
import os
import random
import re
import socket
import sys
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "http_corpus")
LAST = b"GET /livez?last HTTP/1.1\r\nHost: nexus\r\nConnection: close\r\n\r\n"
url = urllib.parse.urlparse(os.environ.get("NEXUS_URL", "http://127.0.0.1:8080"))
random.seed(int(os.environ.get("NEXUS_SEED", "1")))


def whole(data):
    return [data], 0


def bytewise(data):
    # long heads: only the first bytes, they decide
    n = min(len(data), 400)
    return [data[i:i + 1] for i in range(n)] + [data[n:]], 0


def cuts(data):
    at = sorted(random.sample(range(1, len(data)), min(5, len(data) - 1)))
    return [data[a:b] for a, b in zip([0] + at, at + [len(data)])], 0.003


def exchange(data, cut):
    """All bytes that come back until the server closes, and whether it did."""
    pieces, pause = cut(data)
    with socket.create_connection((url.hostname, url.port), timeout=5) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        got = b""
        try:
            for piece in pieces:
                s.sendall(piece)
                if pause:
                    time.sleep(pause)
        except OSError:
            pass  # refused early: the answer is there to read
        try:
            while True:
                part = s.recv(65536)
                if not part:
                    return got, True
                got += part
        except socket.timeout:
            return got, False
        except OSError:
            return got, True


def responses(got, methods):
    """[(status, code)] of the final responses, or a sentence what is wrong."""
    found = []
    while got:
        head, sep, got = got.partition(b"\r\n\r\n")
        m = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
        if not sep or not m:
            return "not a response: %r" % head[:80]
        status = int(m.group(1))
        if status == 100:
            continue
        length = re.search(rb"\r\nContent-Length: (\d+)", head)
        n = int(length.group(1)) if length else 0
        if len(found) < len(methods) and methods[len(found)] == "HEAD":
            n = 0
        body, got = got[:n], got[n:]
        code = re.search(rb'"code":"([^"]*)"', body)
        if status >= 400 and not code:
            return "error without a code: %r" % body[:80]
        found.append((status, code.group(1).decode() if code else ""))
    return found


def wanted(words):
    out = []
    for word in words:
        status, _, code = word.partition(":")
        out.append((int(status), code))
    return out


def check(name, words, data, cut):
    methods = re.findall(r"^([A-Z]+) \S+ HTTP/", data.decode("latin-1"), re.M)
    got, closed = exchange(data + LAST, cut)
    if not closed:
        return "the connection stayed open; got %r" % got[:120]
    found = responses(got, methods)
    if isinstance(found, str):
        return found
    if name.startswith("bad-"):
        allowed = [int(s) for s in words[0].split(",")]
        if len(found) != 1:
            return "%d responses instead of one: %r" % (len(found), found)
        return "" if found[0][0] in allowed else "got %r" % found
    closes = words[-1] == "close"
    want = wanted(words[:-1] if closes else words)
    if not closes:
        want.append((200, ""))
    return "" if found == want else "got %r instead of %r" % (found, want)


def main():
    cases = []
    with open(os.path.join(CORPUS, "EXPECT")) as f:
        for line in f:
            words = line.split()
            if words and not line.startswith("#"):
                cases.append((words[0], words[1:]))
    files = {f[:-4] for f in os.listdir(CORPUS) if f.endswith(".req")}
    missing = files.symmetric_difference(name for name, _ in cases)
    number = 0
    failed = 0
    if missing:
        number, failed = 1, 1
        print("not ok 1 - EXPECT and the files differ: %s" % sorted(missing))
    for name, words in cases:
        with open(os.path.join(CORPUS, name + ".req"), "rb") as f:
            data = f.read()
        number += 1
        why = ""
        for cut in (whole, bytewise, cuts, cuts):
            why = check(name, words, data, cut)
            if why:
                why = "%s: %s" % (cut.__name__, why)
                break
        failed += bool(why)
        print("%sok %d - http %s%s" % ("not " if why else "", number, name,
                                       ": " + why if why else ""), flush=True)
    print("1..%d" % number)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
