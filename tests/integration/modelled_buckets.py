"""What a worker of modelled.py knows of its buckets: one without versions, and one
with versions and locks. Not a test by itself.
"""
import hashlib
import json
import time
import urllib.parse

from model_http import UNSURE, Fault, ask, insist, request

ODD = [b"a", b"a/b", b"a//b", b"..", b"//", b"%2F", b"+ &=#?", b"\xff\xfe",
       b"\x01\x7f", b"k" * 1024, "\u732b".encode(), b"\xc0\xaf/x"]


def quote(key):
    return urllib.parse.quote(key, safe="")


def key_of(entry):
    encoded = entry.get("key_encoded")
    return urllib.parse.unquote_to_bytes(encoded) if encoded \
        else entry["key"].encode()


def md5(data):
    return hashlib.md5(data).hexdigest()


class Buckets:
    """@objects: key -> (etag, size, md5). @vault: key -> [[version, etag or None
    of a marker, locked?], ...], the newest first."""

    BUCKET_ACTS = (("obj_put", 12), ("obj_get", 10), ("obj_list", 4),
                   ("obj_delete", 6), ("obj_copy", 6), ("obj_many", 2),
                   ("v_put", 5), ("v_get", 4), ("v_delete", 4), ("v_purge", 4),
                   ("v_lock", 3))

    def init_buckets(self):
        self.objects, self.vault = {}, {}
        self.bucket = f"{self.run_.name}b{self.number}"
        self.locks = f"{self.run_.name}v{self.number}"

    def begin_buckets(self):
        for body in ({"name": self.bucket},
                     {"name": self.locks, "versions": True, "locks": True}):
            def made():
                status, answer = ask("POST", "/api/buckets", body, self.token)
                if status not in UNSURE + (201, 409):
                    raise Fault(f"bucket {body}: {status} {answer}")
                return None if status in UNSURE else True
            insist(made)

    def of(self, what, key=None, bucket=None, **more):
        path = f"/api/buckets/{bucket or self.bucket}/{what}"
        words = [f"key={quote(key)}"] if key is not None else []
        words += [f"{k}={quote(v)}" for k, v in more.items()]
        return path + "?" + "&".join(words) if words else path

    # --- without versions -----------------------------------------------------

    def obj_seen(self):
        status, rows = ask("GET", self.of("objects"), None, self.token)
        if status in UNSURE or not isinstance(rows, list):
            if status not in UNSURE + (200,):
                raise Fault(f"objects: {status} {rows!r:.200}")
            return None  # or it was cut in the middle
        return [(key_of(r), r["etag"], r["size"]) for r in rows]

    @staticmethod
    def obj_list_of(objects):
        return [(k, objects[k][0], objects[k][1]) for k in sorted(objects)]

    def obj_settle(self, what, after):
        found = insist(self.obj_seen)
        if found == self.obj_list_of(after):
            self.objects = after
        elif found != self.obj_list_of(self.objects):
            raise Fault(f"{what}, answer lost: {odd_ones(found, self.objects)}")

    def obj_change(self, what, answer, after, wanted):
        if self.say(what, *answer, wanted):
            self.objects = after
        else:
            self.obj_settle(what, after)

    def obj_key(self):
        if self.objects and (self.rng.random() < 0.4 or
                             len(self.objects) > 60):
            return self.rng.choice(sorted(self.objects))
        if self.rng.random() < 0.5:
            return self.rng.choice(ODD)
        return bytes(self.rng.randrange(1, 256)
                     for _ in range(self.rng.randrange(1, 40)))

    def obj_condition(self, key):
        """(headers, does it hold)"""
        kind = self.rng.random()
        if kind < 0.15:
            return {"If-None-Match": "*"}, key not in self.objects
        if kind < 0.3:
            tag = self.rng.choice(sorted(self.objects.values()))[0] \
                if self.objects else "none"
            return {"If-Match": f'"{tag}"'}, \
                key in self.objects and self.objects[key][0] == tag
        return {}, True

    def obj_put(self):
        key, data = self.obj_key(), self.content()
        headers, holds = self.obj_condition(key)
        after, wanted = dict(self.objects), 201 if holds else 412
        if holds:
            after[key] = (md5(data), len(data), md5(data))
        headers["X-Nexus-Meta-Color"] = md5(data)[:6]
        self.obj_change(f"PUT object {key}", request(
            "PUT", self.of("object", key), data, self.token, headers), after,
            wanted)

    def obj_get(self):
        if not self.objects:
            return
        key = self.rng.choice(sorted(self.objects))
        tag, size, total = self.objects[key]
        status, data = request("GET", self.of("object", key), None, self.token)
        if self.say(f"GET object {key}", status, data[:200], 200) and \
                md5(data) != total:
            raise Fault(f"object {key}: {len(data)} other bytes than the "
                        f"{size} of {tag}")
        status, about = ask("GET", self.of("stat", key), None, self.token)
        if self.say(f"stat {key}", status, about, 200) and (
                about["etag"] != tag or
                about["metadata"].get("color") !=
                ("parts" if "-" in tag else total[:6])):
            raise Fault(f"stat {key}: {about}, not {tag} {total}")

    def obj_list(self):
        found = self.obj_seen()
        self.run_.count(200 if found is not None else 503)
        if found is not None and found != self.obj_list_of(self.objects):
            raise Fault("objects: " + odd_ones(found, self.objects))
        prefix = self.rng.choice([b"", b"a", b"a/", b"\xff"])
        status, rows = ask("GET", self.of("objects", prefix=prefix,
                                          delimiter="/"), None, self.token)
        wanted = set()
        for k in self.objects:
            if k.startswith(prefix):
                at = k.find(b"/", len(prefix))
                wanted.add(k if at < 0 else k[:at + 1])
        if isinstance(rows, list) and self.say(
                "prefixes", status, None, 200) and \
                [key_of(r) for r in rows] != sorted(wanted):
            raise Fault(f"prefixes of {prefix}: {rows!r:.300}, not "
                        f"{sorted(wanted)!r:.300}")

    def obj_delete(self):
        key = self.obj_key()
        after = dict(self.objects)
        after.pop(key, None)
        self.obj_change(f"DELETE object {key}", ask(
            "DELETE", self.of("object", key), None, self.token), after, 200)

    def obj_many(self):
        keys = [k for k in sorted(self.objects) if self.rng.random() < 0.3]
        keys += [b"never there"]
        after = {k: v for k, v in self.objects.items() if k not in keys}
        body = {"objects": [{"key_encoded": quote(k)} for k in keys]}
        status, answer = ask("POST", self.of("delete"), body, self.token)
        if self.say("delete many", status, answer, 200):
            if [e["status"] for e in answer] != [200] * len(keys):
                raise Fault(f"delete many: {answer!r:.300}")
            self.objects = after
            return
        found = insist(self.obj_seen)  # any of them may be gone
        now = {k: self.objects.get(k) for k, _, _ in found}
        if None in now.values() or not set(after) <= set(now) or \
                found != self.obj_list_of(now):
            raise Fault("delete many, answer lost: " +
                        odd_ones(found, self.objects))
        self.objects = now

    def obj_copy(self):
        """Of an object, or of a file of the tree."""
        key = self.obj_key()
        headers, holds = self.obj_condition(key)
        after, wanted = dict(self.objects), 201 if holds else 412
        if not self.objects:
            return
        source = self.rng.choice(sorted(self.objects))
        if holds:
            after[key] = self.objects[source]
        status, data = request("POST", self.of("copy", key, from_key=source),
                               None, self.token, headers)
        self.obj_change(f"copy {source} {key}", (status, data), after, wanted)

    # --- with versions and locks ----------------------------------------------

    def v_seen(self):
        status, rows = ask("GET", self.of("objects", bucket=self.locks,
                                          versions="true"), None, self.token)
        if status in UNSURE or not isinstance(rows, list):
            if status not in UNSURE + (200,):
                raise Fault(f"versions: {status} {rows!r:.200}")
            return None
        found = {}
        for r in rows:
            found.setdefault(key_of(r), []).append(
                [r["version"], r.get("etag"), r.get("lock") is not None])
        return found

    def v_settle(self, what, key, fits):
        """Nothing has happened, or what @fits takes for the versions of @key."""
        found = insist(self.v_seen)
        if found == self.vault:
            return
        others = {k: v for k, v in found.items() if k != key}
        if others != {k: v for k, v in self.vault.items() if k != key} or \
                not fits(found.get(key, [])):
            raise Fault(f"{what}, answer lost: {found} after {self.vault}")
        self.vault = found

    def v_put(self):
        key = self.rng.choice(ODD)
        data = self.rng.randbytes(self.rng.randrange(60000))
        status, answer = request("PUT", self.of("object", key, self.locks),
                                 data, self.token)
        old = self.vault.get(key, [])
        if self.say(f"PUT version of {key}", status, answer, 201):
            self.vault[key] = [[json.loads(answer)["version"], md5(data),
                                False]] + old
        else:
            self.v_settle(f"PUT version of {key}", key, lambda v: (
                v[1:] == old and v[0][1:] == [md5(data), False]))

    def v_any(self):
        """(key, index) of a version."""
        every = [(k, i) for k in sorted(self.vault)
                 for i in range(len(self.vault[k]))]
        return self.rng.choice(every) if every else (None, 0)

    def v_get(self):
        key, i = self.v_any()
        if key is None:
            return
        version, tag, _ = self.vault[key][i]
        status, data = request("GET", self.of(
            "object", key, self.locks, version=version), None, self.token)
        if self.say(f"GET version of {key}", status, data[:200],
                    200 if tag else 404) and tag and md5(data) != tag:
            raise Fault(f"version {version} of {key}: other bytes")
        version, tag, _ = self.vault[key][0]
        status, data = request("GET", self.of("object", key, self.locks), None,
                               self.token)
        if self.say(f"GET current {key}", status, data[:200],
                    200 if tag else 404) and tag and md5(data) != tag:
            raise Fault(f"current version of {key}: other bytes")

    def v_delete(self):
        """A marker above the versions."""
        keys = [k for k, v in sorted(self.vault.items()) if v[0][1]]
        if not keys:
            return
        key = self.rng.choice(keys)
        old = self.vault[key]
        status, answer = ask("DELETE", self.of("object", key, self.locks),
                             None, self.token)
        if self.say(f"mark {key}", status, answer, 200):
            self.vault[key] = [[answer["version"], None, False]] + old
        else:
            self.v_settle(f"mark {key}", key, lambda v: (
                v[1:] == old and v[0][1:] == [None, False]))

    def v_purge(self):
        """One version, if it is not locked."""
        key, i = self.v_any()
        if key is None:
            return
        version, _, locked = self.vault[key][i]
        bypass = self.rng.random() < 0.3
        more = {"bypass": "true"} if bypass else {}
        status, answer = ask("DELETE", self.of(
            "object", key, self.locks, version=version, **more), None,
            self.token)
        left = self.vault[key][:i] + self.vault[key][i + 1:]
        denied = locked and not bypass
        if self.say(f"purge {version} of {key}", status, answer,
                    403 if denied else 200):
            if not denied:
                self.vault[key] = left
        else:
            self.v_settle(f"purge {version} of {key}", key,
                          lambda v: v == left and not denied)
        if not self.vault.get(key):
            self.vault.pop(key, None)

    def v_lock(self):
        key, i = self.v_any()
        if key is None or not self.vault[key][i][1]:
            return
        version, tag, _ = self.vault[key][i]
        body = {"lock": "governance", "until": int(time.time()) + 86400,
                "bypass": True}
        status, answer = ask("PUT", self.of("lock", key, self.locks,
                                            version=version), body, self.token)
        after = list(self.vault[key])
        after[i] = [version, tag, True]
        if self.say(f"lock {version} of {key}", status, answer, 200):
            self.vault[key] = after
        else:
            self.v_settle(f"lock {version} of {key}", key,
                          lambda v: v == after)

    # --- the end --------------------------------------------------------------

    def verify_buckets(self):
        found = insist(self.obj_seen)
        if found != self.obj_list_of(self.objects):
            raise Fault("objects at the end: " + odd_ones(found, self.objects))
        if insist(self.v_seen) != self.vault:
            raise Fault(f"versions at the end: {self.v_seen()} instead of "
                        f"{self.vault}")
        for key, (_, _, total) in self.objects.items():
            status, data = request("GET", self.of("object", key), None,
                                   self.token)
            if status != 200 or md5(data) != total:
                raise Fault(f"at the end: object {key}: {status}")
        for key, versions in self.vault.items():
            for version, tag, _ in versions:
                status, data = request("GET", self.of(
                    "object", key, self.locks, version=version), None,
                    self.token)
                if tag and (status != 200 or md5(data) != tag):
                    raise Fault(f"at the end: {version} of {key}: {status}")

    def clear_buckets(self):
        for bucket in (self.bucket, self.locks):
            rows = ask("GET", self.of("objects", bucket=bucket,
                                      versions="true"), None, self.token)[1]
            while isinstance(rows, list) and rows:
                some, rows = rows[:1000], rows[1000:]
                ask("POST", self.of("delete", bucket=bucket), {
                    "bypass": True, "objects": [
                        {"key_encoded": quote(key_of(r)),
                         "version": r["version"]} for r in some]}, self.token)
            ask("DELETE", f"/api/buckets/{bucket}", None, self.token)


def odd_ones(found, objects):
    wanted = Buckets.obj_list_of(objects)
    return (f"{[r for r in found if r not in wanted]!r:.300} instead of "
            f"{[r for r in wanted if r not in found]!r:.300}")
