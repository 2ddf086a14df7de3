#!/usr/bin/python3
# limit: 600
"""Whose files a deletion may cost, over HTTP, with two users.

Files have a home without any node. Whoever deletes a node, by force or with
their account, costs nobody else a file: what others keep there moves, or the
node stays until it can. Their own are lost when they were named and force was
said; anybody's only to an admin who said so.
"""
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import census  # noqa: E402
from modelled import ask, form, insist, request  # noqa: E402
from tap import check, finish  # noqa: E402

STATE = os.environ["NEXUS_STATE"]
CTL = os.path.join(os.environ["NEXUS_BIN"], "nexusctl")
PREFIX = f"who{os.getpid() % 100000}"
MIB = 1 << 20


def ctl(*words, data=None):
    p = subprocess.run([CTL, *words], capture_output=True, input=data)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def register(name):
    mail = f"{name}@example.org"
    ask("POST", "/auth/register/init", {
        "Username": name, "Password": "correct horse battery", "Email": mail})

    def code():
        new = os.path.join(os.environ["NEXUS_MAIL"], "new")
        for file in os.listdir(new):
            text = census.read(os.path.join(new, file))
            if mail in text:
                return re.findall(r"\b\d{6}\b", text.split("\n\n", 1)[1])[0]
        return None
    status, answer = ask("POST", "/auth/register/verify",
                         {"Email": mail, "Code": insist(code)})
    if status != 200:
        raise RuntimeError(f"register {name}: {status} {answer}")
    return answer["token"]


def volumes(base):
    return [v for v in json.loads(ctl("-o", "json", "volume", "ls")[1])
            if bool(v.get("platform")) == base]


def put(token, name, data):
    """A raw file; its id, or None."""
    body, headers = form({}, name, data)
    status, answer = request("POST", "/api/files/upload", body, token, headers)
    return json.loads(answer)["id"] if status == 200 else None


def put_path(token, name, data):
    body, headers = form({"path": "/"}, name, data)
    return request("POST", "/api/fs/upload", body, token, headers)[0]


def get(token, file):
    return request("GET", f"/api/files/{file}/download", None, token)


def node(token, name):
    status, answer = ask("POST", "/api/nodes", {
        "name": name, "memory_mb": 64, "storage_size": "64M"}, token)
    if status != 201:
        raise RuntimeError(f"creating {name}: {status} {answer}")
    return answer["id"]


def process(victim):
    """The node's first process, None when it does not run."""
    n = json.loads(ctl("-o", "json", "node", "inspect", victim)[1])
    return n["pid"] if n["status"] == "Running" else None


def one_base_volume():
    """So that the platform can be filled."""
    conf = os.path.join(os.environ["NEXUS_DIR"], "etc", "nexus.conf")
    with open(conf, "a") as f:
        f.write("\n[storaged]\nbase_max = 1\n")
    before = subprocess.run(["pgrep", "-P", str(os.environ["NEXUS_UP_PID"]),
                             "-x", "storaged"],
                            capture_output=True, text=True).stdout.split()
    for p in before:
        os.kill(int(p), 9)
    time.sleep(0.5)

    def answers():
        return ctl("volume", "ls")[0] == 0 or None
    insist(answers)


def settle():
    """What was deleted before has given its room back; asked seldom, for who
    asks is whom that waits for."""
    def settled():
        time.sleep(2)
        status = json.loads(ctl("-o", "json", "status")[1])
        return True if not status["storage"]["removing"] else None
    insist(settled)


def fill(path):
    """The base volume, with files of nobody in particular."""
    with open(path, "wb") as f:
        f.write(os.urandom(8 * MIB))
    settle()
    yield from fill_once(path)
    settle()
    yield from fill_once(path)


def fill_once(path):
    for size in (8 * MIB, 512 << 10, 64 << 10):
        os.truncate(path, size)
        while True:
            status, out, _ = ctl("-q", "file", "upload", path)
            if status != 0:
                break
            yield out.strip()


def volumes_of(file):
    """Where its chunks are: a set of volumes."""
    files = json.loads(ctl("state", "export")[1])["files"]
    return {r["volume"] for f in files if f["id"] == file
            for c in f["chunks"] for r in c["replicas"]}


def put_on(token, victim, data):
    """A file that is on the volume of the node @victim alone. What a crash left
    elsewhere gives its room back when it likes: then the first ones fill it."""
    for _ in range(20):
        file = put(token, "only", data)
        if file is None or volumes_of(file) == {victim}:
            return file
    return None


