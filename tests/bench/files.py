"""One large file up and down, over HTTP, against the bare loops in C.

Up: the same curl sends to Nexus and to bare_store, which does the same to the
bytes (MD5, CRC32C, fdatasync, linkat, fsync of the directory) on the same kind
of volumes, in one process: with one replica, and with the two that are the
default. Down: the same reader takes from Nexus, which checks every byte before
it goes out, and from bare_sendfile, which does not.
"""
import contextlib
import os
import subprocess
import time

from nexus import Nexus
from tools import median, need, ours, run as run_program, server, timer, volume

MIB = int(os.environ.get("BENCH_MIB", "1024"))
ROUNDS = 3
DOWNLOADS = 8


def make_source(path):
    """Incompressible, and in the page cache when it is read."""
    with open(path, "wb") as f:
        for _ in range(MIB):
            f.write(os.urandom(1 << 20))


def curl(port, token, *how):
    """Seconds from the connection to the complete answer."""
    out = run_program(
        need("curl"), "-sS", "-o", "/dev/null", "-H", "Expect:", "-H",
        f"Authorization: Bearer {token}", "-w", "%{http_code} %{time_total}",
        *(word.replace("URL", f"http://127.0.0.1:{port}") for word in how))
    status, seconds = out.split()
    if status not in ("200", "201"):
        raise RuntimeError(f"curl {' '.join(how)}: status {status}")
    return float(seconds)


def settle():
    """What the last round left to be written is not the next one's."""
    os.sync()
    time.sleep(0.3)


def forget(nexus):
    for file in nexus.json("GET", "/api/files"):
        nexus.json("DELETE", "/api/files/" + file["id"])


@contextlib.contextmanager
def one_replica(bench):
    """A Nexus in which there is one volume: that of its one node."""
    state = os.path.join(bench.dir, "one")
    os.makedirs(os.path.join(state, "etc"))
    with open(os.path.join(bench.nexus.state, "etc/nexus.conf"),
              encoding="utf-8") as f:
        conf = f.read()
    with open(os.path.join(state, "etc/nexus.conf"), "w",
              encoding="utf-8") as f:
        f.write(conf + "\n[storaged]\nbase_max = 0\n")
    bench.nexus.stop()
    try:
        with Nexus(state) as nexus:
            yield nexus
    finally:
        bench.nexus.start()


@contextlib.contextmanager
def node(nexus, size):
    nexus.ctl("user", "quota", "bench", "100G")
    made = nexus.json("POST", "/api/nodes",
                      {"name": "bench-files", "memory_mb": 128,
                       "storage_size": f"{size}M"})
    try:
        yield
    finally:
        nexus.json("DELETE", f"/api/nodes/{made['id']}?force=true")


def upload(nexus, source, bare_port):
    """Seconds by name, in turn; and how many replicas there were."""
    form = ["-F", f"file=@{source}", "URL/api/files/upload"]
    raw = ["-T", source, "URL/api/files/bench.bin"]
    kinds = {"multipart": form, "raw PUT": raw}
    times, replicas = {}, 0
    for i in range(ROUNDS + 1):
        for name, how in kinds.items():
            if i == 0 and name != "multipart":
                continue  # one is enough to have written every block once
            for whose, port in ("Nexus", nexus.port), ("bare", bare_port):
                settle()
                seconds = curl(port, nexus.token, *how)
                if i > 0:
                    times.setdefault((name, whose), []).append(seconds)
                if whose == "Nexus":
                    replicas = nexus.json("GET", "/api/files")[0]["replicas"]
                    forget(nexus)
        times.setdefault("md5", []).append(
            float(run_program(ours("bare_md5"), str(MIB))))
    return kinds, times, replicas


def compare_uploads(bench, nexus, source, size, wanted):
    """With as many volumes for the bare loop as Nexus has replicas."""
    with contextlib.ExitStack() as stack:
        volumes = [stack.enter_context(
            volume(os.path.join(bench.dir, f"bare{i}"), size))
                   for i in range(wanted)]
        port = stack.enter_context(server([ours("bare_store"), *volumes]))
        kinds, times, replicas = upload(nexus, source, port)
        if replicas != wanted:
            raise RuntimeError(f"{replicas} replicas, not {wanted}")
    report_upload(bench, kinds, times, wanted)


def run(bench):
    # Beside the large file, deleted ones may stay until they are collected.
    size = MIB * 5 // 2 + 512
    free = os.statvfs(bench.dir)
    if free.f_bavail * free.f_frsize < (4 * size + MIB + 1024) << 20:
        raise RuntimeError(f"{(4 * size + MIB + 1024) >> 10} GiB have to be "
                           "free; BENCH_MIB chooses a smaller file")
    source = os.path.join(bench.dir, "source")
    make_source(source)
    try:
        with one_replica(bench) as nexus, node(nexus, size):
            compare_uploads(bench, nexus, source, size, 1)
        with node(bench.nexus, size):
            compare_uploads(bench, bench.nexus, source, size, 2)
            with volume(os.path.join(bench.dir, "bare"), size) as at:
                download(bench, source, at)
    finally:
        os.unlink(source)


def report_upload(bench, kinds, times, replicas):
    part = (f"upload of {MIB} MiB, {replicas} replica{'s' * (replicas > 1)} "
            f"({ROUNDS} rounds)")
    speed = {key: (MIB << 20) / 1e6 / median(value)
             for key, value in times.items()}
    for name in kinds:
        bench.results.add(part, name, "MB/s", speed[name, "Nexus"],
                          speed[name, "bare"], "bare loop in C")
    bench.results.add(part, "raw PUT", "MB/s", speed["raw PUT", "Nexus"],
                      speed["md5"], "MD5 alone, from memory")


def download(bench, source, at):
    """The file is in the page cache on both sides."""
    curl(bench.nexus.port, bench.nexus.token, "-T", source,
         "URL/api/files/bench.bin")
    file = bench.nexus.json("GET", "/api/files")[0]
    copy = os.path.join(at, "copy")
    subprocess.run(["cp", source, copy], check=True)
    settle()
    request = bench.nexus.request_file(bench.dir, "GET",
                                       f"/api/files/{file['id']}/download")
    with server([ours("bare_sendfile"), copy]) as port:
        times = timer(DOWNLOADS, {
            "Nexus": ("ask", [ours("request"), str(bench.nexus.port),
                              request]),
            "bare": ("ask", [ours("request"), str(port), request]),
        })
    part = f"download of {MIB} MiB ({DOWNLOADS} rounds, warm)"
    bench.results.add(part, "verified", "MB/s",
                      (MIB << 20) / times["Nexus"]["p50"],
                      (MIB << 20) / times["bare"]["p50"], "bare sendfile")
    forget(bench.nexus)
