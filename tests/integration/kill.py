#!/usr/bin/python3
# limit: 1500
"""SIGKILL, again and again, to every daemon, while users are at work.

Allowed is: a 503, a connection that ends. Not allowed: that anything that was
acknowledged is lost, that a node dies, that something hangs, any other answer.
nexusd may go without anybody noticing: those already introduced go on.

KILL_ROUNDS (2) is how often each is killed, KILL_SEED makes it the same again.
"""
import hashlib
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

sys.dont_write_bytecode = True
import census
from tap import check, finish

URL = urllib.parse.urlparse(os.environ["NEXUS_URL"])
MAIL = os.environ["NEXUS_MAIL"]
ROUNDS = int(os.environ.get("KILL_ROUNDS", "2"))
SEED = int(os.environ.get("KILL_SEED", time.time_ns() % 1000000))
PATIENCE = 120  # seconds for whatever has to come back
rng = random.Random(SEED)


def request(method, path, body=None, token=None, kind="application/json"):
    """(status, bytes); status 0: the connection ended."""
    headers = {"Content-Type": kind}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    conn = http.client.HTTPConnection(URL.hostname, URL.port, timeout=PATIENCE)
    try:
        conn.request(method, path, body, headers)
        answer = conn.getresponse()
        return answer.status, answer.read()
    except TimeoutError:
        return -1, b"nothing came"
    except (OSError, http.client.HTTPException) as e:
        return 0, str(e).encode()
    finally:
        conn.close()


def ask(method, path, value=None, token=None):
    body = None if value is None else json.dumps(value)
    status, data = request(method, path, body, token)
    try:
        return status, json.loads(data or b"null")
    except ValueError:
        return status, data


