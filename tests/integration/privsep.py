#!/usr/bin/python3
"""What the kernel says of every running daemon, beside what it should be.

The table below is the documented distribution of privilege; nothing in it is
asked of the daemons themselves.
"""
import ctypes
import os
import pwd
import socket
import sys

sys.dont_write_bytecode = True
import census
from tap import check, finish

LIBC = ctypes.CDLL(None, use_errno=True)
PIDFD_GETFD = 438

SYS_ADMIN, SETUID, SETGID, NET_ADMIN = 1 << 21, 1 << 7, 1 << 6, 1 << 12

# Kinds of descriptors, each with the most there may be. edge: AF_UNIX
# SEQPACKET, to nexusd and to peers; loop: epoll, eventfd, signalfd, timerfd of
# the event loop, and the pipe through which signals reach it; log: where its
# messages go; state: files and directories below its own state directory.
COMMON = {"edge": 12, "loop": 4, "log": 3, "null": 3, "notify": 1, "pair": 2,
          "pipe": 2}

TABLE = {
    "nexusd": dict(
        user="nexus", caps=0, threads=1, empty_root=True,
        # /dev/null: kept in reserve, to be able to turn clients away
        fds=dict(COMMON, edge=80, listen_unix=1, null=16)),
    "nodemgr": dict(
        user="nexus-node", caps=SYS_ADMIN | SETUID | SETGID, threads=1,
        own_mounts=True,
        fds=dict(COMMON, state=64, cgroup=64, mount=64, process=64,
                 namespace=64, pipe=64, memory=16, device=8)),
    "storaged": dict(
        user="nexus-storage", caps=SYS_ADMIN, threads=64, own_mounts=True,
        # loop: pools of threads tell it by an eventfd each
        fds=dict(COMMON, loop=8, state=64, mount=256, device=64, pipe=64,
                 process=1, namespace=1)),
    "netd": dict(
        user="nexus-net", caps=NET_ADMIN, threads=1, own_network=False,
        fds=dict(COMMON, netlink=3, namespace=2)),
    "authd": dict(
        user="nexus-auth", caps=0, threads=9,
        fds=dict(COMMON, state=16)),
    "maild": dict(
        user="nexus-mail", caps=0, threads=2,
        # a unit cannot read nexus.conf, which may name a mail server
        own_network="NEXUS_UNITS" not in os.environ,
        fds=dict(COMMON, state=8)),
    "gatewayd": dict(
        user="nexus-gateway", caps=0, threads=1,
        empty_root=True,
        fds=dict(COMMON, listen_tcp=2, tcp=64)),
}


def equal(name, got, wanted):
    check(name, got == wanted, f"got:    {got}\nwanted: {wanted}")


def socket_kind(pid, fd):
    """What a socket of another process is, asked of the socket itself: where
    it is listed depends on who made it, who may be gone."""
    pidfd = os.pidfd_open(pid)
    copy = LIBC.syscall(PIDFD_GETFD, pidfd, fd, 0)
    os.close(pidfd)
    if copy < 0:
        return "socket"
    with socket.socket(fileno=copy) as s:
        listens = s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        return {
            (socket.AF_UNIX, socket.SOCK_SEQPACKET):
                "listen_unix" if listens else "edge",
            # SOCK_DGRAM: the supervisor's notify socket
            (socket.AF_UNIX, socket.SOCK_DGRAM): "notify",
            (socket.AF_UNIX, socket.SOCK_STREAM): "pair",
            (socket.AF_INET, socket.SOCK_STREAM):
                "listen_tcp" if listens else "tcp",
            (socket.AF_INET6, socket.SOCK_STREAM):
                "listen_tcp" if listens else "tcp",
            (socket.AF_NETLINK, socket.SOCK_RAW): "netlink",
            (socket.AF_NETLINK, socket.SOCK_DGRAM): "netlink",
        }.get((s.family, s.type), f"{s.family} {s.type}")


