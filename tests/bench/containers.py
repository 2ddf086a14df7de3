"""A container made, /bin/true run in it, and all of it gone again.

Everybody gets the same namespaces (user, pid, mount, network, IPC, UTS and
cgroup), the host's /usr read-only and the same dynamic /bin/true; crun and runc
make a cgroup, too. Nexus's engine beyond that makes a writable overlay on an
ext4 volume, maps ids on three mounts, loads its seccomp filters and runs the
command under an init with a log. It is a daemon, so what the peers pay to be
started is not in its figure: that is how it is used.
"""
import json
import os

import engine
from tools import Missing, need, timer

ROUNDS = 200
SECONDS = 40

LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib",
         "lib64": "usr/lib64"}
NAMESPACES = ["pid", "network", "ipc", "uts", "mount", "user", "cgroup"]
BWRAP = ["--unshare-all", "--ro-bind", "/usr", "/usr", "--proc", "/proc",
         "--dev", "/dev", "--tmpfs", "/tmp"]
for link, target in LINKS.items():
    BWRAP += ["--symlink", target, "/" + link]


def bundle(where):
    """What crun and runc take: the default of their `spec`, with a user
    namespace and our root."""
    root = os.path.join(where, "rootfs")
    for name in "usr", "proc", "dev", "sys", "tmp", "etc":
        os.makedirs(os.path.join(root, name))
    for link, target in LINKS.items():
        os.symlink(target, os.path.join(root, link))
    ids = [{"containerID": 0, "hostID": 1000000, "size": 65536}]
    caps = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
    config = {
        "ociVersion": "1.0.0",
        "process": {
            "terminal": False, "user": {"uid": 0, "gid": 0}, "cwd": "/",
            "args": ["/bin/true"], "env": ["PATH=/usr/bin:/bin"],
            "noNewPrivileges": True,
            "capabilities": {"bounding": caps, "effective": caps,
                             "permitted": caps},
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "bench",
        "mounts": [
            bind("/usr"),
            fs("/proc", "proc"),
            fs("/dev", "tmpfs", "nosuid", "mode=755", "size=65536k"),
            fs("/dev/pts", "devpts", "nosuid", "noexec", "newinstance",
               "ptmxmode=0666", "mode=0620"),
            fs("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777",
               "size=65536k"),
            fs("/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev"),
            fs("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        ],
        "linux": {
            "namespaces": [{"type": kind} for kind in NAMESPACES],
            "uidMappings": ids, "gidMappings": ids,
            "cgroupsPath": "/nexus-bench",
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq",
                              "/proc/sys", "/proc/sysrq-trigger"],
        },
    }
    with open(os.path.join(where, "config.json"), "w",
              encoding="utf-8") as f:
        json.dump(config, f)


def bind(path):
    return {"destination": path, "type": "bind", "source": path,
            "options": ["rbind", "ro", "nosuid", "nodev"]}


def fs(path, kind, *options):
    return {"destination": path, "type": kind, "source": kind,
            "options": list(options)}


def peers(where):
    """{name: command}, and {name: why not}."""
    commands = {
        "crun run": ["crun", "--root", where + "/crun", "run", "--bundle",
                     where, "nexus-bench"],
        "runc run": ["runc", "--root", where + "/runc", "run", "--bundle",
                     where, "nexus-bench"],
        "bwrap --unshare-all": ["bwrap", *BWRAP, "/bin/true"],
    }
    found, missing = {}, {}
    for name, command in commands.items():
        try:
            found[name] = [need(command[0]), *command[1:]]
        except Missing as why:
            missing[name] = str(why)
    return found, missing


def run(bench):
    where = os.path.join(bench.place, "bundle")
    os.makedirs(where)
    bundle(where)
    found, missing = peers(where)
    for name, why in missing.items():
        bench.results.skip(name, why)
    with engine.ready(bench) as (command, before):
        subjects = {"Nexus": ("ask", command)}
        for name, peer in found.items():
            subjects[name] = ("run", peer)
        times = timer(ROUNDS, subjects, SECONDS, before)
    ours = times["Nexus"]
    part = f"container: create, run /bin/true, delete ({ours['n']} rounds)"
    for share in "min", "p50", "p99":
        for name in found:
            bench.results.add(part, share, "ms", ours[share] / 1e3,
                              times[name][share] / 1e3, name)
