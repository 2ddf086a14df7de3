"""What a worker of modelled.py knows of what was at its paths before: versions, what
was deleted, bringing it back, giving it up. Not a test by itself.
"""
import time

from model_http import UNSURE, Fault, ask, etag, insist, query, request


def patient(*what):
    """ask(), and again while another purge of this user is under way."""
    while (answer := ask(*what))[0] == 429:
        time.sleep(0.05)
    return answer


class Past:
    """Some files of a folder of their own. @now: path -> etag; @past: path ->
    [(version, etag, why), ...], the newest first. Unknown numbers are None until
    they are seen."""

    PAST_ACTS = (("past_put", 6), ("past_delete", 4), ("past_get", 4),
                 ("past_restore", 4), ("past_purge", 3), ("past_forever", 1))

    def init_past(self):
        self.attic = f"/h{self.number}"
        self.now, self.past = {}, {}

    def begin_past(self):
        def made():
            status, answer = ask("POST", "/api/fs/mkdir", {
                "path": self.attic, "parents": True}, self.token)
            if status not in UNSURE + (200,):
                raise Fault(f"mkdir {self.attic}: {status} {answer}")
            return True if status == 200 else None
        insist(made)

        def told():
            status, answer = ask("PUT", "/api/fs/history", {
                "path": self.root, "seconds": 0}, self.token)
            if status not in UNSURE + (200,):
                raise Fault(f"history of {self.root}: {status} {answer}")
            return True if status == 200 else None
        # Elsewhere nothing is kept but by one: nobody's is given up for room.
        if self.number > 0:
            insist(told)

    def past_path(self):
        return f"{self.attic}/f{self.rng.randrange(6)}"

    def past_seen(self, path):
        """(etag now or None, [(version, etag, why), ...])"""
        status, now = ask("GET", f"/api/fs/stat?{query(path=path)}", None,
                          self.token)
        if status not in (200, 404):
            return None
        tag = now["etag"] if status == 200 else None
        status, rows = ask("GET", f"/api/fs/versions?{query(path=path)}", None,
                           self.token)
        if status == 404 and tag is None:
            rows = []
        elif status != 200 or not isinstance(rows, list):
            return None
        return tag, [(r["version"], r["etag"], r["why"]) for r in rows]

    def past_change(self, what, path, answer, wanted, after):
        """@after: what it is if it was done, numbers of versions left out."""
        before = (self.now.get(path), self.past.get(path, []))
        done = self.say(what, *answer, wanted)
        found = insist(lambda: self.past_seen(path))
        same = found == before
        fits = (found[0], [v[1:] for v in found[1]]) == \
            (after[0], [v[1:] for v in after[1]]) and \
            all(a[0] in (None, f[0]) for a, f in zip(after[1], found[1]))
        if not fits and (done or not same):
            raise Fault(f"{what}, {'done' if done else 'answer lost'}: "
                        f"{found} after {before}, instead of {after}")
        self.now[path], self.past[path] = found
        if found[0] is None:
            del self.now[path]

    def replaced(self, path, why="replaced"):
        """The versions with what is there now among them."""
        old = self.past.get(path, [])
        return [(None, self.now[path], why)] + old if path in self.now else old

    def past_put(self):
        path = self.past_path()
        data = self.rng.randbytes(self.rng.choice([1, 5000, 50000, 300000]))
        self.past_change(f"PUT {path}", path, request(
            "PUT", f"/api/fs/file?{query(path=path)}", data, self.token), 201,
            (etag(data), self.replaced(path)))

    def past_delete(self):
        if not self.now:
            return
        path = self.rng.choice(sorted(self.now))
        self.past_change(f"DELETE {path}", path, ask(
            "DELETE", f"/api/fs/delete?{query(path=path)}", None, self.token),
            200, (None, self.replaced(path, "deleted")))

    def past_forever(self):
        if not self.now:
            return
        path = self.rng.choice(sorted(self.now))
        status, answer = patient(
            "DELETE", f"/api/fs/delete?{query(path=path, forever='true')}",
            None, self.token)
        if not self.say(f"DELETE {path} forever", status, answer, 200):
            # It is deleted first, and gone for good some steps later.
            found = insist(lambda: self.past_seen(path))
            old = self.past.get(path, [])
            if found != (self.now[path], old) and (
                    found[0] is not None or
                    not set(found[1]) <= set(old) | set(found[1][:1])):
                raise Fault(f"DELETE {path} forever, answer lost: {found}")
            self.now[path], self.past[path] = found
            if found[0] is None:
                del self.now[path]
            return
        # What was deleted there before by the same name may be another's.
        found = insist(lambda: self.past_seen(path))
        if found[0] is not None or not set(found[1]) <= \
                set(self.past.get(path, [])):
            raise Fault(f"DELETE {path} forever: {found}")
        del self.now[path]
        self.past[path] = found[1]

    def past_any(self):
        every = [(p, v) for p in sorted(self.past) for v in self.past[p]]
        return self.rng.choice(every) if every else (None, None)

    def past_get(self):
        path, version = self.past_any()
        if path is None:
            return
        status, data = request(
            "GET", f"/api/fs/download?{query(path=path, version=version[0])}",
            None, self.token)
        if self.say(f"GET {path} {version}", status, data[:200], 200) and \
                etag(data) != version[1]:
            raise Fault(f"{path} {version}: other bytes")

    def past_restore(self):
        path, version = self.past_any()
        if path is None:
            return
        there, replace = path in self.now, self.rng.random() < 0.6
        body = {"path": path, "version": version[0], "replace": replace}
        left = [v for v in self.past[path] if v != version]
        if there and not replace:
            after = (self.now[path], self.past[path])
        else:
            after = (version[1],
                     [(None, self.now[path], "replaced")] + left
                     if there else left)
        self.past_change(f"restore {path} {version}", path, ask(
            "POST", "/api/fs/restore", body, self.token),
            409 if there and not replace else 200, after)

    def past_purge(self):
        path, version = self.past_any()
        if path is None:
            return
        left = [v for v in self.past[path] if v != version]
        self.past_change(f"purge {path} {version}", path, patient(
            "POST", "/api/fs/purge", {"path": path, "version": version[0]},
            self.token), 200, (self.now.get(path), left))

    def verify_past(self):
        for path in sorted({*self.now, *self.past}):
            found = insist(lambda: self.past_seen(path))
            if found != (self.now.get(path), self.past.get(path, [])):
                raise Fault(f"{path} at the end: {found}, instead of "
                            f"{self.now.get(path)} {self.past.get(path)}")
            for version, tag, _ in found[1]:
                status, data = request(
                    "GET", f"/api/fs/download?"
                    f"{query(path=path, version=version)}", None, self.token)
                if status != 200 or etag(data) != tag:
                    raise Fault(f"at the end: {path} {version}: {status}")

    def clear_past(self):
        ask("DELETE", f"/api/fs/delete?{query(path=self.attic)}", None,
            self.token)
        patient("POST", "/api/fs/purge", {"path": "/"}, self.token)
