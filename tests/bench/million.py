"""A catalogue of 1,000,000 entries, 1,000,000 small and 200,000 large chunks, and a
bucket of 1,000,000 keys, beside an empty one.

Two Nexuses at once, one of them in namespaces of its own; the same requests go to
both in turns, while both scrub and sweep. Rows are written straight into the
catalogue that is at rest, and the chunks they speak of onto its volume
(million.c): all zeros, but there. BENCH_ENTRIES says how many, BENCH_ROUNDS how
often each request.
"""
import ctypes
import glob
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time

from nexus import Nexus
from tools import ours

ENTRIES = int(os.environ.get("BENCH_ENTRIES", "1000000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "300"))
BIG = ENTRIES // 5
PER_FILE = 20  # large chunks
NAMES = ENTRIES // 10  # in one folder
PER_FOLDER = 900
SMALL_SIZE, BIG_SIZE = 100, 10 << 20
FEW = 20  # files in each folder of the empty one
NOW = 1700000000
CONF = """[nexus]
state_dir = /mnt/nexus/state
run_dir = /mnt/nexus/run
[netd]
teardown = yes
[nodemgr]
limits = best-effort
[storaged]
base_size = 8G
base_max = 1
quota = 100T
entries = 100000000
"""
CLONE_NEWNET = 0x40000000


# --- a Nexus beside the other -------------------------------------------------

class Apart(Nexus):
    """In namespaces of its own."""

    def up_command(self):
        return ["tests/isolated", *super().up_command()]

    def interrupt(self):
        os.killpg(self.up.pid, signal.SIGINT)

    def link(self, seconds=120):
        init = int(open(f"/proc/{self.up.pid}/task/{self.up.pid}/children",
                        encoding="ascii").read().split()[0])
        return Inside(init, self.port, seconds)


class Inside(http.client.HTTPConnection):
    """A connection in the network namespace of the process @pid."""

    def __init__(self, pid, port, seconds):
        super().__init__("127.0.0.1", port, timeout=seconds)
        self.pid = pid

    def connect(self):
        result = []

        def work():
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/proc/{self.pid}/ns/net", encoding="ascii") as f:
                libc.setns(f.fileno(), CLONE_NEWNET)
            try:
                result.append(socket.create_connection(
                    (self.host, self.port), self.timeout))
            except OSError as error:
                result.append(error)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if isinstance(result[0], OSError):
            raise result[0]
        self.sock = result[0]
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def pid_of(nexus, name):
    """As this namespace sees it."""
    inner = nexus.env["NEXUS_PID_" + name]
    for path in glob.glob("/proc/[0-9]*/status"):
        try:
            with open(path, encoding="utf-8") as f:
                text = f.read()
        except OSError:
            continue
        ids = next(line for line in text.splitlines()
                   if line.startswith("NSpid:")).split()[1:]
        pid = int(ids[0])
        if text.startswith(f"Name:\t{name}\n") and ids[-1] == inner and \
                is_below(pid, nexus.up.pid):
            return pid
    raise RuntimeError(f"no {name}")


def is_below(pid, top):
    while pid > 1 and pid != top:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            pid = int(f.read().rsplit(")", 1)[1].split()[1])
    return pid == top


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f
                    if line.startswith("VmRSS:"))


# --- very many rows -----------------------------------------------------------

ETAG = hashlib.md5(bytes(SMALL_SIZE)).hexdigest()
COUNT = ("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n"
         " WHERE i + 1 < {})")


def crc32c(data):
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return (crc ^ 0xFFFFFFFF).to_bytes(4, "little")


class Fill:
    def __init__(self, state):
        self.state = os.path.join(state, "state")
        self.db = sqlite3.connect(
            os.path.join(self.state, "storage/storage.db"))
        for pragma in ("journal_mode=DELETE", "journal_mode=OFF",
                       "synchronous=OFF", "cache_size=-1500000"):
            self.db.execute("PRAGMA " + pragma)
        self.node = self.one("SELECT node FROM volumes WHERE volume = 1")
        self.owner = self.one("SELECT owner FROM entries WHERE parent = 0"
                              " AND name = 'million'")
        self.at = {key: (self.one(f"SELECT max({key}) FROM {table}") or 0)
                   + 1000 for table, key in
                   (("entries", "entry"), ("files", "file"),
                    ("chunks", "chunk"), ("objects", "object"))}
        self.top = self.one("SELECT entry FROM entries WHERE parent = 0"
                            " AND name = 'million'")

    def one(self, sql, *values):
        return self.db.execute(sql, values).fetchone()[0]

    def chunks(self):
        """On the volume; what is where, into temporary tables."""
        image = os.path.join(self.state, f"volumes/{self.node}.img")
        at = os.path.join(self.state, "fill")
        os.makedirs(at)
        subprocess.run(["mount", "-o", "loop", image, at], check=True)
        try:
            store = os.path.join(at, "chunks")
            # its copy of the catalogue is from before: another is made
            shutil.rmtree(os.path.join(store, ".catalogue"))
            listing = subprocess.run(
                [ours("million"), store, self.header_volume(store),
                 str(ENTRIES), str(BIG)],
                stdout=subprocess.PIPE, text=True, check=True).stdout
        finally:
            subprocess.run(["umount", at], check=True)
            os.rmdir(at)
        lines = listing.splitlines()
        self.db.execute("CREATE TEMP TABLE small(i INTEGER PRIMARY KEY, id, at)")
        self.db.execute("CREATE TEMP TABLE big(i INTEGER PRIMARY KEY, id)")
        self.db.executemany("INSERT INTO small VALUES(?,?,?)", (
            (i, *line.split()) for i, line in enumerate(lines[:ENTRIES])))
        self.db.executemany("INSERT INTO big VALUES(?,?)",
                            enumerate(lines[ENTRIES:]))

    @staticmethod
    def header_volume(store):
        """Whose the segments there are."""
        path = glob.glob(os.path.join(store, ".segments", "0*"))[0]
        with open(path, "rb") as f:
            return f.read(64)[32:64].rstrip(b"\0").decode()

    def entry(self, key, parent, name, file, size, files, folders, charged,
              height=0, reach=0):
        self.db.execute(
            "INSERT INTO entries(entry, owner, parent, name, file, size, files,"
            " folders, modified_at, charged, height, reach)"
            " VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
            (key, self.owner, parent, name, file, size, files, folders, NOW,
             charged, height, reach))

    def small(self):
        """/million/<folder>/<number>, and /many/<number>."""
        folders = (ENTRIES - NAMES) // PER_FOLDER
        in_folders = folders * PER_FOLDER
        e, f, c = self.at["entry"], self.at["file"], self.at["chunk"]
        first = e + folders + 1
        for i in range(folders):
            self.entry(e + i, self.top, f"n{i}", None,
                       PER_FOLDER * SMALL_SIZE, PER_FOLDER, 0,
                       PER_FOLDER * 4096, 1, 4)
        many = e + folders
        rest = ENTRIES - in_folders
        self.entry(many, 0, "many", None, rest * SMALL_SIZE, rest, 0,
                   rest * 4096, 1, 7)
        self.db.execute(
            COUNT.format(ENTRIES) + "INSERT INTO entries(entry, owner, parent,"
            " name, file, size, modified_at, charged) SELECT ?1 + i, ?2,"
            f" iif(i < {in_folders}, ?3 + i / {PER_FOLDER}, ?4),"
            f" iif(i < {in_folders}, i % {PER_FOLDER}, i - {in_folders}),"
            f" ?5 + i, {SMALL_SIZE}, {NOW}, 4096 FROM n",
            (first, self.owner, e, many, f))
        self.files(f, ENTRIES, SMALL_SIZE, 1, ETAG, 1)
        self.db.execute(
            "INSERT INTO chunks(chunk, id, file, idx, size, md5, crc)"
            f" SELECT ?1 + i, id, ?2 + i, 0, {SMALL_SIZE}, ?3, ?4 FROM small",
            (c, f, bytes.fromhex(ETAG), crc32c(bytes(SMALL_SIZE))))
        self.db.execute("INSERT INTO replicas(chunk, volume, at)"
                        " SELECT ?1 + i, 1, at FROM small", (c,))
        span = (SMALL_SIZE + 63) // 8 * 8
        self.db.execute(
            f"INSERT INTO segments SELECT 1, at >> 32, count(*), {span} *"
            f" count(*), max(at), {span} * count(*) FROM (SELECT"
            " CAST(at AS INTEGER) AS at FROM small) GROUP BY 2")
        self.db.execute(
            "UPDATE entries SET size = size + ?, files = files + ?,"
            " folders = folders + ?, charged = charged + ?, height = 2,"
            " reach = max(reach, 10) WHERE entry = ?",
            (in_folders * SMALL_SIZE, in_folders, folders,
             in_folders * 4096 + folders * 512, self.top))
        self.count(ENTRIES * SMALL_SIZE, ENTRIES, ENTRIES, folders + 1,
                   ENTRIES * 4096, ENTRIES * SMALL_SIZE)
        self.at = {"entry": first + ENTRIES, "file": f + ENTRIES,
                   "chunk": c + ENTRIES, "object": self.at["object"]}

    def files(self, first, n, size, chunks, etag, tree):
        self.db.execute(
            COUNT.format(n) + "INSERT INTO files(file, id, owner, name, tree,"
            " size, chunks, want, replicas, md5, created_at) SELECT ?1 + i,"
            " lower(hex(randomblob(16))), ?2, i, ?3, ?4, ?5, 1, 1, ?6, ?7"
            " FROM n", (first, self.owner, tree, size, chunks, etag, NOW))

    def big(self):
        """/big/<number>, each of PER_FILE chunks."""
        n, e, f, c = (BIG // PER_FILE, *(self.at[k] for k in
                                         ("entry", "file", "chunk")))
        size = PER_FILE * BIG_SIZE
        md5 = hashlib.md5(bytes(BIG_SIZE)).digest()
        etag = hashlib.md5(md5 * PER_FILE).hexdigest() + f"-{PER_FILE}"
        self.entry(e, 0, "big", None, n * size, n, 0, n * size, 1, 6)
        self.db.execute(
            COUNT.format(n) + "INSERT INTO entries(entry, owner, parent, name,"
            " file, size, modified_at, charged) SELECT ?1 + 1 + i, ?2, ?1, i,"
            " ?3 + i, ?4, ?5, ?4 FROM n", (e, self.owner, f, size, NOW))
        self.files(f, n, size, PER_FILE, etag, 1)
        self.db.execute(
            "INSERT INTO chunks(chunk, id, file, idx, size, md5, crc) SELECT"
            f" ?1 + i, id, ?2 + i / {PER_FILE}, i % {PER_FILE}, ?3, ?4, ?5"
            " FROM big", (c, f, BIG_SIZE, md5, crc32c(bytes(65536)) * 160))
        self.db.execute("INSERT INTO replicas(chunk, volume)"
                        " SELECT ?1 + i, 1 FROM big", (c,))
        self.count(n * size, n, BIG, 1, n * size, n * size)
        self.at.update(entry=e + n + 1, file=f + n, chunk=c + BIG)

    def keys(self):
        """In the bucket, of no bytes each."""
        bucket = self.one("SELECT bucket FROM buckets")
        f = self.at["file"]
        self.files(f, ENTRIES, 0, 0, hashlib.md5(b"").hexdigest(), 2)
        self.db.execute(
            COUNT.format(ENTRIES) + "INSERT INTO objects(object, bucket, key,"
            " version, live, file, size, charged, modified_at, mode, until,"
            " hold, meta) SELECT ?1 + i, ?2, CAST(printf('key-%08d', i) AS"
            " BLOB), '', 1, ?3 + i, 0, 4096, ?4, 0, 0, 0, x'' FROM n",
            (self.at["object"], bucket, f, NOW))
        self.count(0, ENTRIES, 0, 0, ENTRIES * 4096, 0)

    def count(self, used, files, chunks, folders, charged, tree):
        self.db.execute(
            "UPDATE users SET used = used + ?, files = files + ?, chunks ="
            " chunks + ?, folders = folders + ?, charged = charged + ?,"
            " tree = tree + ? WHERE user = ?",
            (used, files, chunks, folders, charged + 512 * folders, tree,
             self.owner))
        self.db.execute("UPDATE volumes SET chunks = chunks + ?"
                        " WHERE volume = 1", (chunks,))

    def all(self):
        self.chunks()
        self.small()
        self.big()
        self.keys()
        self.db.commit()
        self.db.close()


