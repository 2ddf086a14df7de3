"""What the parts share: programs, timing, volumes, cgroups."""
import contextlib
import json
import os
import shutil
import statistics
import subprocess

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
# The interpreter functions run in, and so their peers: not what PATH says.
PYTHON = "/usr/bin/python3"
CGROUPS = "/sys/fs/cgroup"

median = statistics.median


class Missing(Exception):
    """A peer is not here; the text says which and why."""


def need(name):
    """The path of the program @name."""
    path = shutil.which(name, path="/usr/local/sbin:/usr/local/bin:"
                                   "/usr/sbin:/usr/bin:/sbin:/bin")
    if not path:
        raise Missing(f"{name} is not installed")
    return path


def ours(name):
    """The path of the bench's own program @name (tests/bench/NAME.c)."""
    return os.path.join(BUILD, "tests/bench", name)


def run(*command, **more):
    """Runs it; its stdout. Raises with its stderr when it fails."""
    done = subprocess.run(command, capture_output=True, text=True,
                          check=False, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:3])} ...: status "
                           f"{done.returncode}: {done.stderr.strip()}")
    return done.stdout


def timer(rounds, subjects, seconds=60, before=()):
    """{name: statistics in microseconds} of @subjects, {name: (how, command)},
    in turn; see timer.c. @before: words in front of the timer itself."""
    out = run(*before, *timer_command(rounds, subjects, seconds))
    return {s["name"]: s for s in map(json.loads, out.splitlines())}


def timer_command(rounds, subjects, seconds):
    command = [ours("timer"), "-s", str(seconds), str(rounds)]
    for i, (name, (how, what)) in enumerate(subjects.items()):
        command += ["--"] * (i > 0) + [name, how, *what]
    return command


def per_second(subject, workers, seconds):
    """How often @subject, (how, command), is done in a second by @workers at
    once."""
    command = timer_command(1000000, {"it": subject}, seconds)
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
               for _ in range(workers)]
    total = 0.0
    for process in started:
        out, _ = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"{subject[1][0]}: the timer failed")
        done = json.loads(out)
        total += done["n"] / (done["elapsed"] / 1e6)
    return total


def mount_cgroup2():
    """A cgroup2 tree in this mount namespace, where the host's is another."""
    kind = run("stat", "-fc", "%T", CGROUPS).strip()
    if kind != "cgroup2fs":
        run("mount", "-t", "cgroup2", "none", CGROUPS)


# As storaged makes them (storaged/volumes/formatter.c, loop.c).
MKFS = ["mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", "-i", "16384",
        "-e", "remount-ro", "-E",
        "nodiscard,lazy_itable_init=0,lazy_journal_init=0"]


def allocate(image, mib):
    run("fallocate", "-l", f"{mib}MiB", image)


@contextlib.contextmanager
def volume(where, mib):
    """A volume of the same kind as a node's: a mounted directory."""
    image, at = os.path.join(where, "image"), os.path.join(where, "mnt")
    os.makedirs(at)
    device = None
    try:
        allocate(image, mib)
        run(*MKFS, image)
        device = run("losetup", "--find", "--show", "--direct-io=on",
                     "--sector-size", "4096", image).strip()
        run("mount", "-t", "ext4", device, at)
        yield at
    finally:
        subprocess.run(["umount", at], check=False, capture_output=True)
        if device:
            subprocess.run(["losetup", "--detach", device], check=False)
        shutil.rmtree(where, ignore_errors=True)


@contextlib.contextmanager
def server(command):
    """A bench's own server; gives the port it prints."""
    with subprocess.Popen(command, stdout=subprocess.PIPE,
                          text=True) as process:
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()
