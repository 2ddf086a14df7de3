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
    """A delegated cgroup, which the caller's children can be moved to."""
    path = f"{CGROUPS}/nexus-bench-{os.getpid()}"
    os.mkdir(path)
    for name in "", "cgroup.procs", "cgroup.subtree_control":
        os.chown(os.path.join(path, name), uid, uid)
    try:
        yield path
    finally:
        remove(path)


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
    """The command that runs it."""
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
            yield ["sh", "-c", f'echo 0 >{group}/cgroup.procs; exec "$@"',
                   "engine", "setpriv", f"--reuid={uid}", f"--regid={uid}",
                   "--clear-groups", f"--inh-caps={CAPS}",
                   f"--ambient-caps={CAPS}", f"--bounding-set={CAPS}",
                   where + "/bin/engine", where, "auto",
                   where + "/bin/nexus-init"]
        finally:
            subprocess.run(["umount", where + "/volume"], check=False,
                           capture_output=True)