# --- what is asked ------------------------------------------------------------

class Side:
    """One of the two: what is asked of it, and how long each took."""

    def __init__(self, nexus, folders, files):
        self.nexus, self.folders, self.files = nexus, folders, files
        self.chance = random.Random(1)
        self.times = {}
        self.token = nexus.token
        self.link = nexus.link()
        self.n = 0

    def ask(self, method, path, body=None, kind="application/json"):
        """(milliseconds until the whole answer is here, the answer)"""
        began = time.perf_counter()
        self.link.request(method, path, body, {
            "Authorization": "Bearer " + self.token, "Content-Type": kind})
        reply = self.link.getresponse()
        text = reply.read()
        took = (time.perf_counter() - began) * 1e3
        if reply.status // 100 != 2:
            raise RuntimeError(f"{method} {path}: {reply.status} {text!r}")
        return took, text

    def folder(self):
        return f"/million/n{self.chance.randrange(self.folders)}"

    def file(self):
        return f"{self.folder()}/{self.chance.randrange(self.files)}"

    def pair(self, a, b):
        return json.dumps({"old_path": a, "new_path": b})

    def requests(self):
        """One of each kind: a new file goes its way."""
        self.n += 1
        at, old = self.folder(), self.file()
        new, copy, moved = (f"{at}/{word}{self.n}"
                            for word in ("new", "copy", "moved"))
        return (
            ("create 4 KiB", "PUT", f"/api/fs/file?path={new}", bytes(4096),
             "application/octet-stream"),
            ("read", "GET", f"/api/fs/download?path={old}"),
            # what the first one had to wait for the disk for is there now
            ("read again", "GET", f"/api/fs/download?path={old}"),
            ("stat", "GET", f"/api/fs/stat?path={self.file()}"),
            ("list a page", "GET",
             f"/api/fs/ls?path={self.folder()}&limit={FEW}"),
            ("mkdir", "POST", "/api/fs/mkdir",
             json.dumps({"path": f"{at}/d{self.n}"})),
            ("copy", "POST", "/api/fs/copy", self.pair(new, copy)),
            ("move", "POST", "/api/fs/move", self.pair(copy, moved)),
            ("delete", "DELETE", f"/api/fs/delete?path={moved}"),
        )

    def time(self, name, *request):
        self.times.setdefault(name, []).append(self.ask(*request)[0])


