"""What others notice while one user's tree of 800,000 entries is taken away.

User B makes folders, stores small files, lists and downloads, one request
after the other over one kept connection: for BENCH_QUIET seconds alone, then
for BENCH_BUSY while what user A deleted is reaped. And how fast that goes, then
and for BENCH_ALONE seconds without B. BENCH_ENTRIES says how many there are.
"""
import http.client
import json
import os
import time

import crowd

ENTRIES = int(os.environ.get("BENCH_ENTRIES", "800000"))
QUIET_S = float(os.environ.get("BENCH_QUIET", "30"))
BUSY_S = float(os.environ.get("BENCH_BUSY", "60"))
ALONE_S = float(os.environ.get("BENCH_ALONE", "30"))
KINDS = ("mkdir", "upload 1 KiB", "ls", "download 1 KiB")


class User:
    def __init__(self, nexus, token):
        self.port = nexus.port
        self.token = token
        self.n = 0
        self.connect()

    def connect(self):
        self.link = http.client.HTTPConnection("127.0.0.1", self.port)

    def ask(self, method, path, body=None, kind="application/octet-stream"):
        """Milliseconds until the whole answer is here."""
        began = time.perf_counter()
        self.link.request(method, path, body, {
            "Authorization": "Bearer " + self.token, "Content-Type": kind})
        reply = self.link.getresponse()
        text = reply.read()
        took = (time.perf_counter() - began) * 1e3
        if reply.status // 100 != 2:
            raise RuntimeError(f"{method} {path}: {reply.status} {text!r}")
        return took

    def round(self):
        """One request of each kind."""
        self.n += 1
        at = f"/b/{self.n}"
        return (
            self.ask("POST", "/api/fs/mkdir", b'{"path": "%s"}' % at.encode(),
                     "application/json"),
            self.ask("PUT", f"/api/fs/file?path={at}/f", bytes(1024)),
            self.ask("GET", f"/api/fs/ls?path={at}"),
            self.ask("GET", f"/api/fs/download?path={at}/f"),
        )


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))]


def measure(user, goes_on):
    """{kind: milliseconds} of the rounds while @goes_on()."""
    rounds = []
    user.connect()
    while goes_on():
        rounds.append(user.round())
    return dict(zip(KINDS, zip(*rounds)))


def for_seconds(seconds):
    until = time.monotonic() + seconds
    return lambda: time.monotonic() < until


def status(nexus):
    return json.loads(nexus.ctl("status", "-o", "json"))["storage"]


def wal_bytes(nexus):
    return os.path.getsize(os.path.join(
        nexus.state, "state/storage/storage.db-wal"))


def until_removed(nexus, seen):
    """At most BUSY_S; looks every few seconds, which is a request too."""
    until = time.monotonic() + BUSY_S

    def goes_on():
        now = time.monotonic()
        if now >= seen["next"]:
            seen["next"] = now + 5
            seen["wal"] = max(seen["wal"], wal_bytes(nexus))
            seen["removing"] = status(nexus).get("removing", False)
        return seen["removing"] and now < until
    return goes_on


def pace(nexus, user, work):
    """How many chunks a second went while work(), beside those that @user
    added."""
    began, chunks = time.monotonic(), int(status(nexus)["chunks"]) - user.n
    work()
    gone = chunks - (int(status(nexus)["chunks"]) - user.n)
    return gone / (time.monotonic() - began)


def run(bench):
    nexus = bench.nexus
    nexus.json("POST", "/api/fs/mkdir", {"path": "/a"})
    b = User(nexus, nexus.register("other"))
    nexus.restart(lambda: crowd.fill(nexus.state, "a", "big", ENTRIES))
    b.connect()
    b.ask("POST", "/api/fs/mkdir", b'{"path": "/b"}', "application/json")
    measure(b, for_seconds(2))
    before = measure(b, for_seconds(QUIET_S))
    began = time.monotonic()
    nexus.json("DELETE", "/api/fs/delete?path=/big")
    took = (time.monotonic() - began) * 1e3
    seen = {"next": 0, "wal": 0, "removing": True}
    beside = {}
    rate = pace(nexus, b, lambda: beside.update(
        measure(b, until_removed(nexus, seen))))
    part = f"beside the removal of {ENTRIES} entries"
    for kind in KINDS:
        for p in 50, 99:
            bench.results.add(part, f"{kind}, p{p}", "ms",
                              percentile(beside[kind], p),
                              percentile(before[kind], p), "quiet")
    alone = pace(nexus, b, lambda: time.sleep(ALONE_S))
    part = f"the removal itself, answered in {took:.1f} ms"
    bench.results.add(part, "files beside a busy user", "/s", rate)
    bench.results.add(part, "files alone", "/s", alone)
    print(f"bench: {len(beside['ls'])} rounds beside it, "
          f"{len(before['ls'])} before; the log had {seen['wal'] >> 10} KiB",
          flush=True)
