"""Chunks that are encrypted, compressed and both, beside plain ones, each in a
store as storaged has it, on a volume of its own.

BENCH_SECONDS is how long each is measured (3).
"""
import os

from tools import ours, run as run_program, volume

SECONDS = os.environ.get("BENCH_SECONDS", "3")
BARE_MIB = 512
COLUMNS = (("chunk of 10 MiB written, durable", "MB/s"),
           ("chunk of 10 MiB read, checked and sent", "MB/s"),
           ("4 KiB read, checked and sent", "/s"))


def run(bench):
    with volume(os.path.join(bench.dir, "coded"), BARE_MIB) as at:
        lines = [line.split() for line in run_program(
            ours("coded"), at, SECONDS).splitlines()]
    rows = [line for line in lines if len(line) > 2]
    for i, (name, unit) in enumerate(COLUMNS):
        plain = {content: float(rest[i])
                 for way, content, *rest in rows if way == "plain"}
        for way, content, *rest in rows:
            if way != "plain":
                bench.results.add(
                    name, f"{way}, {content}, {float(rest[-1]):.0f} % stored",
                    unit, float(rest[i]), plain[content], "plain")
    for name, number in (line for line in lines if len(line) == 2):
        bench.results.add("AES-256-GCM of 64 KiB, in memory", name, "MB/s",
                          float(number))