def test_moves(ada, bob):
    check("a file has a home without any node",
          put(ada, "first", b"ada's") and volumes(False) == [],
          volumes(False))
    victim = node(bob, f"{PREFIX}-b")
    files = {}
    there = [0]
    for i in range(120):  # the base volumes have more room, and so more turns
        if i >= 6 and there != [0]:
            break
        data = os.urandom(MIB)
        files[put(ada, f"f{i}", data)] = data
        there = [v["chunks"] for v in volumes(False)]
    check("some of them are on bob's node", there != [0], volumes(False))
    status, answer = ask("DELETE", f"/api/nodes/{victim}?force=true", None, bob)
    check("bob deletes it by force", status == 200, f"{status} {answer}")
    check("and no file is lost", status == 200 and answer["files_lost"] == 0,
          answer)
    bad = [n for n, d in files.items() if get(ada, n) != (200, d)]
    check("ada's files are whole", not bad, bad)
    for file in files:
        ask("DELETE", f"/api/files/{file}", None, ada)


def test_stays(ada, bob, bobs_name):
    """The platform is full but for bob's node."""
    victim = node(bob, f"{PREFIX}-c")
    data = os.urandom(MIB)
    only = put_on(ada, victim, data)
    check("ada's file finds its only place on bob's node", only)
    before = process(victim)
    for turn in ("once", "twice"):
        status, answer = ask(
            "DELETE", f"/api/nodes/{victim}?force=true", None, bob)
        check(f"force does not cost her the file, {turn}",
              status == 409 and "other users" in answer["error"] and
              get(ada, only) == (200, data), f"{status} {answer}")
    check("and his node runs on as if nothing had been asked",
          before and process(victim) == before, f"{before} {process(victim)}")
    status, out, err = ctl("user", "delete", bobs_name)
    check("bob's account is deleted", status == 0, err)

    def states_of_his():
        nodes = json.loads(ctl("-o", "json", "node", "ls")[1])
        return [n["status"] for n in nodes if n["id"] == victim]
    insist(lambda: states_of_his() == ["Deleting"] or None)
    time.sleep(3)
    states = states_of_his()
    check("his node is Deleting and stays", states == ["Deleting"], states)
    check("ada's file is there", get(ada, only) == (200, data))
    return victim, only, data


def test_own(ada):
    """Still full: a node of ada's own, with a file of hers alone on it."""
    mine = node(ada, f"{PREFIX}-a")
    check("ada's own node takes a file",
          put_path(ada, "mine", b"x" * MIB) == 200)
    ask("POST", f"/api/nodes/{mine}/stop", {}, ada)
    status, answer = ask("DELETE", f"/api/nodes/{mine}", None, ada)
    check("deleting it is refused and names the file",
          status == 409 and "/mine" in answer["error"], f"{status} {answer}")
    check("which is still there", any(
        f["name"] == "mine" for f in ask("GET", "/api/fs/ls?path=/", None,
                                         ada)[1]))
    status, answer = ask("DELETE", f"/api/nodes/{mine}?force=true", None, ada)
    check("with force it goes, and it is said what was lost",
          status == 200 and answer["files_lost"] == 1 and
          [f["name"] for f in answer["lost"]] == ["/mine"],
          f"{status} {answer}")


def test_admin(ada):
    victim = node(ada, f"{PREFIX}-d")
    put_path(ada, "doomed", b"x" * MIB)
    status, out, err = ctl("node", "delete", f"{PREFIX}-d", "--force")
    check("an admin is refused too", status != 0 and "other users" in err, err)
    status, out, err = ctl("node", "delete", f"{PREFIX}-d", "--force",
                           "--lose-files")
    check("until --lose-files, which says what was lost",
          status == 0 and "/doomed" in err, f"{status} {out}{err} {victim}")


def main():
    if volumes(False):
        print("1..0 # SKIP somebody's nodes are here")
        return 0
    names = [PREFIX + "ada", PREFIX + "bob"]
    ada, bob = (register(n) for n in names)
    path = f"/tmp/{PREFIX}.fill"
    filled = []
    try:
        one_base_volume()
        test_moves(ada, bob)
        filled += fill(path)
        victim, only, data = test_stays(ada, bob, names[1])
        # What was dead in segments gives its room back when it likes.
        filled += fill_once(path)
        test_own(ada)
        filled += fill_once(path)
        test_admin(ada)
        for f in filled:
            ctl("file", "delete", f)
        filled = []

        def gone():
            nodes = json.loads(ctl("-o", "json", "node", "ls")[1])
            return True if victim not in [n["id"] for n in nodes] else None
        insist(gone)
        check("with room elsewhere the deleted user's node goes", True)
        check("and ada's file is whole", get(ada, only) == (200, data))
    except RuntimeError as e:
        check("what must work", False, e)
    finally:
        for f in filled:
            ctl("file", "delete", f)
        for n in json.loads(ctl("-o", "json", "node", "ls")[1]):
            if n["name"].startswith(PREFIX):
                ctl("node", "delete", n["id"], "--force", "--lose-files")
        ctl("user", "delete", names[0])
        if os.path.exists(path):
            os.unlink(path)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
