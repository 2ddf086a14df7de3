"""Users of a Nexus, and what they know must be there.

One Worker is one sequence of requests in a folder of its own. It keeps a model
of what was acknowledged: every answer is held against it, and an answer that
was lost (503, a connection that ended) may leave the state before or the state
after, never a third; which of the two is looked up before the next request.
Used by model.py; not a test by itself.
"""
import json
import random
import threading

from model_http import (UNSURE, Fault, ask, etag, form, insist, query,
                        request)
from modelled_buckets import Buckets, md5
from modelled_past import Past
from modelled_pieces import Pieces


def parent(path):
    return path.rsplit("/", 1)[0]


class Worker(Buckets, Past, Pieces, threading.Thread):
    """@tree: path -> None for a folder, (etag, size) for a file. @raw: id ->
    (name, etag, size). @nodes: id -> (name, running)."""

    def __init__(self, run, number, token, stranger):
        super().__init__(name=f"worker{number}")
        self.run_ = run
        self.token, self.stranger = token, stranger
        self.rng = random.Random(f"{run.seed}/{number}")
        self.root = f"/w{number}"
        self.tree, self.raw, self.nodes = {}, {}, {}
        self.serial = 0
        self.number = number
        self.acts = [(a, w) for a, w in (
            (self.put, 20), (self.put_form, 6), (self.get, 20),
            (self.look, 10), (self.mkdir, 8), (self.move, 8), (self.copy, 8),
            (self.delete, 8), (self.delete_folder, 2), (self.raw_put, 8),
            (self.raw_get, 8), (self.raw_delete, 5), (self.refused, 5),
            (self.burst, 4), (self.node, 2), (self.function, 2))]
        self.acts += [(getattr(self, a), w)
                      for a, w in self.BUCKET_ACTS + self.PAST_ACTS +
                      self.PIECE_ACTS]
        self.init_buckets()
        self.init_past()
        self.init_pieces()

    # --- the run --------------------------------------------------------------

    def run(self):
        try:
            self.begin()
            while not self.run_.over():
                act = self.rng.choices([a for a, _ in self.acts],
                                       [w for _, w in self.acts])[0]
                act()
        except Fault as e:
            self.run_.fault(f"{self.name}: {e}")
        except Exception as e:  # a broken test must not look like a good run
            self.run_.fault(f"{self.name}: {type(e).__name__}: {e}")

    def begin(self):
        def made():
            status, _ = ask("POST", "/api/fs/mkdir",
                            {"path": self.root, "parents": True}, self.token)
            return True if status == 200 else None
        insist(made)
        self.tree[self.root] = None
        self.begin_buckets()
        self.begin_past()

    def name_(self, kind):
        self.serial += 1
        return f"{kind}{self.number}-{self.serial}"

    def say(self, what, status, data, wanted):
        """True: done as wanted. False: nobody knows. Else it is a fault."""
        self.run_.count(status)
        if status in UNSURE:
            return False
        if status != wanted:
            raise Fault(f"{what}: {status} {data!r:.300} instead of {wanted}")
        return True

    # --- the tree -------------------------------------------------------------

    def folders(self):
        return sorted(p for p, v in self.tree.items() if v is None)

    def files(self):
        return sorted(p for p, v in self.tree.items() if v is not None)

    def below(self, path):
        return [p for p in self.tree if p == path or p.startswith(path + "/")]

    def seen(self):
        """The tree as the system has it; None while it cannot say."""
        found, todo = {self.root: None}, [self.root]
        while todo:
            folder = todo.pop()
            status, entries = ask("GET", f"/api/fs/ls?{query(path=folder)}",
                                  None, self.token)
            if status == 404 and folder != self.root:
                return None  # it went while we looked: look again
            if status != 200 or not isinstance(entries, list):
                if status not in UNSURE and status != 200:
                    raise Fault(f"ls {folder}: {status} {entries!r:.200}")
                return None
            for e in entries:
                path = f"{folder}/{e['name']}"
                if e["type"] == "folder":
                    found[path] = None
                    todo.append(path)
                else:
                    found[path] = (e["etag"], e["size"])
        return found

    def settle(self, what, after):
        """An answer was lost: it is as before, or as @after."""
        found = insist(self.seen)
        if found == after:
            self.tree = after
        elif found != self.tree:
            raise Fault(f"{what}, answer lost: " + difference(
                found, self.tree, after))

    def change(self, what, answer, after, wanted=200):
        if self.say(what, *answer, wanted):
            self.tree = after
        else:
            self.settle(what, after)

    def content(self):
        if self.rng.random() < 0.04:
            return self.rng.randbytes(self.rng.randrange(1 << 20, 12 << 20))
        return self.rng.randbytes(self.rng.choice(
            [0, 1, 100, 4096, 65536, 65537, self.rng.randrange(1 << 18)]))

    def target(self):
        """A new path, or one more version of a file."""
        files = self.files()
        if files and (self.rng.random() < 0.4 or len(files) > 60):
            return self.rng.choice(files)
        return f"{self.rng.choice(self.folders())}/{self.name_('f')}"

    def put(self):
        path, data = self.target(), self.content()
        after = dict(self.tree)
        after[path] = (etag(data), len(data))
        headers, wanted = {}, 201
        kind = self.rng.random()
        if kind < 0.2:
            headers["If-None-Match"] = "*"
            unmet = path in self.tree
        elif kind < 0.4:
            tags = [v[0] for v in self.tree.values() if v]
            tag = self.rng.choice(tags) if tags else "none"
            headers["If-Match"] = f'"{tag}"'
            unmet = path not in self.tree or self.tree[path][0] != tag
        if headers and unmet:
            wanted, after = 412, dict(self.tree)
        answer = request("PUT", f"/api/fs/file?{query(path=path)}", data,
                         self.token, headers)
        self.change(f"PUT {path}", answer, after, wanted)

    def same(self, data, tag):
        """Are these the bytes of @tag?"""
        return md5(data) == self.sums[tag] if tag in self.sums \
            else etag(data) == tag

    def put_form(self):
        folder, data = self.rng.choice(self.folders()), self.content()
        name = self.name_("form")
        body, headers = form({"path": f"{folder}/{name}"}, name, data)
        after = dict(self.tree)
        after[f"{folder}/{name}"] = (etag(data), len(data))
        self.change(f"form {folder}/{name}", request(
            "POST", "/api/fs/upload", body, self.token, headers), after)

    def get(self):
        files = self.files()
        if not files:
            return
        path = self.rng.choice(files)
        tag, size = self.tree[path]
        headers, wanted = {}, 200
        if size > 1 and self.rng.random() < 0.3:
            first = self.rng.randrange(size)
            headers["Range"], wanted = f"bytes={first}-", 206
        status, data = request(
            "GET", f"/api/fs/download?{query(path=path)}", None, self.token,
            headers)
        if not self.say(f"GET {path}", status, data[:200], wanted):
            return
        if wanted == 206 and len(data) != size - first or \
                wanted == 200 and not self.same(data, tag):
            raise Fault(f"GET {path}: {len(data)} other bytes than the "
                        f"{size} of {tag}")

    def look(self):
        found = self.seen()
        self.run_.count(200 if found is not None else 503)
        if found is not None and found != self.tree:
            raise Fault("ls: " + difference(found, self.tree))

    def mkdir(self):
        if len(self.folders()) > 20:
            return
        path = f"{self.rng.choice(self.folders())}/{self.name_('d')}"
        after = dict(self.tree)
        after[path] = None
        self.change(f"mkdir {path}", ask(
            "POST", "/api/fs/mkdir", {"path": path}, self.token), after)

    def move(self):
        movable = [p for p in self.tree if p != self.root]
        if not movable:
            return
        old = self.rng.choice(sorted(movable))
        there = [f for f in self.folders()
                 if f != old and not f.startswith(old + "/")]
        new = f"{self.rng.choice(there)}/{self.name_('m')}"
        after = {(new + p[len(old):] if p in self.below(old) else p): v
                 for p, v in self.tree.items()}
        self.change(f"move {old} {new}", ask(
            "POST", "/api/fs/move", {"old_path": old, "new_path": new},
            self.token), after)

    def remove(self, path):
        after = {p: v for p, v in self.tree.items()
                 if p not in set(self.below(path))}
        self.change(f"delete {path}", ask(
            "DELETE", f"/api/fs/delete?{query(path=path)}", None, self.token),
            after)

    def copy(self):
        """A file or a folder, onto a new name or a file's."""
        sources = [p for p in self.tree if p != self.root]
        if not sources or len(self.tree) > 120:
            return
        old = self.rng.choice(sorted(sources))
        new, replace = self.target(), self.rng.random() < 0.5
        wanted, after = 200, dict(self.tree)
        if self.tree[old] is None and (new == old or
                                       new.startswith(old + "/")):
            wanted = 400
        elif new in self.tree and (self.tree[old] is None or not replace):
            wanted = 409
        else:
            for path in self.below(old):
                after[new + path[len(old):]] = self.tree[path]
        body = {"old_path": old, "new_path": new, "replace": replace}
        while True:  # one folder at a time for each user
            answer = ask("POST", "/api/fs/copy", body, self.token)
            if answer[0] != 429:
                break
        self.change(f"copy {old} {new}", answer, after, wanted)

    def delete(self):
        files = self.files()
        if len(files) > 5:
            self.remove(self.rng.choice(files))

    def delete_folder(self):
        folders = [f for f in self.folders() if f != self.root]
        if folders:
            self.remove(self.rng.choice(folders))

    # --- raw files ------------------------------------------------------------

    def raw_seen(self):
        status, files = ask("GET", "/api/files", None, self.token)
        if status != 200 or not isinstance(files, list):
            return None
        mine = f"r{self.number}-"
        return {f["id"]: (f["name"], f["etag"], f["size"]) for f in files
                if f["name"].startswith(mine)}

    def raw_settle(self, what, fits):
        found = insist(self.raw_seen)
        if not fits(found):
            raise Fault(f"{what}, answer lost: {difference(found, self.raw)}")
        self.raw = found

    def raw_put(self):
        if len(self.raw) <= 30:
            self.raw_send(self.content())

    def raw_send(self, data):
        name = self.name_("r")
        if self.rng.random() < 0.5:
            body, headers = form({}, name, data)
            status, answer = request("POST", "/api/files/upload", body,
                                     self.token, headers)
            wanted = 200
        else:
            status, answer = request("PUT", f"/api/files/{name}", data,
                                     self.token)
            wanted = 201
        new = (name, etag(data), len(data))
        if self.say(f"upload {name}", status, answer, wanted):
            self.raw[json.loads(answer)["id"]] = new
            return
        self.raw_settle(f"upload {name}", lambda found: found == self.raw or (
            {k: v for k, v in found.items() if v != new} == self.raw and
            list(found.values()).count(new) == 1))

    def raw_get(self):
        if not self.raw:
            return
        file = self.rng.choice(sorted(self.raw))
        status, data = request("GET", f"/api/files/{file}/download", None,
                               self.token)
        if self.say(f"download {file}", status, data[:200], 200) and \
                etag(data) != self.raw[file][1]:
            raise Fault(f"download {file}: other bytes")

    def raw_delete(self):
        if len(self.raw) >= 5:
            self.raw_remove(self.rng.choice(sorted(self.raw)))

    def raw_remove(self, file):
        answer = ask("DELETE", f"/api/files/{file}", None, self.token)
        without = {k: v for k, v in self.raw.items() if k != file}
        if self.say(f"delete {file}", *answer, 200):
            self.raw = without
        else:
            self.raw_settle(f"delete {file}",
                            lambda found: found in (self.raw, without))

    def burst(self):
        """Small files, most of which go again: segments are full of holes, and
        are emptied."""
        before = set(self.raw)
        for _ in range(8):
            self.raw_send(self.rng.randbytes(self.rng.randrange(90000, 250000)))
        for file in sorted(set(self.raw) - before):
            if len(self.raw) > 30 or self.rng.random() < 0.8:
                self.raw_remove(file)

    # --- what must be refused -------------------------------------------------

    def refused(self):
        """Wrong requests change nothing and get the right status."""
        missing = f"{self.root}/{self.name_('none')}"
        files = self.files()
        cases = [
            (404, "GET", f"/api/fs/download?{query(path=missing)}", None),
            (404, "DELETE", f"/api/fs/delete?{query(path=missing)}", None),
            (404, "POST", "/api/fs/mkdir", {"path": f"{missing}/deeper"}),
            (404, "POST", "/api/fs/move",
             {"old_path": missing, "new_path": missing + "x"}),
            (400, "POST", "/api/fs/mkdir", {"path": self.root + "/../x"}),
            (404, "GET", f"/api/files/{'0' * 32}/download", None),
        ]
        if files:
            cases.append((409, "POST", "/api/fs/mkdir", {"path": files[0]}))
        wanted, method, path, value = self.rng.choice(cases)
        self.say(f"{method} {path}",
                 *ask(method, path, value, self.token), wanted)
        if self.raw:
            file = self.rng.choice(sorted(self.raw))
            self.say(f"a stranger's GET of {file}", *ask(
                "GET", f"/api/files/{file}", None, self.stranger), 404)

    # --- nodes and functions --------------------------------------------------

    def node_seen(self, node):
        """'Running', 'Stopped', 'none'; None while it is on its way."""
        status, answer = ask("GET", f"/api/nodes/{node}", None, self.token)
        if status == 404:
            return "none"
        if status == 200 and answer.get("status") in ("Running", "Stopped"):
            return answer["status"]
        return None

    def node_settled(self, node):
        """The same, waited for."""
        try:
            return insist(lambda: self.node_seen(node), node)
        except Fault:
            status, answer = ask("GET", f"/api/nodes/{node}", None, self.token)
            raise Fault(f"node on its way: {status} {answer}") from None

    def node_named(self, name):
        status, answer = ask("GET", "/api/nodes", None, self.token)
        if status != 200 or not isinstance(answer, list):
            return None
        for node in answer:
            if node["name"] == name:
                return node["id"] if node["status"] in (
                    "Running", "Stopped") else None
        return "none"

    def node(self):
        if len(self.nodes) < 2 or not self.nodes:
            self.node_create()
            return
        node = self.rng.choice(sorted(self.nodes))
        verb, wanted, result = self.rng.choice([
            ("stop", 200, "Stopped"), ("start", 200, "Running"),
            ("delete", 200, "none")])
        before = self.nodes[node][1]
        if verb == "delete":
            answer = ask("DELETE", f"/api/nodes/{node}?force=true", None,
                         self.token)
        else:
            answer = ask("POST", f"/api/nodes/{node}/{verb}", None, self.token)
        if not self.say(f"{verb} {node}", *answer, wanted):
            # What a lost answer began is finished later: none of it may be a
            # third thing.
            found = self.node_settled(node)
            if found not in (before, result):
                raise Fault(f"{verb} {node}, answer lost: {found}")
            result = found
        if result == "none":
            del self.nodes[node]
        else:
            self.nodes[node] = (self.nodes[node][0], result)

    def node_create(self):
        name = f"{self.run_.name}-{self.name_('n')}"
        status, answer = ask("POST", "/api/nodes", {
            "name": name, "memory_mb": 32, "storage_size": "32M"}, self.token)
        if self.say(f"create {name}", status, answer, 201):
            self.nodes[answer["id"]] = (name, "Running")
            return
        node = insist(lambda: self.node_named(name), name)
        if node != "none":
            self.nodes[node] = (name, self.node_settled(node))

    def function(self):
        n = self.rng.randrange(10000)
        status, answer = ask("POST", "/api/lambda/run", {
            "Code": f"print({n} * 2)", "Runtime": "python3"}, self.token)
        if self.say("function", status, answer, 200) and \
                answer["stdout"].strip() != str(2 * n):
            raise Fault(f"function: {answer}")

    # --- the end --------------------------------------------------------------

    def verify(self):
        """Everything acknowledged is there, byte for byte, and nothing else."""
        found = insist(self.seen)
        if found != self.tree:
            raise Fault("at the end: " + difference(found, self.tree))
        raw = insist(self.raw_seen)
        if raw != self.raw:
            raise Fault("raw files at the end: " + difference(raw, self.raw))
        for path in self.files():
            status, data = request(
                "GET", f"/api/fs/download?{query(path=path)}", None, self.token)
            if status != 200 or not self.same(data, self.tree[path][0]):
                raise Fault(f"at the end: {path}: {status} {data!r:.100}")
        for file, (_, tag, _) in self.raw.items():
            status, data = request(
                "GET", f"/api/files/{file}/download", None, self.token)
            if status != 200 or etag(data) != tag:
                raise Fault(f"at the end: {file}: {status} {data!r:.100}")
        for node, (name, wanted) in self.nodes.items():
            found = self.node_settled(node)
            if found != wanted:
                raise Fault(f"at the end: node {name}: {found}, not {wanted}")
        self.verify_buckets()
        self.verify_past()
        self.verify_pieces()

    def clear(self):
        self.clear_buckets()
        self.clear_pieces()
        for node in self.nodes:
            ask("DELETE", f"/api/nodes/{node}?force=true", None, self.token)
        for file in self.raw:
            ask("DELETE", f"/api/files/{file}", None, self.token)
        ask("DELETE", f"/api/fs/delete?{query(path=self.root)}", None,
            self.token)
        self.clear_past()


def difference(found, *models):
    """A few words on what is not as any of the models says."""
    words = []
    for key in sorted(set(found) | {k for m in models for k in m}):
        have = found.get(key, "absent")
        may = [m.get(key, "absent") for m in models]
        if have not in may:
            words.append(f"{key} is {have}, not {' or '.join(map(str, may))}")
    return "; ".join(words[:8]) or "a mixture of before and after"
