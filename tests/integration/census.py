"""Counts what a Nexus holds on to, one "what number" a line, to be compared.

Everything is seen from outside, in /proc and /sys: what the daemons would say
of themselves is not asked. With names of images as arguments, also counts the
loop devices on images of such names.
"""
import os
import re
import subprocess
import sys

DAEMONS = ["nexusd", "nodemgr", "storaged", "netd", "authd", "maild", "gatewayd"]


def segments(since=""):
    """(segments of volumes that were emptied, records that were moved for it) since
    a time as the log has it, as far back as it goes."""
    base = os.path.join(os.environ["NEXUS_DIR"], "log/storaged.log")
    found = re.findall(r"^(\S+) .*event=segment-emptied .*moved=(\d+)",
                       read(base + ".1") + read(base), re.M)
    moved = [int(n) for at, n in found if at >= since]
    return len(moved), sum(moved)


def read(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def pids():
    return [int(p) for p in os.listdir("/proc") if p.isdigit()]


def status(pid):
    fields = {}
    for line in read(f"/proc/{pid}/status").splitlines():
        key, _, value = line.partition(":")
        fields[key] = value.strip()
    return fields


def daemons():
    """Name -> pid. Children of daemons keep their name for a moment: the
    oldest is the daemon."""
    found = {}
    for pid in sorted(pids()):
        name = read(f"/proc/{pid}/comm").strip()
        if name in DAEMONS and name not in found:
            found[name] = pid
    return found


def links_of(pid, what):
    try:
        return os.readlink(f"/proc/{pid}/{what}")
    except OSError:
        return None


def unique_namespaces(kind):
    return len({links_of(p, f"ns/{kind}") for p in pids()} - {None})


def cgroup_count(pid):
    """Directories of the subtree that was delegated to nodemgr."""
    own = ""
    for line in read(f"/proc/{pid}/cgroup").splitlines():
        if line.startswith("0::"):
            own = line[3:]
    # nodemgr sits in a leaf of its subtree.
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        top = f"/proc/{pid}/root{root}{os.path.dirname(own)}"
        if own.count("/") > 1 and os.path.exists(f"{top}/cgroup.procs"):
            return sum(len(d) for _, d, _ in os.walk(top))
    return 0


def fd_count(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return -1


def loops(names):
    count = 0
    for block in os.listdir("/sys/block"):
        backing = read(f"/sys/block/{block}/loop/backing_file")
        count += any(name in backing for name in names)
    return count


def node_processes():
    """Processes under the uids that nodes and functions are given."""
    count = 0
    for pid in pids():
        uid = status(pid).get("Uid", "0").split()[0]
        count += int(uid) >= 100000
    return count


def census(names=()):
    result = {}
    for name, pid in sorted(daemons().items()):
        result[f"{name}.fds"] = fd_count(pid)
        result[f"{name}.threads"] = int(status(pid).get("Threads", 0))
        result[f"{name}.mounts"] = len(
            read(f"/proc/{pid}/mountinfo").splitlines())
    if "nodemgr" in daemons():
        result["cgroups"] = cgroup_count(daemons()["nodemgr"])
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True)
    result["links"] = len(links.stdout.splitlines())
    result["mounts"] = len(read("/proc/self/mountinfo").splitlines())
    for kind in ("net", "user", "mnt", "pid"):
        result[f"namespaces.{kind}"] = unique_namespaces(kind)
    result["processes.nodes"] = node_processes()
    result["loops"] = loops(names) if names else 0
    return result


if __name__ == "__main__":
    for key, value in census(sys.argv[1:]).items():
        print(key, value)
