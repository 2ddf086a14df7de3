"""A node, from the request until its process runs: volume, ext4, network.

Nobody else makes the same thing in one step, so the peer is one step of it:
the commands that make and mount such a volume, without anything around them.
Requests and commands are taken in turn. The steps are read from the daemons'
logs, which have the microsecond.
"""
import datetime
import glob
import os
import re
import subprocess
import time

from tools import MKFS, allocate, median, run as run_program

ROUNDS = 12
MIB = 512
UNMAKE = "umount, losetup -d, rm"

# Of a create over HTTP: a step ends with this line.
STEPS = [
    ("volume: image, mkfs, loop, mount", "event=volume-created"),
    ("container and its link", "event=attached"),
    ("to the answer", "event=node-create "),
]


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
    return {"create": made, "delete": gone, "id": node["id"]}


def over_ctl(bench, i):
    name = f"bench-ctl-{i}"
    made, _ = clock(bench.nexus.ctl, "node", "create", name, "--storage",
                    f"{MIB}M")
    gone, _ = clock(bench.nexus.ctl, "node", "delete", name, "--force")
    return {"create": made, "delete": gone}


def bare(bench):
    """A volume's own steps, each by its own command."""
    image, at = bench.dir + "/image", bench.dir + "/mnt"
    os.makedirs(at, exist_ok=True)
    steps = {}
    steps["fallocate"], _ = clock(allocate, image, MIB)
    steps["mkfs.ext4"], _ = clock(run_program, *MKFS, image)
    steps["losetup, mount"], device = clock(attach, image, at)
    steps[UNMAKE], _ = clock(detach, image, at, device)
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


def log_times(bench):
    """{(node, event): seconds} of the daemons' logs."""
    found = {}
    for path in glob.glob(bench.nexus.state + "/log/*.log"):
        with open(path, encoding="utf-8", errors="replace") as f:
            for line in f:
                node = re.search(r" node=([0-9a-f]{32})\b", line)
                event = node and next(
                    (e for _, e in STEPS if e in line), None)
                if event:
                    found[node.group(1), event] = seconds(line)
                    us = re.search(r" us=(\d+)", line)
                    if event.startswith("event=node-create") and us:
                        found[node.group(1), "begin"] = \
                            seconds(line) - int(us.group(1)) / 1e6
    return found


def seconds(line):
    when = line.split(" ", 1)[0].rstrip("Z")
    return datetime.datetime.fromisoformat(when).timestamp()


def report_steps(bench, part, nodes):
    found = log_times(bench)
    for i, (name, event) in enumerate(STEPS):
        before = STEPS[i - 1][1] if i else "begin"
        times = [(found[node, event] - found[node, before]) * 1e3
                 for node in nodes
                 if (node, event) in found and (node, before) in found]
        if times:
            bench.results.add(part, "  " + name, "ms", median(times))


def run(bench):
    http, ctl, steps = [], [], []
    for i in range(ROUNDS + 1):
        for times, value in ((http, over_http(bench, i)),
                             (ctl, over_ctl(bench, i)), (steps, bare(bench))):
            if i > 0:  # the first pays for what stays (bridge, caches)
                times.append(value)
    part = f"node with a volume of {MIB} MiB and network ({ROUNDS} rounds)"
    make = [name for name in steps[0] if name != UNMAKE]
    for what, commands, peer_name in (
            ("create", make, "its volume alone, by commands"),
            ("delete", [UNMAKE], "the same")):
        peer = [sum(s[name] for name in commands) for s in steps]
        for how, times in ("HTTP", http), ("nexusctl", ctl):
            mine = [t[what] for t in times]
            for share, pick in ("p50", median), ("slowest", max):
                bench.results.add(part, f"{what} over {how}, {share}", "ms",
                                  pick(mine), pick(peer), peer_name)
        if what == "create":
            report_steps(bench, part, [t["id"] for t in http])
    for name in steps[0]:
        bench.results.add(part, "  alone: " + name, "ms",
                          median(s[name] for s in steps))
