#!/usr/bin/env python3
"""What people do about their accounts over HTTP: access keys and what they are
kept to, passwords changed and forgotten, mails that tell of it."""
import base64
import glob
import json
import os
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import http_api
from http_api import ask, call, equal, ok

MAIL = http_api.NAME + "@example.org"
OLD = "long enough to be good"
NEW = "another one nobody knows"


def key(name, rights, **more):
    return call("/api/account/keys", {"name": name, "rights": rights, **more})


class As:
    """Requests with what @headers say, and no token."""
    def __init__(self, headers):
        self.headers = headers

    def __enter__(self):
        self.token, http_api.token = http_api.token, None
        return self

    def __exit__(self, *_):
        http_api.token = self.token

    def ask(self, method, path, body=None, **headers):
        return ask(method, path, body, {**self.headers, **{
            k.replace("_", "-"): v for k, v in headers.items()}})

    def status(self, *request, **headers):
        return self.ask(*request, **headers).status


def bearer(secret):
    return As({"Authorization": "Bearer " + secret})


def basic(user, secret):
    pair = base64.b64encode(f"{user}:{secret}".encode()).decode()
    return As({"Authorization": "Basic " + pair})


def file_at(path):
    return "/api/fs/file?path=" + path


def forms(secret):
    """One key, in every form in which it is shown."""
    for name, shown, wanted in (
            ("Bearer", bearer(secret), 200),
            ("X-API-KEY", As({"X-API-KEY": secret}), 200),
            ("Basic", basic(http_api.NAME, secret), 200),
            ("Basic with the address", basic(MAIL, secret), 200),
            ("Basic without a name", basic("", secret), 200),
            ("Basic with another's name", basic("nobody", secret), 401),
            ("Basic with the password", basic(http_api.NAME, OLD), 401),
            ("Bearer with another end", bearer(secret[:-1] + (
                "0" if secret[-1] != "0" else "1")), 401),
            ("two forms at once", As({"X-API-KEY": secret, "Authorization":
                                      "Bearer " + secret}), 400)):
        with shown as somebody:
            equal("a key as " + name,
                  somebody.status("GET", "/api/fs/ls?path=/"), wanted)


def scopes():
    call("/api/fs/mkdir", {"path": "/backups"})
    ask("PUT", file_at("/secret"), b"secret")
    a = key("backup", ["create"], place="/backups")
    equal("a key that may only add, to one folder", a.status, 201)
    with bearer(a.json["key"]) as k:
        equal("it adds", k.status("PUT", file_at("/backups/a"), b"1"), 201)
        equal("and replaces nothing",
              k.status("PUT", file_at("/backups/a"), b"2"), 409)
        for what, request in (
                ("reads nothing", ("GET", "/api/fs/download?path=/backups/a")),
                ("lists nothing", ("GET", "/api/fs/ls?path=/backups")),
                ("deletes nothing",
                 ("DELETE", "/api/fs/delete?path=/backups/a")),
                ("adds nowhere else", ("PUT", file_at("/b"), b"x")),
                ("adds nowhere else by a way round",
                 ("PUT", file_at("/backups/../b"), b"x")),
                ("has no node", ("GET", "/api/nodes")),
                ("makes no key", ("POST", "/api/account/keys",
                                  b'{"name": "x", "rights": ["read"]}'))):
            equal("it " + what, k.status(*request), 403)
    equal("what it added is there", ask(
        "GET", "/api/fs/download?path=/backups/a").body, b"1")

    a = key("reader", "read", place="/backups")
    raw = ask("PUT", "/api/files/raw", b"raw").json["id"]
    with bearer(a.json["key"]) as k:
        equal("one that reads reads", k.ask(
            "GET", "/api/fs/download?path=/backups/a").body, b"1")
        equal("and not elsewhere",
              k.status("GET", "/api/fs/download?path=/secret"), 403)
        equal("and writes nothing",
              k.status("PUT", file_at("/backups/c"), b"x"), 403)
        equal("nor has it what it knows the id of",
              k.status("GET", "/api/files/" + raw), 404)
    ask("DELETE", "/api/files/" + raw)

    a = key("repository", ["repository"], place="/backups")
    with bearer(a.json["key"]) as k:
        equal("a repository's key has to find its folders",
              k.status("PUT", file_at("/backups/locks/1"), b"x"), 404)
    call("/api/fs/mkdir", {"path": "/backups/locks", "parents": True})
    with bearer(a.json["key"]) as k:
        equal("it adds a lock",
              k.status("PUT", file_at("/backups/locks/2"), b"x"), 201)
        equal("and gives it back", k.status(
            "DELETE", "/api/fs/delete?path=/backups/locks/2"), 200)
        equal("and deletes nothing else", k.status(
            "DELETE", "/api/fs/delete?path=/backups/a"), 403)