def in_turns(sides, rounds):
    for i in range(rounds):
        for both in zip(*(s.requests() for s in sides)):
            for side, (name, *request) in sorted(
                    zip(sides, both), key=lambda x: sides.index(x[0]) ^ i % 2):
                side.time(name, *request)


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))]


def until_answers(side):
    """Seconds from the death of its storaged to an answer."""
    os.kill(pid_of(side.nexus, "storaged"), signal.SIGKILL)
    began = time.monotonic()
    while True:
        try:
            side.ask("GET", "/api/fs/stat?path=/million")
            return time.monotonic() - began
        except RuntimeError:
            time.sleep(0.005)


# --- all of it ----------------------------------------------------------------

def prepare(nexus, folders):
    """A folder with little in it, a bucket."""
    for path in ["/million"] + [f"/million/n{i}" for i in range(folders)]:
        nexus.json("POST", "/api/fs/mkdir", {"path": path})
    nexus.json("POST", "/api/buckets", {"name": "million"})
    side = Side(nexus, 1, 1)
    for i in range(folders * FEW or 1):
        path = f"/million/n{i // FEW}/{i % FEW}" if folders else "/first"
        side.ask("PUT", f"/api/fs/file?path={path}", bytes(SMALL_SIZE),
                 "application/octet-stream")
    side.link.close()


