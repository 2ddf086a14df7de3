#!/usr/bin/env python3
# limit: 900
"""Random operations of several users against a model of what they know, while
every daemon is killed again and again.

Not one answer may contradict the model, nothing acknowledged may be lost,
nothing that was lost on the way may be half there; and when everything has been
deleted, nothing of it is left in the kernel.

MODEL_OPS (400) operations and MODEL_KILLS (20) SIGKILLs at least; MODEL_SEED
makes each worker's sequence the same again.
"""
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
import census
import modelled
from modelled import ask, insist
from tap import check, finish

OPS = int(os.environ.get("MODEL_OPS", "400"))
KILLS = int(os.environ.get("MODEL_KILLS", "20"))
SEED = os.environ.get("MODEL_SEED", str(time.time_ns() % 1000000))
MAIL = os.environ["NEXUS_MAIL"]
USERS, WORKERS = 3, 2


class Run:
    """What the workers and the killer share."""

    def __init__(self, seed, name):
        self.seed, self.name = seed, name
        self.lock = threading.Lock()
        self.ops, self.unsure, self.kills = 0, 0, {}
        self.faults = []

    def count(self, status):
        with self.lock:
            self.ops += 1
            self.unsure += status in modelled.UNSURE

    def fault(self, text):
        with self.lock:
            self.faults.append(text)

    def over(self):
        with self.lock:
            return bool(self.faults) or (
                self.ops >= OPS and sum(self.kills.values()) >= KILLS)


def nexusctl(*words):
    return subprocess.run(["nexusctl", "-o", "json", *words],
                          capture_output=True, text=True)


def all_there():
    return True if nexusctl("status").returncode == 0 else None


def killer(run):
    """One daemon after the other, in any order; every third time before the
    one killed last has come back."""
    rng = random.Random(f"{run.seed}/killer")
    try:
        while not run.over():
            time.sleep(rng.random() * 0.8)
            victim = rng.choice(census.DAEMONS)
            pid = census.daemons().get(victim)
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
                with run.lock:
                    run.kills[victim] = run.kills.get(victim, 0) + 1
            if rng.random() < 0.67:
                insist(all_there)
    except modelled.Fault as e:
        run.fault(f"after a kill: {e}")
    except Exception as e:
        run.fault(f"killer: {type(e).__name__}: {e}")


def register(name):
    mail = f"{name}@example.org"
    ask("POST", "/auth/register/init", {
        "Username": name, "Password": "correct horse battery", "Email": mail})

    def code():
        new = os.path.join(MAIL, "new")
        for file in os.listdir(new):
            text = census.read(os.path.join(new, file))
            if mail in text:
                return re.findall(r"\b\d{6}\b", text.split("\n\n", 1)[1])[0]
        return None
    status, answer = ask("POST", "/auth/register/verify",
                         {"Email": mail, "Code": insist(code)})
    if status != 200:
        raise modelled.Fault(f"register {name}: {status} {answer}")
    nexusctl("user", "quota", name, "4G")
    return answer["token"]


def pid_of(node):
    result = nexusctl("node", "inspect", node)
    return json.loads(result.stdout).get("pid") if not result.returncode \
        else result.stderr


def anchor(name, token):
    """A node that lives through it all, with room for files: (id, pid)."""
    status, answer = ask("POST", "/api/nodes", {
        "name": name, "memory_mb": 64, "storage_size": "1G"}, token)
    if status != 201:
        raise modelled.Fault(f"create {name}: {status} {answer}")
    return answer["id"], pid_of(answer["id"])


def kernel():
    """What Nexus has of the kernel beside its daemons' own."""
    seen = census.census()
    return {k: v for k, v in seen.items()
            if not k.endswith((".fds", ".threads", ".mounts"))
            and k != "loops"}


def images():
    """(images of volumes, loop devices bound to one of them)."""
    inodes = {os.stat(os.path.join(folder, f)).st_ino
              for folder, _, files in os.walk(os.environ["NEXUS_DIR"])
              for f in files if f.endswith(".img")}
    found = subprocess.run(["losetup", "-lnO", "BACK-INO"],
                           capture_output=True, text=True).stdout.split()
    return len(inodes), sum(int(i) in inodes for i in found)


def leaks(before):
    now = kernel()
    wrong = [f"{k}: {before.get(k)} -> {v}" for k, v in sorted(now.items())
             if v != before.get(k)]
    count, bound = images()
    if bound > count:
        wrong.append(f"{bound} loop devices on {count} images")
    return wrong


def without_leaks(before):
    return True if not leaks(before) else None


def clean_up(workers, before):
    for worker in workers:
        worker.clear()

    left = []

    def empty():
        for worker in workers:
            for path in ("/api/nodes", "/api/files", "/api/fs/ls?path=/",
                         "/api/buckets", "/api/uploads"):
                answer = ask("GET", path, None, worker.token)
                if answer != (200, []):
                    left[:] = [worker.name, path, answer]
                    worker.clear()
                    return None
        return True
    try:
        insist(empty)
        check("everything can be deleted", True)
    except modelled.Fault as e:
        check("everything can be deleted", False, f"{e} {left!r:.500}")
    try:
        insist(lambda: without_leaks(before))
    except modelled.Fault:
        pass
    check("nothing of it is left in the kernel", not leaks(before),
          "\n".join(leaks(before)))


def main():
    print(f"# MODEL_SEED={SEED}", flush=True)
    name = f"m{os.getpid()}x{SEED}"
    tokens = [register(f"{name}u{i}") for i in range(USERS)]
    before = kernel()
    anchors = [anchor(f"{name}-anchor{i}", tokens[0]) for i in range(2)]
    run = Run(SEED, name)
    workers = [modelled.Worker(run, n, tokens[n % USERS],
                               tokens[(n + 1) % USERS])
               for n in range(USERS * WORKERS)]
    assassin = threading.Thread(target=killer, args=(run,))
    began = time.monotonic()
    start = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    for thread in workers + [assassin]:
        thread.start()
    for thread in workers + [assassin]:
        thread.join()
    print(f"# {run.ops} operations ({run.unsure} answers lost), "
          f"{sum(run.kills.values())} kills {json.dumps(run.kills)}, "
          f"{time.monotonic() - began:.0f} s")
    check(f"no answer contradicts the model in {run.ops} operations and "
          f"{sum(run.kills.values())} kills", not run.faults,
          "\n".join(run.faults))
    try:
        insist(all_there)
    except modelled.Fault as e:
        check("all daemons are back", False, e)
    for worker in workers:
        try:
            worker.verify()
            check(f"{worker.name}: everything acknowledged is there "
                  f"({len(worker.tree)} entries, {len(worker.raw)} files, "
                  f"{len(worker.objects)} objects, {len(worker.vault)} with "
                  f"versions, {sum(map(len, worker.past.values()))} past, "
                  f"{len(worker.nodes)} nodes)", True)
        except modelled.Fault as e:
            check(f"{worker.name}: everything acknowledged is there", False, e)
    emptied, moved = census.segments(start)
    print(f"# {emptied} segments emptied, {moved} records moved for it")
    if OPS >= 5000:
        check("segments were emptied meanwhile", emptied > 0 and moved > 0)
    check("the nodes that nobody touched run on",
          [pid_of(node) for node, _ in anchors] == [p for _, p in anchors],
          [pid_of(node) for node, _ in anchors])
    for worker in workers:
        worker.clear()
    for node, _ in anchors:
        ask("DELETE", f"/api/nodes/{node}?force=true", None, tokens[0])
    clean_up(workers, before)
    return finish()


sys.exit(main())