def kind_of(pid, fd, target):
    if target.startswith("socket:["):
        return socket_kind(pid, fd)
    if target.startswith("pipe:["):
        return "pipe"
    if target in ("/dev/null",):
        return "null"
    for prefix, kind in (
            ("anon_inode:[event", "loop"), ("anon_inode:[signalfd", "loop"),
            ("anon_inode:[timerfd", "loop"), ("anon_inode:[pidfd", "process"),
            ("pidfd:", "process"), ("anon_inode:[fscontext", "mount"),
            ("/memfd:", "memory"), ("/dev/", "device"), ("net:[", "namespace"),
            ("user:[", "namespace"), ("mnt:[", "namespace"),
            ("pid:[", "namespace"), ("/sys/fs/cgroup", "cgroup"),
            ("/proc", "process")):
        if target.startswith(prefix):
            return kind
    if "/state/" in target or "/var/lib/nexus" in target:
        return "state"
    return "mount" if target.startswith("/") else target


def descriptors(pid):
    kinds = {}
    for fd in sorted(os.listdir(f"/proc/{pid}/fd"), key=int):
        target = census.links_of(pid, f"fd/{fd}")
        if target is None:
            continue
        kind = kind_of(pid, int(fd), target)
        # Standard output and error go to the supervisor or a file.
        if int(fd) in (1, 2) and kind != "null":
            kind = "log"
        kinds.setdefault(kind, []).append(f"{fd} -> {target}")
    return kinds


def check_daemon(name, pid, want, home):
    st = census.status(pid)
    uid, gid = pwd.getpwnam(want["user"])[2:4]
    equal(f"{name}: all four uids are {want['user']}'s",
          st["Uid"].split(), [str(uid)] * 4)
    equal(f"{name}: all four gids are {want['user']}'s",
          st["Gid"].split(), [str(gid)] * 4)
    sets = {k: int(st[k], 16)
            for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    equal(f"{name}: five sets of capabilities", sets,
          dict(CapInh=0, CapPrm=want["caps"], CapEff=want["caps"], CapBnd=0,
               CapAmb=0))
    equal(f"{name}: no new privileges", st["NoNewPrivs"], "1")
    equal(f"{name}: a seccomp filter", st["Seccomp"], "2")
    check(f"{name}: at most {want['threads']} threads",
          int(st["Threads"]) <= want["threads"], st["Threads"])
    # A filter is a thread's own: none may have been forgotten.
    unfiltered = [t for t in os.listdir(f"/proc/{pid}/task")
                  if "Seccomp:\t2" not in
                  census.read(f"/proc/{pid}/task/{t}/status")]
    equal(f"{name}: every thread is filtered", unfiltered, [])
    check_namespaces(name, pid, want, home)
    found = descriptors(pid)
    strange = {k: v for k, v in found.items()
               if len(v) > want["fds"].get(k, 0)}
    check(f"{name}: only the descriptors it needs", not strange,
          "\n".join(f"{k}: {len(v)} of at most {want['fds'].get(k, 0)}: "
                    f"{', '.join(v)}" for k, v in strange.items()))


def check_namespaces(name, pid, want, home):
    own_net = census.links_of(pid, "ns/net") != home["net"]
    equal(f"{name}: network namespace of its own",
          own_net, want.get("own_network", True))
    if want.get("own_mounts"):
        others = {census.links_of(p, "ns/mnt")
                  for n, p in home["pids"].items() if n != name}
        check(f"{name}: mount namespace of its own",
              census.links_of(pid, "ns/mnt") not in others)
    if want.get("empty_root"):
        equal(f"{name}: its root is an empty directory",
              os.listdir(f"/proc/{pid}/root"), [])
        check(f"{name}: which it cannot write to",
              not os.stat(f"/proc/{pid}/root").st_mode & 0o022)


def main():
    pids = census.daemons()
    equal("every daemon runs", sorted(pids), sorted(TABLE))
    home = dict(net=census.links_of("self", "ns/net"), pids=pids)
    uids = [census.status(p)["Uid"].split()[0] for p in pids.values()]
    equal("no two daemons share a uid", len(set(uids)), len(uids))
    for name, want in TABLE.items():
        if name in pids:
            check_daemon(name, pids[name], want, home)
    return finish()


sys.exit(main())
