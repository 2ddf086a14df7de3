"""A large file with parity, 2+1, beside the same with two whole copies, on the
same three volumes and in turns: sent, read, and read when what one volume had of
it is lost.

BENCH_MIB is its size (1024; a quarter of it is used).
"""
import contextlib
import glob
import os

from files import curl, forget, settle
from tools import median

MIB = int(os.environ.get("BENCH_MIB", "1024")) // 4
ROUNDS = 3
KINDS = {"2 replicas": "replicas=2", "2+1": "erasure=2%2B1"}


@contextlib.contextmanager
def three_nodes(nexus, size):
    nexus.ctl("user", "quota", "bench", "100G")
    made = []
    try:
        for i in range(3):
            made.append(nexus.json(
                "POST", "/api/nodes",
                {"name": f"bench-parity-{i}", "memory_mb": 64,
                 "storage_size": f"{size}M"}))
        yield [node["id"] for node in made]
    finally:
        for node in made:
            nexus.json("DELETE", f"/api/nodes/{node['id']}?force=true")


def send(nexus, source, query):
    settle()
    return curl(nexus.port, nexus.token, "-T", source,
                f"URL/api/files/bench.bin?{query}")


def read(nexus):
    file = nexus.json("GET", "/api/files")[0]["id"]
    settle()
    return curl(nexus.port, nexus.token, f"URL/api/files/{file}/download")


def lose(nexus, node):
    """What @node's volume has: as if it had never been written."""
    place = f"/proc/{nexus.daemons()['STORAGED']}/root{nexus.state}"
    lost = glob.glob(f"{place}/storage/mnt/{node}/chunks/" + "[0-9a-f]" * 32)
    for path in lost:
        os.unlink(path)
    return len(lost)


def run(bench):
    source = os.path.join(bench.dir, "source")
    with open(source, "wb") as f:
        for _ in range(MIB):
            f.write(os.urandom(1 << 20))
    times = {}
    try:
        with three_nodes(bench.nexus, MIB * 4 + 256) as nodes:
            for i in range(ROUNDS + 1):
                for kind, query in KINDS.items():
                    sent = send(bench.nexus, source, query)
                    got = read(bench.nexus)
                    lost = lose(bench.nexus, nodes[i % 3])
                    degraded = read(bench.nexus)
                    forget(bench.nexus)
                    if i == 0:
                        continue  # every block has been written once
                    times.setdefault((kind, "sent, durable"), []).append(sent)
                    times.setdefault((kind, "read"), []).append(got)
                    if lost:
                        times.setdefault(
                            (kind, "read, a volume's part lost"),
                            []).append(degraded)
    finally:
        os.unlink(source)
    report(bench, times)


def report(bench, times):
    speed = {key: (MIB << 20) / 1e6 / median(value)
             for key, value in times.items()}
    for kind, what in speed:
        if kind != "2 replicas":
            bench.results.add(
                f"file of {MIB} MiB, parity beside 2 replicas "
                f"({ROUNDS} rounds)", f"{kind} {what}", "MB/s",
                speed[kind, what], speed.get(("2 replicas", what)),
                "2 replicas")
