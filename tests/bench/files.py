"""One large file up and down, over HTTP, against the bare loops in C.

Up: the same curl sends to Nexus and to bare_store, which does the same to the
bytes (MD5, CRC32C, fdatasync, linkat, fsync of the directory) on the same kind
of volume, in one process. Down: the same reader takes from Nexus, which checks
every byte before it goes out, and from bare_sendfile, which does not.
"""
import os
import subprocess
import time

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


def forget(bench):
    for file in bench.nexus.json("GET", "/api/files"):
        bench.nexus.json("DELETE", "/api/files/" + file["id"])


def upload(bench, source, bare_port):
    """Seconds by name, in turn."""
    form = ["-F", f"file=@{source}", "URL/api/files/upload"]
    raw = ["-T", source, "URL/api/files/bench.bin"]
    kinds = {"multipart": form, "raw PUT": raw}
    times = {}
    for i in range(ROUNDS + 1):
        for name, how in kinds.items():
            if i == 0 and name != "multipart":
                continue  # one is enough to have written every block once
            for whose, port in ("Nexus", bench.nexus.port), ("bare",
                                                             bare_port):
                settle()
                seconds = curl(port, bench.nexus.token, *how)
                if i > 0:
                    times.setdefault((name, whose), []).append(seconds)
                if whose == "Nexus":
                    forget(bench)
        times.setdefault("md5", []).append(
            float(run_program(ours("bare_md5"), str(MIB))))
    return kinds, times


def run(bench):
    # Beside the large file, deleted ones may stay until they are collected.
    size = MIB * 5 // 2 + 512
    free = os.statvfs(bench.dir)
    if free.f_bavail * free.f_frsize < (2 * size + MIB + 1024) << 20:
        raise RuntimeError(f"{(2 * size + MIB + 1024) >> 10} GiB have to be "
                           "free; BENCH_MIB chooses a smaller file")
    source = os.path.join(bench.dir, "source")
    make_source(source)
    bench.nexus.ctl("user", "quota", "bench", "100G")
    node = bench.nexus.json("POST", "/api/nodes",
                            {"name": "bench-files", "memory_mb": 128,
                             "storage_size": f"{size}M"})
    try:
        with volume(os.path.join(bench.dir, "bare"), size) as at:
            with server([ours("bare_store"), at]) as port:
                kinds, times = upload(bench, source, port)
            report_upload(bench, kinds, times)
            download(bench, source, at)
    finally:
        bench.nexus.json("DELETE", f"/api/nodes/{node['id']}?force=true")
        os.unlink(source)


def report_upload(bench, kinds, times):
    part = f"upload of {MIB} MiB ({ROUNDS} rounds)"
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
    forget(bench)
