"""What a worker of modelled.py knows of its uploads in pieces. Not a test by
itself.
"""
import hashlib
import json
import random
import socket

from model_http import UNSURE, URL, Fault, ask, insist, request
from modelled_buckets import key_of, md5

MIB = 1 << 20


def stream(seed, size):
    return random.Random(seed).randbytes(size)


class Pieces:
    """@multiparts: id -> [key, how many parts, {number: (etag, seed, size)}].
    @resumables: id -> [path, seed, size in all, there at least, sent at most]."""

    PIECE_ACTS = (("mp_open", 2), ("mp_part", 4), ("mp_complete", 3),
                  ("mp_drop", 1), ("res_open", 2), ("res_append", 6),
                  ("res_break", 3), ("res_finish", 3), ("res_drop", 1))

    def init_pieces(self):
        self.multiparts, self.resumables = {}, {}
        self.sums = {}  # etag that depends on how it came -> MD5 of all

    # --- multipart ------------------------------------------------------------

    def mp_seen(self):
        status, rows = ask("GET", self.of("uploads"), None, self.token)
        if status != 200 or not isinstance(rows, list):
            return None
        return {r["id"]: key_of(r) for r in rows}

    def mp_open(self):
        if len(self.multiparts) > 2:
            return
        key = self.name_("parts/").encode() + b"\xff"
        status, answer = request("POST", self.of("uploads", key), None,
                                 self.token, {"X-Nexus-Meta-Color": "parts"})
        new = [key, self.rng.choice([1, 1, 2, 3]), {}]
        if self.say(f"open multipart {key}", status, answer, 201):
            self.multiparts[json.loads(answer)["id"]] = new
            return
        found = insist(self.mp_seen)
        for one in found:
            if one not in self.multiparts and found[one] != key:
                raise Fault(f"uploads, answer lost: {found}")
            self.multiparts.setdefault(one, new)

    def part_list(self, upload):
        def seen():
            status, rows = ask("GET", f"/api/uploads/{upload}/parts", None,
                               self.token)
            if status == 404:
                return 404
            return rows if status == 200 and isinstance(rows, list) else None
        return insist(seen)

    def mp_any(self, ready):
        some = [i for i in sorted(self.multiparts)
                if (len(self.multiparts[i][2]) == self.multiparts[i][1]) ==
                ready]
        return self.rng.choice(some) if some else None

    def mp_part(self):
        upload = self.mp_any(self.rng.random() < 0.1)
        if upload is None:
            return
        key, count, parts = self.multiparts[upload]
        number = self.rng.randrange(1, count + 1)
        size = 5 * MIB if number < count else self.rng.randrange(1, 3 * MIB)
        seed = self.rng.random()
        data = stream(seed, size)
        new = (md5(data), seed, size)
        status, answer = request(
            "PUT", f"/api/uploads/{upload}/parts?number={number}", data,
            self.token)
        if self.say(f"part {number} of {key}", status, answer, 201):
            parts[number] = new
            return
        rows = self.part_list(upload)
        found = {r["number"]: r["etag"] for r in rows} if rows != 404 else rows
        before = {n: p[0] for n, p in parts.items()}
        if found == {**before, number: new[0]}:
            parts[number] = new
        elif found != before:
            raise Fault(f"part {number} of {key}, answer lost: {found} after "
                        f"{before}")

    def mp_complete(self):
        """Asked again until it is answered: it says the same again."""
        upload = self.mp_any(True)
        if upload is None:
            return
        key, count, parts = self.multiparts[upload]
        path = f"/api/uploads/{upload}/complete"
        body = {"parts": [{"number": n, "etag": parts[n][0]}
                          for n in sorted(parts)]}
        if self.rng.random() < 0.2:
            wrong = {"parts": [dict(p, etag="0" * 32) for p in body["parts"]]}
            self.say(f"complete {key} wrongly",
                     *ask("POST", path, wrong, self.token), 400)

        def completed():
            status, answer = ask("POST", path, body, self.token)
            self.run_.count(status)
            return None if status in UNSURE else (status, answer)
        status, answer = insist(completed)
        data = b"".join(stream(*parts[n][1:]) for n in sorted(parts))
        sums = hashlib.md5(b"".join(bytes.fromhex(parts[n][0])
                                    for n in sorted(parts))).hexdigest()
        etag = f"{sums}-{count}"
        if status != 201 or answer["etag"] != etag or \
                answer["size"] != len(data):
            raise Fault(f"complete {key}: {status} {answer}, not {etag}")
        del self.multiparts[upload]
        self.objects[key] = (etag, len(data), md5(data))

    def gone(self, what, path):
        """Given up, whatever the answers were."""
        status, answer = ask("DELETE", path, None, self.token)
        if self.say(f"give up {what}", status, answer, 200):
            return True

        def asked():
            status, answer = ask("DELETE", path, None, self.token)
            if status not in UNSURE + (200, 404):
                raise Fault(f"give up {what} again: {status} {answer}")
            return None if status in UNSURE else True
        return insist(asked)

    def mp_drop(self):
        if not self.multiparts:
            return
        upload = self.rng.choice(sorted(self.multiparts))
        self.gone(self.multiparts[upload][0], f"/api/uploads/{upload}")
        del self.multiparts[upload]

    # --- resumable ------------------------------------------------------------

    def res_seen(self):
        status, rows = ask("GET", "/api/uploads", None, self.token)
        if status != 200 or not isinstance(rows, list):
            return None
        return {r["id"]: r["path"] for r in rows
                if r.get("path", "").startswith(self.root + "/")}

    def res_open(self):
        if len(self.resumables) > 2:
            return
        path = f"{self.root}/{self.name_('res')}"
        size = self.rng.choice([1, 70000, MIB, 3 * MIB, 12 * MIB])
        new = [path, self.rng.random(), size, 0, 0]
        status, answer = ask("POST", "/api/uploads", {"path": path},
                             self.token)
        if self.say(f"open resumable {path}", status, answer, 201):
            self.resumables[answer["id"]] = new
            return
        found = insist(self.res_seen)
        for one in found:
            if one not in self.resumables and found[one] != path:
                raise Fault(f"resumables, answer lost: {found}")
            self.resumables.setdefault(one, new)

    def res_where(self, upload):
        """How far it is: never less than it was, nor more than was sent."""
        path, _, _, low, high = self.resumables[upload]

        def asked():
            status, answer = ask("GET", f"/api/uploads/{upload}", None,
                                 self.token)
            if status not in UNSURE + (200,):
                raise Fault(f"resumable {path}: {status} {answer}")
            return None if status in UNSURE else answer["size"]
        size = insist(asked)
        if not low <= size <= high:
            raise Fault(f"resumable {path}: {size} bytes, after {low} that "
                        f"counted and {high} that were sent")
        self.resumables[upload][3] = size
        return size

    def res_any(self, ready):
        some = [i for i in sorted(self.resumables)
                if (self.resumables[i][3] == self.resumables[i][2]) == ready]
        return self.rng.choice(some) if some else None

    def res_append(self):
        upload = self.res_any(False)
        if upload is None:
            return
        one = self.resumables[upload]
        path, seed, total, at, _ = one
        end = min(total, at + self.rng.choice([total, 100000, MIB]))
        one[4] = max(one[4], end)
        data = stream(seed, total)[at:end]
        status, answer = request("PUT", f"/api/uploads/{upload}?offset={at}",
                                 data, self.token)
        # What a sender that is gone had sent may have come to count meanwhile,
        # and then this is refused; nothing of it is ever lost.
        if status == 409:
            self.run_.count(status)
            self.res_where(upload)
        elif self.say(f"append to {path}", status, answer, 200):
            one[3] = json.loads(answer)["size"]
            if one[3] != end:
                raise Fault(f"append to {path}: at {one[3]}, not {end}")
        else:
            self.res_where(upload)

    def res_break(self):
        """A sender that goes in the middle."""
        upload = self.res_any(False)
        if upload is None:
            return
        one = self.resumables[upload]
        path, seed, total, at, _ = one
        end = self.rng.randrange(at, total + 1)
        one[4] = max(one[4], end)
        head = (f"PUT /api/uploads/{upload}?offset={at} HTTP/1.1\r\n"
                f"Host: n\r\nAuthorization: Bearer {self.token}\r\n"
                f"Content-Length: {total - at}\r\n\r\n").encode()
        try:
            with socket.create_connection((URL.hostname, URL.port),
                                          timeout=60) as s:
                s.sendall(head + stream(seed, total)[at:end])
        except OSError:
            pass  # killed, or refused and closed
        self.run_.count(0)
        self.res_where(upload)

    def res_finish(self):
        upload = self.res_any(True)
        if upload is None:
            return
        path, seed, total, _, _ = self.resumables[upload]

        def finished():
            status, answer = ask("POST", f"/api/uploads/{upload}/finish",
                                 {"size": total}, self.token)
            self.run_.count(status)
            return None if status in UNSURE else (status, answer)
        status, answer = insist(finished)
        if status != 201 or answer["size"] != total:
            raise Fault(f"finish {path}: {status} {answer}")
        del self.resumables[upload]
        self.tree[path] = (answer["etag"], total)
        self.sums[answer["etag"]] = md5(stream(seed, total))

    def res_drop(self):
        if not self.resumables:
            return
        upload = self.rng.choice(sorted(self.resumables))
        self.gone(self.resumables[upload][0], f"/api/uploads/{upload}")
        del self.resumables[upload]

    # --- the end --------------------------------------------------------------

    def verify_pieces(self):
        found = insist(self.mp_seen)
        if found != {i: m[0] for i, m in self.multiparts.items()}:
            raise Fault(f"multipart uploads at the end: {found}, not "
                        f"{self.multiparts}")
        for upload, (key, _, parts) in self.multiparts.items():
            rows = self.part_list(upload)
            if rows == 404 or {r["number"]: r["etag"] for r in rows} != \
                    {n: p[0] for n, p in parts.items()}:
                raise Fault(f"parts of {key} at the end: {rows}, not {parts}")
        found = insist(self.res_seen)
        if found != {i: r[0] for i, r in self.resumables.items()}:
            raise Fault(f"resumable uploads at the end: {found}, not "
                        f"{self.resumables}")
        for upload in self.resumables:
            self.res_where(upload)

    def clear_pieces(self):
        for upload in [*self.multiparts, *self.resumables]:
            ask("DELETE", f"/api/uploads/{upload}", None, self.token)
