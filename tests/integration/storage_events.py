#!/usr/bin/env python3
# limit: 600
"""What has changed, over HTTP and nexusctl: whoever follows the events from an
empty tree has the same tree at the end, though storaged is killed on the way and
the stream breaks; cursors outlive restarts and a rebuild of the catalogue;
streams are few for each and end with their clients."""
import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
import urllib.parse

sys.dont_write_bytecode = True
import http_api
import storage_damage as lab
from http_api import ask, call, equal, ok

SEED = int(os.environ.get("NEXUS_SEED", "0")) or random.randrange(1 << 32)
OPS = int(os.environ.get("EVENT_OPS", "400"))
KILLS = 6
EVENTS = "/api/fs/events"
DB = os.path.join(os.environ["NEXUS_STATE"], "storage", "storage.db")
rng = random.Random(SEED)


def eventually(what, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.1)
    return False


def page(**query):
    return ask("GET", EVENTS + "?" + urllib.parse.urlencode(query))


def since(cursor):
    """All that came after @cursor, and where that ends."""
    found = []
    while True:
        a = page(since=cursor)
        if a.status == 503:
            time.sleep(0.1)
            continue
        if a.status != 200:
            raise RuntimeError("%d %r" % (a.status, a.body))
        found += a.json["events"]
        cursor = a.json["next"]
        if not a.json["more"]:
            return found, cursor


class Stream(threading.Thread):
    """A client of server-sent events that comes back when it is cut off."""

    def __init__(self, cursor):
        super().__init__(daemon=True)
        self.last = cursor
        self.got, self.cuts, self.status = [], 0, None
        self.stop = False
        self.connection = None

    def once(self):
        self.connection = c = http.client.HTTPConnection(
            http_api.url.hostname, http_api.url.port, timeout=40)
        c.request("GET", EVENTS, headers={
            "Authorization": "Bearer " + http_api.token,
            "Accept": "text/event-stream", "Last-Event-ID": self.last})
        answer = c.getresponse()
        self.status = answer.status
        fields = {}
        while answer.status == 200:
            line = answer.readline()
            if not line:
                break
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
                continue
            if "id" in fields:
                self.last = fields["id"]
            if "data" in fields:
                event = json.loads(fields["data"])
                assert event["change"] == fields["event"]
                assert event["cursor"] == fields["id"]
                self.got.append(event)
            fields = {}
        c.close()

    def run(self):
        while not self.stop:
            try:
                self.once()
            except (OSError, http.client.HTTPException):
                pass
            self.cuts += 1
            time.sleep(0.05)


# --- a model that knows nothing but events ------------------------------------

def moved(tree, old, new):
    for path in [p for p in tree if p == old or p.startswith(old + "/")]:
        tree[new + path[len(old):]] = tree.pop(path)


def replay(events):
    """Path -> etag, None of a folder. Folders are not copied: of those an event
    has the top only, and whoever follows has to list them."""
    tree = {}
    for e in events:
        path = e.get("path")
        if e["type"] not in ("file", "folder"):
            continue
        if e["change"] == "deleted":
            for gone in [p for p in tree
                         if p == path or p.startswith(path + "/")]:
                del tree[gone]
        elif e["change"] == "moved":
            tree.pop(path, None)
            moved(tree, e["old_path"], path)
        else:
            tree[path] = e.get("etag")
    return tree


def listed():
    a = ask("GET", "/api/fs/find?path=/")
    return {"/" + e["path"]: e.get("etag") for e in a.json}


def any_path():
    return "".join("/" + rng.choice("abc") for _ in range(rng.randint(1, 3)))


def a_file(path):
    a = ask("GET", "/api/fs/stat?path=" + path)
    return a.status == 200 and a.json["type"] == "file"