def eventually(what):
    """Calls until it is true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        result = what()
        if result:
            return result
        time.sleep(0.1)
    return None


def code_for(mail):
    new = os.path.join(MAIL, "new")
    for name in os.listdir(new):
        text = census.read(os.path.join(new, name))
        if mail in text:
            return re.findall(r"\b\d{6}\b", text.split("\n\n", 1)[1])[0]
    return None


def register(name):
    mail = f"{name}@example.org"
    ask("POST", "/auth/register/init",
        dict(Username=name, Password="correct horse battery", Email=mail))
    code = eventually(lambda: code_for(mail))
    return ask("POST", "/auth/register/verify",
               dict(Email=mail, Code=code))[1]["token"]


class Load:
    """Users at work: each thread repeats one kind of thing, and notes what was
    acknowledged and what was answered otherwise."""

    def __init__(self, token, name):
        self.token, self.name = token, name
        self.files = {}       # id -> md5, acknowledged
        self.packed = {}      # the same of small ones, which share segments
        self.deleted = set()  # ids, acknowledged
        self.nodes = {}       # id -> name, acknowledged
        self.strange = []     # answers that are not allowed
        self.lost = []        # those that are: 503, connections that ended
        self.counts = {}
        self.began = {}       # kind of work -> when the last good one began
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.kinds = (self.upload, self.pack, self.download, self.look,
                      self.create, self.run)
        self.threads = [threading.Thread(target=self.work, args=(f,))
                        for f in self.kinds]

    def work(self, act):
        chance = random.Random(rng.random())
        while not self.stop.is_set():
            began = time.monotonic()
            if act(chance):
                self.began[act.__name__] = began

    def all_work_since(self, moment):
        return all(self.began.get(f.__name__, 0) > moment for f in self.kinds)

    def note(self, what, status, data):
        kind = ("done" if 200 <= status < 300 else
                {0: "ended", 503: "503"}.get(status, "strange"))
        with self.lock:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            if kind in ("ended", "503"):
                self.lost.append(f"{what}: {status} {data!r:.200}")
            elif kind == "strange":
                self.strange.append(f"{what}: {status} {data!r:.200}")
        if kind != "done":
            time.sleep(0.05)
        return kind == "done"

    def upload(self, chance):
        data = chance.randbytes(chance.randrange(1, 12 << 20))
        status, answer = request("PUT", f"/api/files/f{chance.random()}", data,
                                 self.token, "application/octet-stream")
        if not self.note("upload", status, answer):
            return False
        file = json.loads(answer)["id"]
        with self.lock:
            self.files[file] = hashlib.md5(data).hexdigest()
            victim = None
            if len(self.files) > 12:
                victim = chance.choice(sorted(self.files))
                del self.files[victim]  # from now on: either way is fine
        if victim:
            status, answer = request(
                "DELETE", f"/api/files/{victim}", None, self.token)
            if self.note("delete", status, answer):
                with self.lock:
                    self.deleted.add(victim)
        return True

    def pack(self, chance):
        """Small files, most of which go again: segments are full of holes, and
        are emptied."""
        some = []
        for _ in range(8):
            data = chance.randbytes(chance.randrange(50000, 250000))
            status, answer = request("PUT", f"/api/files/p{chance.random()}",
                                     data, self.token,
                                     "application/octet-stream")
            if not self.note("small upload", status, answer):
                break
            some.append(json.loads(answer)["id"])
            with self.lock:
                self.packed[some[-1]] = hashlib.md5(data).hexdigest()
        with self.lock:
            victims = some[:6] + sorted(self.packed)[:len(self.packed) - 40]
            for victim in victims:
                self.packed.pop(victim, None)
        for victim in victims:
            status, answer = request(
                "DELETE", f"/api/files/{victim}", None, self.token)
            if status == 404:  # asked for twice: it is in both lists
                continue
            if self.note("small delete", status, answer):
                with self.lock:
                    self.deleted.add(victim)
        return len(some) == 8

    def download(self, chance):
        with self.lock:
            known = sorted(self.files) + sorted(self.packed)[:12]
        if not known:
            time.sleep(0.05)
            return False
        file = chance.choice(known)
        with self.lock:
            wanted = self.files.get(file) or self.packed.get(file)
        status, data = request(
            "GET", f"/api/files/{file}/download", None, self.token)
        with self.lock:
            gone = file not in self.files and file not in self.packed
        if status == 404 and gone:
            return False
        if not self.note("download", status, data[:200]):
            return False
        if wanted and hashlib.md5(data).hexdigest() != wanted:
            self.strange.append(f"download of {file}: other bytes")
        return True

    def look(self, chance):
        path = chance.choice(["/api/files", "/api/nodes", "/api/fs/ls?path=/"])
        status, data = request("GET", path, None, self.token)
        time.sleep(0.02)
        return self.note(path, status, data[:200])

    def create(self, chance):
        name = f"{self.name}-{chance.randrange(1 << 30):x}"
        status, answer = ask("POST", "/api/nodes", dict(
            name=name, memory_mb=32, storage_size="32M"), self.token)
        if not self.note("create", status, answer):
            return False
        with self.lock:
            self.nodes[answer["id"]] = name
            victim = None
            if len(self.nodes) > 3:
                victim = chance.choice(sorted(self.nodes))
                del self.nodes[victim]
        if victim:
            status, answer = ask("DELETE", f"/api/nodes/{victim}?force=true",
                                 None, self.token)
            # Asked again after an answer that was lost, it is gone already.
            if status != 404:
                self.note("delete node", status, answer)
        return True

    def run(self, chance):
        n = chance.randrange(1000)
        status, answer = ask("POST", "/api/lambda/run", dict(
            Code=f"print({n} * 2)", Runtime="python3"), self.token)
        if not self.note("function", status, answer):
            return False
        if answer["stdout"].strip() != str(2 * n):
            self.strange.append(f"function: {answer}")
        return True

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for t in self.threads:
            t.join()


def nexusctl(*words):
    return subprocess.run(["nexusctl", "-o", "json", *words],
                          capture_output=True, text=True)


def all_there():
    return nexusctl("status").returncode == 0


def works(token):
    return (ask("GET", "/api/files", None, token)[0] == 200 and
            ask("GET", "/api/nodes", None, token)[0] == 200)


def kill(name):
    pid = census.daemons().get(name)
    if pid is None:
        return None
    os.kill(pid, signal.SIGKILL)
    return pid


def node_process(node):
    result = nexusctl("node", "inspect", node)
    if result.returncode:
        return None
    info = json.loads(result.stdout)
    if info["status"] != "Running":
        return info["status"]
    # Pid and start time: it is the same process, not one of the same number.
    stat = census.read(f"/proc/{info['pid']}/stat")
    return info["pid"], stat.rsplit(")", 1)[-1].split()[19:20]


def phase(load, name, token, anchor, before_process):
    """One kill in the midst of the load."""
    time.sleep(rng.random() * 1.5)
    with load.lock:
        mark, lost_before = len(load.strange), len(load.lost)
    old = kill(name)
    came_back = eventually(lambda: all_there() and works(token))
    # Every kind of work that is begun from now on succeeds again. (What was
    # under way at the kill has been answered by then, too.)
    since = time.monotonic()
    came_back = came_back and eventually(lambda: load.all_work_since(since))
    with load.lock:
        strange = load.strange[mark:]
        lost = load.lost[lost_before:]
    check(f"{name} killed: everything works again",
          old and came_back and census.daemons().get(name) not in (None, old),
          nexusctl("status").stderr)
    check(f"{name} killed: clients saw at most a 503 or the end of a "
          f"connection ({len(lost)})", not strange, "\n".join(strange))
    if name == "nexusd":
        # Nodes are deleted meanwhile: an upload that was using one is told to
        # start again, whoever lives.
        noticed = [s for s in lost if "was deleted: send it again" not in s]
        check("nexusd killed: nobody noticed", not noticed,
              "\n".join(noticed))
    after = eventually(
        lambda: (p := node_process(anchor)) == before_process and p)
    check(f"{name} killed: the node lives on", after == before_process,
          f"{before_process} -> {node_process(anchor)}")


def main():
    print(f"# KILL_SEED={SEED}")
    name = f"kill{os.getpid()}x{SEED}"
    token = register(name)
    nexusctl("user", "quota", name, "2G")
    # The anchors hold the files and have to live through everything.
    anchors = []
    for i in range(2):
        status, answer = ask("POST", "/api/nodes", dict(
            name=f"{name}-anchor{i}", memory_mb=64, storage_size="512M"), token)
        check(f"anchor {i} is made", status == 201, answer)
        anchors.append(answer["id"])
    process = node_process(anchors[0])
    began = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    with Load(token, name) as load:
        eventually(lambda: load.counts.get("done", 0) > 10)
        for _ in range(ROUNDS):
            victims = list(census.DAEMONS)
            rng.shuffle(victims)
            for victim in victims:
                phase(load, victim, token, anchors[0], process)
        emptied = eventually(lambda: census.segments(began)[1])
    print(f"# {load.counts}")
    print("# %d segments emptied, %d records moved for it" %
          census.segments(began))
    check("segments were emptied meanwhile", emptied)
    check("nothing hung", not any("-1" in s for s in load.strange),
          "\n".join(load.strange))
    verify(load, token)
    clean_up(token, name)
    return finish()


def verify(load, token):
    wrong = []
    for file, md5 in {**load.files, **load.packed}.items():
        status, data = request(
            "GET", f"/api/files/{file}/download", None, token)
        if status != 200 or hashlib.md5(data).hexdigest() != md5:
            wrong.append(f"{file}: {status}")
    check(f"every acknowledged file is there ({len(load.files)}, "
          f"{len(load.packed)} small)",
          not wrong, "\n".join(wrong))
    wrong = [f for f in load.deleted if ask(
        "GET", f"/api/files/{f}", None, token)[0] != 404]
    check(f"no deleted file has come back ({len(load.deleted)})",
          not wrong, "\n".join(wrong))
    wrong = []
    for node, name in load.nodes.items():
        status, answer = ask("GET", f"/api/nodes/{node}", None, token)
        if status != 200 or answer.get("status") != "Running":
            wrong.append(f"{name}: {status} {answer}")
    check(f"every acknowledged node runs ({len(load.nodes)})",
          not wrong, "\n".join(wrong))


def clean_up(token, name):
    """What was half made when somebody died must be gone, or go."""
    for file in ask("GET", "/api/files", None, token)[1]:
        ask("DELETE", f"/api/files/{file['id']}", None, token)
    for node in ask("GET", "/api/nodes", None, token)[1]:
        ask("DELETE", f"/api/nodes/{node['id']}?force=true", None, token)
    check("everything can be deleted",
          ask("GET", "/api/nodes", None, token)[1] == [] and
          ask("GET", "/api/files", None, token)[1] == [])
    nodes = {n["id"] for n in json.loads(nexusctl("node", "ls").stdout)}

    def orphans():
        volumes = json.loads(nexusctl("volume", "ls").stdout)
        return [v["node"] for v in volumes
                if v["node"] not in nodes and not v.get("platform")]
    eventually(lambda: not orphans())
    check("no volume is left without a node", not orphans(), orphans())
    eventually(lambda: census.node_processes() == 0 or nodes)
    check("no process of a node is left",
          nodes or census.node_processes() == 0, census.node_processes())
    links = [line.split(":")[1].strip() for line in subprocess.run(
        ["ip", "-o", "link"], capture_output=True, text=True)
        .stdout.splitlines() if "nex-" in line]
    check("no link of a node is left", nodes or not links, links)
    usage = json.loads(nexusctl("user", "info", name).stdout)["usage"]
    check("no space is used or reserved",
          usage["used"] == 0 and usage["reserved"] == 0, usage)


sys.exit(main())
