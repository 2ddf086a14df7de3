"""make bench: starts a Nexus, runs every part, prints the table.

A part is a module with run(bench); it adds rows, or says why it could not.
Run by tests/bench/run, in namespaces of its own and as root.
"""
import os
import shutil
import signal
import sys
import traceback

import coded
import containers
import files
import functions
import memory
import million
import nodes
import others
import parity
import small_files
import small_requests
from nexus import Nexus
from results import Results
from tools import BUILD, Missing, mount_cgroup2, run as run_program

PARTS = {
    "containers": containers,
    "nodes": nodes,
    "files": files,
    "small": small_files,
    "coded": coded,
    "parity": parity,
    "functions": functions,
    "requests": small_requests,
    "others": others,
}
ON_DEMAND = {"million": million}  # gigabytes, and minutes to fill
ALL = {**PARTS, **ON_DEMAND}
PLACE = "/mnt"


class Bench:
    """What every part gets."""

    def __init__(self, results, nexus, where, place):
        self.results = results
        self.nexus = nexus
        self.dir = where  # on disk, gone when it is over
        self.place = place  # in memory; every user can find the way there


def run_part(name, bench):
    print(f"bench: {name} ...", file=sys.stderr, flush=True)
    try:
        ALL[name].run(bench)
    except Missing as missing:
        bench.results.skip(name, str(missing))
    except Exception as error:  # one part's failure is not the others'
        traceback.print_exc()
        bench.results.fail(name, str(error))


def main():
    # tests/isolated passes signals on; unwinding stops what was started
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wanted = sys.argv[1:] or list(PARTS)
    unknown = [name for name in wanted if name not in ALL]
    if unknown:
        sys.exit(f"bench: no part {unknown[0]}; there are {' '.join(ALL)}")
    where = os.path.join(BUILD, "bench")
    for name in "up", "tmp":
        shutil.rmtree(os.path.join(where, name), ignore_errors=True)
    tmp = os.path.join(where, "tmp")
    os.makedirs(tmp)
    results = Results()
    mount_cgroup2()
    run_program("mount", "-t", "tmpfs", "-o", "mode=755", "bench", PLACE)
    try:
        with Nexus(os.path.join(where, "up")) as nexus:
            before = memory.read(nexus)
            for name in wanted:
                run_part(name, Bench(results, nexus, tmp, PLACE))
            results.memory = memory.compare(before, memory.read(nexus))
            nexus.check()
    except Exception as error:
        results.fail("Nexus", str(error))
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    results.write(os.path.join(where, "results.json"))
    results.show()
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