def operation():
    """Whatever becomes of it; what it made is told in the events only."""
    kind, path = rng.randrange(10), any_path()
    try:
        if kind < 5:
            ask("PUT", "/api/fs/file?path=" + path,
                rng.randbytes(rng.randrange(3000)))
        elif kind < 7:
            call("/api/fs/mkdir", {"path": path, "parents": True})
        elif kind < 8:
            ask("DELETE", "/api/fs/delete?path=" + path)
        elif kind < 9:
            call("/api/fs/move", {"old_path": path, "new_path": any_path()})
        elif a_file(path):
            call("/api/fs/copy", {"old_path": path, "new_path": any_path(),
                                  "replace": True})
    except (OSError, http.client.HTTPException):
        pass


def follow(start):
    stream = Stream(start)
    stream.start()
    for i in range(OPS):
        operation()
        if i % (OPS // KILLS) == OPS // KILLS - 1:
            lab.kill_storaged()
        if i % 97 == 96 and stream.connection and stream.connection.sock:
            stream.connection.sock.shutdown(2)  # the network breaks
    lab.wait_for_storaged()
    ok(eventually(lambda: ask("GET", "/readyz").status == 200), "it is back")
    events, end = since(start)
    ok(len(events) > OPS // 8, "much has changed", len(events))
    equal("who follows the events has the same tree", replay(events), listed())
    ok(eventually(lambda: len(stream.got) >= len(events)),
       "the stream has them too", (len(stream.got), len(events)))
    equal("each once, in order, though it was cut off",
          [e["cursor"] for e in stream.got], [e["cursor"] for e in events])
    ok(stream.cuts > 0, "which it was", stream.cuts)
    numbers = [int(e["cursor"].split("-")[1]) for e in events]
    equal("without a gap", numbers,
          list(range(numbers[0], numbers[0] + len(numbers))))
    stream.stop = True
    if stream.connection and stream.connection.sock:
        stream.connection.sock.shutdown(2)
    stream.join(60)
    return end


# --- questions and answers ----------------------------------------------------

def questions(end):
    for query, status in (({"since": "x"}, 400), ({"since": "0-0"}, 400),
                          ({"limit": "101"}, 400), ({"wait": "61"}, 400),
                          ({"wait": "x"}, 400), ({"from": "1"}, 400),
                          ({"since": end + "00"}, 410),
                          ({"since": "0" * 8 + "-1"}, 410),
                          ({"since": end}, 200), ({"since": "now"}, 200)):
        a = page(**query)
        equal("events of %r" % query, a.status, status)
        if status == 410:
            ok("anew" in a.json["error"], "it says what to do", a.body)
    equal("nobody's", ask("GET", EVENTS, headers={
        "Authorization": "Bearer x"}).status, 401)
    equal("now is where it ended", page(since="now").json["next"], end)
    began = time.monotonic()
    a = page(since=end, wait=1)
    equal("who waits in vain", (a.status, a.json["events"]), (200, []))
    ok(time.monotonic() - began >= 0.9, "has waited")
    got = []
    waiter = threading.Thread(
        target=lambda: got.append(page(since=end, wait=50)))
    waiter.start()
    time.sleep(0.5)
    call("/api/fs/mkdir", {"path": "/waited for"})
    waiter.join(60)
    equal("who waits is told", [e["path"] for e in got[0].json["events"]],
          ["/waited for"])


def connections():
    """Of clients with the gateway, this program's and others' alike."""
    port = ":%04X" % http_api.url.port
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f][1:]
    return sum(r[1].endswith(port) and r[3] == "01" for r in rows)


def places():
    """The ninth stream of one user is refused; places come back."""
    ok(eventually(lambda: connections() == 0), "no stream is left")
    streams = []
    for _ in range(8):
        c = http.client.HTTPConnection(http_api.url.hostname,
                                       http_api.url.port, timeout=60)
        c.request("GET", EVENTS, headers={
            "Authorization": "Bearer " + http_api.token,
            "Accept": "text/event-stream"})
        streams.append((c, c.getresponse()))
    equal("eight streams", {s.status for _, s in streams}, {200})
    a = ask("GET", EVENTS, headers={"Accept": "text/event-stream"})
    equal("and no ninth", (a.status, a.headers["Retry-After"]), (429, "15"))
    equal("others' requests go on", page(since="now").status, 200)
    for c, s in streams:
        s.close()
        c.close()
    ok(eventually(lambda: page(since="now", wait=1).status == 200),
       "a place is free when a client has gone")


# --- nexusctl -----------------------------------------------------------------

def events_of(*args):
    p = subprocess.run([lab.CTL, "--user", http_api.NAME, *args[:-1], "fs",
                        "events", *args[-1]], capture_output=True, text=True,
                       timeout=60)
    return p.returncode, p.stdout, p.stderr


def command():
    code, cursor, _ = events_of("-q", ["--since", "now"])
    cursor = cursor.strip()
    ask("PUT", "/api/fs/file?path=/by%20hand", b"x")
    call("/api/fs/move", {"old_path": "/by hand", "new_path": "/moved"})
    code, out, err = events_of(["--since", cursor])
    lines = out.splitlines()
    ok(code == 0 and len(lines) == 2 and "created" in lines[0] and
       lines[0].endswith("/by hand") and
       lines[1].endswith("/by hand -> /moved"), "events in a terminal", out)
    ok("--since " in err, "and how to go on", err)
    code, out, _ = events_of("-o", "json", ["--since", cursor])
    equal("and in JSON, one a line",
          [json.loads(line)["path"] for line in out.splitlines()],
          ["/by hand", "/moved"])
    code, _, err = events_of(["--since", "00000000-1"])
    ok(code == 4 and "anew" in err, "a cursor that is gone", (code, err))
    code, _, err = events_of(["--since", "nonsense"])
    ok(code == 2 and "cursor" in err, "and one that is none", (code, err))
    follower = subprocess.Popen(
        [lab.CTL, "--user", http_api.NAME, "-o", "json", "fs", "events",
         "--since", cursor, "--follow"], stdout=subprocess.PIPE, text=True)
    got = [json.loads(follower.stdout.readline())["path"] for _ in range(2)]
    call("/api/fs/mkdir", {"path": "/followed"})
    got.append(json.loads(follower.stdout.readline())["path"])
    follower.terminate()
    follower.wait()
    equal("and who follows", got, ["/by hand", "/moved", "/followed"])


# --- the catalogue is made anew -----------------------------------------------

def copies():
    try:
        return lab.find(lab.storage(), "catalogue_copies") or 0
    except (RuntimeError, ValueError):
        return 0


def rebuilt():
    ok(eventually(lambda: copies() >= 1), "the catalogue has a copy")
    before, end = since("")
    lab.kill_storaged()
    for suffix in ("", "-wal"):
        try:
            os.unlink(DB + suffix)
        except FileNotFoundError:
            pass
    lab.kill_storaged()
    ok(eventually(lambda: "storage rebuild" in lab.ctl("volume", "ls")[2]),
       "the catalogue is lost")
    equal("and made anew", lab.ctl("storage", "rebuild")[0], 0)
    lab.wait_for_storaged()
    ok(eventually(lambda: page(since="now").status == 200), "it is back")
    a = page(since=end)
    equal("a cursor from before is good", (a.status, a.json["events"]),
          (200, []))
    after, now = since("")
    equal("every event is there", after, before)
    call("/api/fs/mkdir", {"path": "/after it"})
    equal("and numbers go on",
          [e["path"] for e in since(now)[0]], ["/after it"])
    code, out, err = lab.ctl("storage", "check", "--wait")
    equal("the catalogue agrees with itself", code, 0)
    for f in os.listdir(os.path.dirname(DB)):
        if f.startswith("storage.db.lost-"):
            os.unlink(os.path.join(os.path.dirname(DB), f))


def main():
    print("# NEXUS_SEED=%d" % SEED, flush=True)
    http_api.sign_up()
    start = page(since="now").json["next"]
    end = follow(start)
    questions(end)
    places()
    command()
    rebuilt()
    ask("DELETE", "/api/fs/delete?path=/a")
    print("1..%d" % http_api.number, flush=True)
    return 1 if http_api.failed else 0


if __name__ == "__main__":
    sys.exit(main())