def configure(state):
    """Before the first start: its volume has room for the inodes."""
    os.makedirs(os.path.join(state, "etc"))
    with open(os.path.join(state, "etc/nexus.conf"), "w",
              encoding="utf-8") as f:
        f.write(CONF)


def report(bench, full, empty):
    part = f"of {ENTRIES:,} entries"
    for name in full.times:
        if name not in empty.times:
            continue
        for p in 50, 99:
            bench.results.add(part, f"{name}, p{p}", "ms",
                              percentile(full.times[name], p),
                              percentile(empty.times[name], p), "empty")
    for name, values in full.times.items():
        if name not in empty.times:
            bench.results.add(part, name, "ms", percentile(values, 50))
    bench.results.add(part, "answers again after a kill", "ms",
                      1e3 * until_answers(full), 1e3 * until_answers(empty),
                      "empty")


def measure(bench, full, empty):
    for side in full, empty:
        side.nexus.ctl("storage", "scrub")
    in_turns((full, empty), 20)
    for side in full, empty:
        side.times.clear()
    in_turns((full, empty), ROUNDS)
    for _ in range(20):
        full.time(f"the first page of {ENTRIES:,} keys", "GET",
                  "/api/buckets/million/objects?limit=250")
        full.time(f"{NAMES:,} names", "GET", "/api/fs/ls?path=/many")
    rss = {name: rss_kib(pid_of(side.nexus, "storaged")) / 1024
           for name, side in (("full", full), ("empty", empty))}
    report(bench, full, empty)
    print("bench: storaged has " + ", ".join(
        f"{mib:.1f} MiB resident in the {name} one"
        for name, mib in rss.items()), flush=True)
    scrub = json.loads(full.nexus.ctl("status", "-o", "json"))["scrub"]
    print(f"bench: scrubbing is {scrub['state']}, with {scrub['chunks']:,} of "
          f"{scrub['of_chunks']:,} chunks", flush=True)


def run(bench):
    empty = bench.nexus
    where = os.path.join(bench.dir, "full")
    os.makedirs(where)
    prepare(empty, 10)
    configure(os.path.join(where, "up"))
    with Apart(os.path.join(where, "up")) as nexus:
        prepare(nexus, 0)
        began = time.monotonic()
        nexus.stop()
        Fill(nexus.state).all()
        filled = time.monotonic()
        nexus.start()
        print(f"bench: filled in {filled - began:.0f} s, up again in "
              f"{time.monotonic() - filled:.1f} s", flush=True)
        measure(bench, Side(nexus, (ENTRIES - NAMES) // PER_FOLDER,
                            PER_FOLDER), Side(empty, 10, FEW))
    empty.restart(lambda: None)  # one of its daemons was killed
