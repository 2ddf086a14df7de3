"""A node, from the request until its process runs: volume, ext4, network.

Nobody else makes the same thing in one step, so there is no peer but for one
step: the commands that make and mount such a volume, without anything around
them. Request and command line are taken in turn.
"""
import os
import subprocess
import time

from tools import MKFS, allocate, median, run as run_program

ROUNDS = 12
MIB = 512


def clock(what, *args):
    """Milliseconds and the result."""
    before = time.perf_counter()
    result = what(*args)
    return (time.perf_counter() - before) * 1e3, result


def over_http(bench, i):
    made, node = clock(bench.nexus.json, "POST", "/api/nodes", {
        "name": f"bench-http-{i}", "memory_mb": 128,
        "storage_size": f"{MIB}M"})
    gone, _ = clock(bench.nexus.json, "DELETE",
                    f"/api/nodes/{node['id']}?force=true")
    return made, gone


def over_ctl(bench, i):
    name = f"bench-ctl-{i}"
    made, _ = clock(bench.nexus.ctl, "node", "create", name, "--storage",
                    f"{MIB}M")
    gone, _ = clock(bench.nexus.ctl, "node", "delete", name, "--force")
    return made, gone


def bare(bench):
    """The steps of a volume, by name, each by its own command."""
    image, at = bench.dir + "/image", bench.dir + "/mnt"
    os.makedirs(at, exist_ok=True)
    steps = {}
    steps["fallocate"], _ = clock(allocate, image, MIB)
    steps["mkfs.ext4"], _ = clock(run_program, *MKFS, image)
    steps["losetup, mount"], device = clock(attach, image, at)
    steps["umount, losetup -d, rm"], _ = clock(detach, image, at, device)
    return steps


def attach(image, at):
    device = run_program("losetup", "--find", "--show", "--direct-io=on",
                         "--sector-size", "4096", image).strip()
    run_program("mount", "-t", "ext4", device, at)
    return device


def detach(image, at, device):
    subprocess.run(["umount", at], check=True)
    run_program("losetup", "--detach", device)
    os.unlink(image)


def run(bench):
    http, ctl, steps = [], [], []
    for i in range(ROUNDS + 1):
        for times, value in ((http, over_http(bench, i)),
                             (ctl, over_ctl(bench, i)), (steps, bare(bench))):
            if i > 0:  # the first pays for what stays (bridge, caches)
                times.append(value)
    part = f"node with a volume of {MIB} MiB and network ({ROUNDS} rounds)"
    down = "umount, losetup -d, rm"
    peer = [median(sum(s.values()) - s[down] for s in steps),
            median(s[down] for s in steps)]
    for name, times in ("HTTP", http), ("nexusctl", ctl):
        for i, (what, commands) in enumerate((("create", "fallocate, mkfs, "
                                               "losetup, mount"),
                                              ("delete", down))):
            values = [t[i] for t in times]
            bench.results.add(part, f"{what} over {name}, median", "ms",
                              median(values), peer[i], commands)
            bench.results.add(part, f"{what} over {name}, slowest", "ms",
                              max(values))
    for step in steps[0]:
        bench.results.add(part, f"a volume's {step}, alone", "ms",
                          median(s[step] for s in steps))
