"""Small files over HTTP, created and read many at once, against bare_small:
appending to segments and rows in SQLite, on the same kind of volume.

BENCH_SECONDS is how long each is measured (3).
"""
import contextlib
import http.client
import json
import os
import re
import subprocess
import threading

import files
from tools import need, ours, run as run_program, volume

SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
SIZE = 4096
AT_ONCE = (1, 16, 64)
BARE_MIB = 512
GOALS = {(64, 1): 8000, (64, 2): 6000, (1, 1): 900, (1, 2): 900}
READ_GOAL = 25000


class Load:
    """tests/bench/load.c, each time below a folder of its own."""

    def __init__(self, bench):
        self.nexus = bench.nexus
        self.folders = 0

    def __call__(self, what, links, prefix=None, seconds=SECONDS):
        if prefix is None:
            self.folders += 1
            prefix = f"/s{self.folders}/f"
            self.nexus.json("POST", "/api/fs/mkdir",
                            {"path": f"/s{self.folders}"})
        return json.loads(run_program(
            ours("load"), str(self.nexus.port), self.nexus.token, what,
            str(links), str(seconds), str(SIZE), prefix))


def bare(bench, at_once, places):
    database = os.path.join(bench.dir, "bare.db")
    try:
        return float(run_program(
            ours("bare_small"), database, str(at_once), str(SECONDS),
            str(SIZE), *places))
    finally:
        for end in "", "-wal", "-shm":
            with contextlib.suppress(FileNotFoundError):
                os.unlink(database + end)


def add(bench, part, name, got, peer, peer_name, goal=None, ratio=None):
    bench.results.add(part, name, "/s", got["rate"], peer, peer_name, goal,
                      ratio)
    if got["refused"]:
        bench.results.fail(f"{part}, {name}",
                           f"{got['refused']} were refused")


def check_replicas(bench, wanted):
    """That what is stored now has so many."""
    link = http.client.HTTPConnection("127.0.0.1", bench.nexus.port)
    link.request("PUT", "/api/files/probe", b"x",
                 {"Authorization": "Bearer " + bench.nexus.token})
    file = json.loads(link.getresponse().read())
    link.close()
    bench.nexus.json("DELETE", "/api/files/" + file["id"])
    if file["replicas"] != wanted:
        raise RuntimeError(f"{file['replicas']} replicas, not {wanted}")


def creates(bench, load, part, places):
    """Each number at once beside the bare loop; the rate at most at once."""
    check_replicas(bench, len(places))
    for n in AT_ONCE:
        files.settle()
        got = load("create", n)
        files.settle()
        peer = bare(bench, n, places)
        add(bench, part, f"{n} at once", got, peer, "segments and rows, bare",
            GOALS.get((n, len(places))), 0.5 if n == 64 else None)
        bench.results.add(part, f"{n} at once, p99", "ms", got["p99"])
    return got["rate"]


class Upload:
    """A large upload, again and again until it is over."""

    def __init__(self, bench, source):
        self.bench = bench
        self.source = source
        self.over = False
        self.process = None
        self.thread = threading.Thread(target=self.main)

    def main(self):
        while not self.over:
            self.process = subprocess.Popen(
                [need("curl"), "-sS", "-o", "/dev/null", "-H", "Expect:",
                 "-H", f"Authorization: Bearer {self.bench.nexus.token}",
                 "-T", self.source,
                 f"http://127.0.0.1:{self.bench.nexus.port}"
                 "/api/fs/file?path=/large"])
            self.process.wait()

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.over = True
        self.process.kill()
        self.thread.join()


def beside_upload(bench, load, part, quiet):
    source = os.path.join(bench.dir, "source")
    files.make_source(source)
    try:
        with Upload(bench, source):
            got = load("create", AT_ONCE[-1], seconds=2 * SECONDS)
    finally:
        os.unlink(source)
    add(bench, part, f"{AT_ONCE[-1]} at once beside an upload of "
        f"{files.MIB} MiB", got, quiet, "without it", None, 0.5)


def reads(bench, load):
    """Of files that were created before, which are cached."""
    load("create", 16, "/s1/r", SECONDS)
    part = f"read of {SIZE} bytes over HTTP"
    for n in AT_ONCE:
        got = load("read", n, "/s1/r")
        add(bench, part, f"{n} at once", got, None, "")


def alone(bench):
    """storaged without a gateway: its loop, and the client in the same."""
    out = run_program(ours("creates"), "8", "4000", str(AT_ONCE[-1]))
    part = f"storaged alone, {AT_ONCE[-1]} at once"
    for replicas, rate in re.findall(
            r"(\d) replicas?: creates .* reads (\d+)/s", out):
        bench.results.add(part, f"read of {SIZE} bytes, {replicas} replica"
                          + "s" * (replicas > "1"), "/s", float(rate),
                          goal=READ_GOAL)


def room_mib():
    return 2 * files.MIB + 1024


def run(bench):
    alone(bench)
    bench.nexus.ctl("user", "quota", "bench", "100G")
    load = Load(bench)
    with contextlib.ExitStack() as stack:
        places = [stack.enter_context(volume(os.path.join(
            bench.dir, f"bare{i}"), BARE_MIB)) for i in range(2)]
        creates(bench, load, f"create of {SIZE} bytes, 1 replica",
                places[:1])
        reads(bench, load)
        node = bench.nexus.json(
            "POST", "/api/nodes", {"name": "bench-small", "memory_mb": 128,
                                   "storage_size": f"{room_mib()}M"})
        part = f"create of {SIZE} bytes, 2 replicas"
        quiet = creates(bench, load, part, places)
        beside_upload(bench, load, part, quiet)
    bench.nexus.json("DELETE", "/api/fs/delete?path=/large")
    bench.nexus.json("DELETE", f"/api/nodes/{node['id']}?force=true")