def keys():
    a = key("all", ["read", "write"])
    equal("a key is made", a.status, 201)
    secret = a.json["key"]
    ok(secret.startswith("e2b_") and len(secret) == 84, "and told once")
    ok(mailed("access key was made"), "a mail tells of it")
    forms(secret)
    scopes()
    equal("its name is taken", key("all", ["read"]).status, 409)
    for what, wish in (("no rights", {"name": "x", "rights": []}),
                       ("rights there are not", {"name": "x",
                                                 "rights": ["root"]}),
                       ("a place that goes up", {
                           "name": "x", "rights": ["read"],
                           "place": "/a/../b"}),
                       ("a time that is over", {
                           "name": "x", "rights": ["read"],
                           "expires_at": 1000}),
                       ("a member nobody knows", {
                           "name": "x", "rights": ["read"], "scope": "/"})):
        a = call("/api/account/keys", wish)
        ok(a.status == 400 and len(a.json["error"]) > 20,
           "a key with " + what + " is refused", (a.status, a.body))
    listed = ask("GET", "/api/account/keys")
    equal("they are listed", [k["name"] for k in listed.json],
          ["all", "backup", "reader", "repository"])
    ok(secret.encode() not in listed.body and "used_at" in listed.json[0],
       "when they were used, and not what they are")

    one = next(k for k in listed.json if k["name"] == "all")
    with bearer(secret) as k:
        equal("it is good", k.status("GET", "/api/fs/ls?path=/"), 200)
    equal("it is revoked", ask("DELETE", "/api/account/keys/" + one[
        "id"]).status, 200)
    with bearer(secret) as k:
        equal("and no good at once", k.status("GET", "/api/fs/ls?path=/"), 401)
    equal("it is not there any more", ask(
        "DELETE", "/api/account/keys/" + one["id"]).status, 404)
    a = key("short", ["read"], expires_at=int(time.time()) + 3)
    with bearer(a.json["key"]) as k:
        equal("one that expires", k.status("GET", "/api/fs/ls?path=/"), 200)
        until = time.monotonic() + 30
        while (k.status("GET", "/api/fs/ls?path=/") != 401 and
               time.monotonic() < until):
            time.sleep(0.2)
        equal("has expired", k.status("GET", "/api/fs/ls?path=/"), 401)


