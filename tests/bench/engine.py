"""Starts engine.c as nodemgr is started: under its uid, with its three
capabilities, in a cgroup it was given, with a volume of the usual kind."""
import contextlib
import os
import pwd
import subprocess
import time

from tools import BUILD, CGROUPS, ours, run, volume

USER = "nexus-node"
VOLUME_MIB = 256
CAPS = "-all,+sys_admin,+setuid,+setgid,+setpcap"  # setpcap: until the drop


@contextlib.contextmanager
def cgroup(uid):
    """A cgroup for all that is compared. In it engine/ is delegated, and a
    namespace (inside) makes it look like the root: crun and runc switch
    controllers on in what they take for the root."""
    path = f"{CGROUPS}/nexus-bench-{os.getpid()}"
    own = os.path.join(path, "engine")
    os.makedirs(own)
    for name in "", "cgroup.procs", "cgroup.subtree_control":
        os.chown(os.path.join(own, name), uid, uid)
    try:
        yield path
    finally:
        remove(path)


def inside(path):
    """The words before a command that run it in the cgroup's namespace. The
    root of that one stays free of processes, as a real one's may."""
    return ["unshare", "--mount", "sh", "-ec",
            f"echo 0 >{path}/cgroup.procs\n"
            'exec unshare --cgroup sh -ec "$0" "$@"',
            f"umount {CGROUPS}\n"
            f"mount -t cgroup2 none {CGROUPS}\n"
            f"mkdir {CGROUPS}/main\n"
            f"echo 0 >{CGROUPS}/main/cgroup.procs\n"
            'exec "$@"', "bench"]


def remove(path):
    for below, _, _ in os.walk(path, topdown=False):
        for _ in range(100):
            try:
                os.rmdir(below)
                break
            except OSError:
                time.sleep(0.01)


@contextlib.contextmanager
def ready(bench):
    """The command that runs it, and the words to put before what starts it."""
    uid = pwd.getpwnam(USER).pw_uid
    where = os.path.join(bench.place, "engine")
    for name in "images", "scratch", "volume", "bin":
        os.makedirs(os.path.join(where, name))
    for name in "images", "scratch":
        os.chown(os.path.join(where, name), uid, uid)
    with volume(os.path.join(bench.dir, "engine"), VOLUME_MIB) as at, \
            cgroup(uid) as group:
        try:
            # The way to the build directory may be closed to this user.
            run("mount", "--bind", at, where + "/volume")
            for name in ours("engine"), os.path.join(BUILD, "bin/nexus-init"):
                run("install", "-m", "755", name, where + "/bin")
            yield ["sh", "-ec",
                   f'echo 0 >{CGROUPS}/engine/cgroup.procs; exec "$@"',
                   "engine", "setpriv", f"--reuid={uid}", f"--regid={uid}",
                   "--clear-groups", f"--inh-caps={CAPS}",
                   f"--ambient-caps={CAPS}", f"--bounding-set={CAPS}",
                   where + "/bin/engine", where, "auto",
                   where + "/bin/nexus-init"], inside(group)
        finally:
            subprocess.run(["umount", where + "/volume"], check=False,
                           capture_output=True)