def mails(wanted):
    """What wanted(head, body) gives of the first mail for which it is not None;
    that is removed. None: no such mail comes."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        for name in sorted(glob.glob(os.environ["NEXUS_MAIL"] + "/new/*")):
            with open(name) as message:
                head, body = message.read().split("\n\n", 1)
            found = wanted(head, body)
            if found is not None:
                os.unlink(name)
                return found
        time.sleep(0.1)
    return None


def is_to(head, mail):
    return re.search(r"^To: <?%s>?$" % re.escape(mail), head, re.M)


def code_for(mail):
    def code(head, body):
        found = re.search(r"^(\d{6})$", body, re.M)
        return found.group(1) if found and is_to(head, mail) else None
    return mails(code) or "none"


def mailed(word, mail=MAIL):
    """A mail with @word in its subject comes."""
    return mails(lambda head, _: True if word in head and is_to(
        head, mail) else None)


def passwords():
    first = http_api.token
    call("/auth/login/init", {"email": MAIL, "password": OLD})
    a = call("/auth/login/verify", {"email": MAIL, "code": code_for(MAIL),
                                    "client_name": "another"})
    equal("somebody signs in by their address", a.status, 200)
    other = a.json["token"]
    seen = ask("GET", "/api/account/sessions").json
    equal("people see where they are signed in",
          [(e["name"], e["current"]) for e in seen],
          [("another", False), ("", True)])
    equal("and name it", call("/api/account/sessions/" + seen[1]["id"],
                              {"name": "this one"}, "PUT").status, 200)
    a = call("/api/account/password", {"old_password": "not theirs at all",
                                       "new_password": NEW})
    equal("a password is not changed without the old one", a.status, 403)
    a = call("/api/account/password", {"old_password": OLD,
                                       "new_password": "sunshine1"})
    equal("nor to one that is guessed first", a.status, 400)
    a = call("/api/account/password", {"old_password": OLD,
                                       "new_password": NEW})
    equal("it is changed", a.status, 200)
    equal("the session goes on", ask("GET", "/api/account").status, 200)
    http_api.token = other
    equal("others do not", ask("GET", "/api/account").status, 401)
    ok(mailed("password was changed"), "a mail tells of it")
    http_api.token = first
    equal("it is shown once more", call(
        "/auth/reauth", {"password": NEW}).status, 200)
    equal("the old one is none", call(
        "/auth/reauth", {"password": OLD}).status, 403)

    http_api.token = None
    known = call("/auth/reset/init", {"email": MAIL})
    unknown = call("/auth/reset/init", {"email": "nobody@example.org"})
    equal("who asks for a new one learns nothing",
          (known.status, known.json["message"]),
          (unknown.status, unknown.json["message"]))
    a = call("/auth/reset/verify", {"email": MAIL, "code": code_for(MAIL),
                                    "password": OLD + " again"})
    equal("it is forgotten and chosen anew", a.status, 200)
    http_api.token = first
    equal("everybody is signed out", ask("GET", "/api/account").status, 401)
    http_api.token = None
    call("/auth/login/init", {"username": http_api.NAME,
                              "password": OLD + " again"})
    a = call("/auth/login/verify", {"email": MAIL, "code": code_for(MAIL)})
    equal("the new one signs in", a.status, 200)
    http_api.token = a.json["token"]


def sessions():
    call("/auth/login/init", {"email": MAIL, "password": OLD + " again"})
    a = call("/auth/login/verify", {"email": MAIL, "code": code_for(MAIL)})
    with bearer(a.json["token"]) as k:
        equal("signed in twice", k.status("GET", "/api/account"), 200)
        equal("all others are signed out",
              ask("DELETE", "/api/account/sessions", None, k.headers).status,
              200)
    equal("which is us", ask("GET", "/api/account").status, 401)
    http_api.token = a.json["token"]


def refreshing():
    """One session, carried on; what is shown again later ends it."""
    call("/auth/login/init", {"email": MAIL, "password": OLD + " again"})
    a = call("/auth/login/verify", {"email": MAIL, "code": code_for(MAIL)})
    ok(a.json["refresh_expires_at"] > a.json["expires_at"] > time.time(),
       "a session lasts longer than its token", a.json)
    with As({}):
        b = call("/auth/refresh", {"refresh_token": a.json["refresh_token"]})
        equal("it is carried on", (b.status, b.json.get("session"),
                                   "device" in b.json),
              (200, a.json["session"], False))
        again = call("/auth/refresh",
                     {"refresh_token": a.json["refresh_token"]})
        equal("an answer that was lost is given again", again.status, 200)
        for what, wrong, status in (
                ("a token", a.json["token"], 401), ("nothing", "", 400),
                ("an access key", "e2b_" + "0" * 80, 403),
                ("a number", 5, 400)):
            c = call("/auth/refresh", {"refresh_token": wrong})
            ok(c.status == status and len(c.json["error"]) > 20,
               "it is not by " + what, (c.status, c.body))
    for name, token in (("the old token", a.json["token"]),
                        ("the new one", b.json["token"])):
        with bearer(token) as k:
            equal(name + " is good", k.status("GET", "/api/account"), 200)
    with bearer(b.json["token"]) as k:
        equal("signed out", k.status("POST", "/auth/logout"), 200)
    with As({}):
        for old in (a, b, again):
            equal("it is not carried on any more", call("/auth/refresh", {
                "refresh_token": old.json["refresh_token"]}).status, 401)


def operator():
    """What nexusctl does about keys."""
    def ctl(*words):
        return subprocess.run(["nexusctl", *words], capture_output=True,
                              text=True)
    made = ctl("-q", "key", "make", http_api.NAME, "theirs", "--rights",
               "read,create", "--place", "/backups", "--expires", "+1d")
    secret = made.stdout.strip()
    ok(made.returncode == 0 and secret.startswith("e2b_"),
       "an admin makes a key for somebody", made)
    with bearer(secret) as k:
        equal("which is good", k.status("GET", "/api/fs/ls?path=/backups"),
              200)
    listed = ctl("key", "ls", http_api.NAME)
    ok("theirs" in listed.stdout and secret not in listed.stdout,
       "lists them", listed)
    equal("and revokes it", ctl("key", "revoke", http_api.NAME,
                                "theirs").returncode, 0)
    with bearer(secret) as k:
        equal("so that it is none", k.status("GET", "/api/fs/ls"), 401)
    ctl("user", "create", http_api.NAME + "x", "--mail", "x" + MAIL)
    ok(mailed("You have a Nexus account", "x" + MAIL), "who gets one is told by mail")
    with As({}):
        equal("an account an admin made has no password", call(
            "/auth/login/init", {"username": http_api.NAME + "x",
                                 "password": "*" * 8}).status, 401)
        call("/auth/reset/init", {"email": "x" + MAIL})
        equal("its owner chooses one", call("/auth/reset/verify", {
            "email": "x" + MAIL, "code": code_for("x" + MAIL),
            "password": NEW}).status, 200)
        equal("and signs in", call("/auth/login/init", {
            "username": http_api.NAME + "x", "password": NEW}).status, 200)
    equal("and goes", ctl("user", "delete", http_api.NAME + "x").returncode,
          0)
    seen = ctl("-o", "json", "audit", "--of", http_api.NAME).stdout
    events = [e["event"] for e in json.loads(seen)]
    ok(all(e in events for e in (
        "registered", "login", "key-made", "key-revoked", "password-changed",
        "password-reset", "signed-in-again")), "the audit has it all", events)
    ok(OLD not in seen and NEW not in seen and secret not in seen,
       "and no secret")
    a = ctl("audit", "--verify")
    ok(a.returncode == 0 and "as they were written" in a.stdout,
       "which is whole", a)
    equal("there is no such key", ctl("key", "revoke", http_api.NAME,
                                      "theirs").returncode, 4)


def main():
    http_api.sign_up()
    keys()
    passwords()
    sessions()
    refreshing()
    operator()
    for e in ask("GET", "/api/fs/ls").json:
        ask("DELETE", "/api/fs/delete?path=/" + e["name"])
    http_api.sign_out()
    print("1..%d" % http_api.number)
    return 1 if http_api.failed else 0


if __name__ == "__main__":
    sys.exit(main())
