#!/usr/bin/env python3
# The real nexusd, authd and maild under their own uids and filters, with this
# script as gatewayd, storaged, nodemgr and administrator on their edges.
# needs: nothing
"""What must hold of identity whatever gatewayd does: the flows, the tokens as
an independent implementation (openssl) sees them, forged ones, revocation that
outlives restarts, a full disk, a damaged database, and no call beyond the
filters on any of these ways."""

import glob
import hashlib
import hmac
import json
import os
import pwd
import re
import signal
import stat
import subprocess
import sys
import time
import traceback

from auth_lab import (ROOT, STATE, SECRETS, REGISTER_VERIFY, LOGIN_INIT,
    LOGIN_VERIFY, LOGOUT, CHECK, TICKET_KEY, USER_LIST, USER_GET,
    SET_DISABLED, USER_DELETE, STATUS, JWKS, ROTATE, CONFLICT, REVOKE, USER_DELETED, OK, INVALID,
    UNAUTH, DENIED, NOT_FOUND, FULL, UNAVAILABLE, pack, Edge, Daemon,
    make_world, newest_mail, newest_code, register_init, login_init, verify,
    user, b64, unb64, sign, openssl_verifies)

count = bad = 0


def ok(good, name, *why):
    global count, bad
    count += 1
    bad += not good
    print(("ok" if good else "not ok"), count, "-", name, flush=True)
    if not good:
        for w in why:
            print("#  ", w)


# --- the tests --------------------------------------------------------------
def test_flows(gw):
    status, body, _ = register_init(gw, "alice")
    ok(status == OK and b"code" in body.get(1, b""), "register: init")
    path = newest_mail()
    st, text = os.stat(path), open(path).read()
    ok(stat.S_IMODE(st.st_mode) == 0o600 and
       st.st_uid == pwd.getpwnam("nexus-mail").pw_uid,
       "the mail is maild's alone")
    ok("To: <alice@example.org>\n" in text and
       len(re.findall(r"\b[0-9]{6}\b", text)) == 1,
       "the mail names its recipient and holds one code", text)
    ok(os.listdir(STATE + "/mail/tmp") == [], "nothing is left in tmp/")
    code = newest_code("alice@example.org")
    wrong = "%06d" % ((int(code) + 1) % 1000000)
    ok(verify(gw, REGISTER_VERIFY, "alice@example.org", wrong)[0] == UNAUTH,
       "a wrong code opens nothing")
    status, token, error = verify(gw, REGISTER_VERIFY, "alice@example.org",
                                  code)
    ok(status == OK and token.count(".") == 2, "register: verify", error)
    ok(login_init(gw, "alice")[0] == OK, "login: init")
    status, token, error = verify(gw, LOGIN_VERIFY, "alice@example.org",
                                  newest_code("alice@example.org"))
    ok(status == OK, "login: verify", error)
    ok(login_init(gw, "alice", "not the password")[0] == UNAUTH,
       "a wrong password is refused")
    ok(login_init(gw, "nobody", "not the password")[0] == UNAUTH,
       "so is an unknown user")
    ok(register_init(gw, "bad name")[0] == INVALID and
       register_init(gw, "x", "x@y\r\nBcc: z@y")[0] == INVALID and
       register_init(gw, "x", password="short")[0] == INVALID,
       "bad input is refused")
    return token


def test_tickets(gw, token):
    status, body, error = gw.call(CHECK, pack(_1=token))
    ok(status == OK and body.get(1) == 1 and body.get(2) == b"alice",
       "a token names its user", error)
    ok(3 not in body and 4 not in body,
       "no tickets for daemons that are away")
    storage, key = Edge("storage"), os.urandom(32)
    ok(storage.call(TICKET_KEY, pack(_1=77, _2=key))[0] == OK,
       "storaged hands over its key")
    ok(storage.call(TICKET_KEY, pack(_1=78, _2=key[:31]))[0] == INVALID,
       "a key of another length is refused")
    _, body, _ = gw.call(CHECK, pack(_1=token))
    ticket = body.get(3, b"")
    mac = hashlib.blake2b(ticket[:56], digest_size=32, key=key).digest()
    ok(len(ticket) == 88 and ticket[56:] == mac,
       "the ticket carries a BLAKE2b MAC under that key")
    left = int.from_bytes(ticket[24:32], "little") - time.monotonic() * 1e6
    ok(0 < left <= 60e6 and body.get(5, 0) <= time.monotonic() * 1e6 + 60e6,
       "it lives for at most a minute")
    ok(gw.call(TICKET_KEY, pack(_1=1, _2=key))[0] == DENIED,
       "the gateway may not hand over keys")
    ok(gw.call(USER_LIST)[0] == DENIED, "nor ask for the users")
    return storage


def test_tokens(gw, token):
    private = STATE + "/auth/keys/es256.pem"
    public, other = ROOT + "/public.pem", ROOT + "/other.pem"
    for path in (private, STATE + "/auth/keys/pepper", STATE +
                 "/auth/auth.db"):
        ok(stat.S_IMODE(os.stat(path).st_mode) == 0o600,
           os.path.basename(path) + " is closed to others")
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out",
                    public], check=True)
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-out", other], check=True,
                   stderr=subprocess.DEVNULL)
    ok(openssl_verifies(token, public), "openssl verifies our token")
    head, body = (json.loads(unb64(p)) for p in token.split(".")[:2])
    ok(head["alg"] == "ES256" and set(body) == {
        "iss", "aud", "sub", "sid", "iat", "nbf", "exp"} and
       body["exp"] - body["iat"] == 86400, "its claims are complete", body)
    # What an independent signer makes with our own key is accepted ...
    ok(gw.call(CHECK, pack(_1=sign(private, head, body)))[0] == OK,
       "a token signed by openssl with the same key is accepted")
    # ... so that what follows is refused for what it says.
    now = int(time.time())
    bodies = {
        "wrong aud": dict(body, aud="other"),
        "wrong iss": dict(body, iss="other"),
        "expired": dict(body, exp=now - 1),
        "not yet valid": dict(body, nbf=now + 3600),
        "of another user": dict(body, sub="2"),
        "of another session": dict(body, sid="0" * 32),
        "without sid": {k: v for k, v in body.items() if k != "sid"},
        "without exp": {k: v for k, v in body.items() if k != "exp"},
        "exp as text": dict(body, exp=str(body["exp"])),
        "sub as number": dict(body, sub=1),
        "aud as list": dict(body, aud=["nexus-api"]),
    }
    tokens = {name: sign(private, head, b) for name, b in bodies.items()}
    h, b, s = token.split(".")
    none = b64(json.dumps(dict(head, alg="none")).encode())
    hs = b64(json.dumps(dict(head, alg="HS256")).encode())
    mac = hmac.new(open(public, "rb").read(), f"{hs}.{b}".encode(),
                   hashlib.sha256).digest()
    flipped = bytearray(unb64(s))
    flipped[5] ^= 1
    tokens.update({
        "alg none": f"{none}.{b}.",
        "alg none with a signature": f"{none}.{b}.{s}",
        "HS256 with the public key": f"{hs}.{b}.{b64(mac)}",
        "signed by another key": sign(other, head, body),
        "another kid": sign(private, dict(head, kid="0" * 16), body),
        "with jwk": sign(private, dict(head, jwk="x"), body),
        "truncated": token[:-1],
        "without signature": f"{h}.{b}",
        "flipped": f"{h}.{b}.{b64(bytes(flipped))}",
        "empty": "", "dots": "..", "long": "A" * 2048,
    })
    for name, forged in tokens.items():
        status = gw.call(CHECK, pack(_1=forged))[0]
        ok(status == UNAUTH, "refused: " + name, f"status {status}")


def test_logout(gw, storage, token):
    status, _, _ = gw.call(CHECK, pack(_1=token))
    storage.heard.clear()
    call = gw.start(LOGOUT, pack(_1=token))
    storage.listen(0.5)
    while True:
        reply = gw.receive()
        if reply and reply[0] == call:
            break
    ok(status == OK and reply[1] == OK, "logout")
    ok(any(m == REVOKE and b.get(1) == 1 and len(b.get(2, b"")) == 16
           for m, b in storage.heard), "storaged hears of it", storage.heard)
    ok(gw.call(CHECK, pack(_1=token))[0] == UNAUTH,
       "the token is worth nothing")
    ok(gw.call(LOGOUT, pack(_1=token))[0] == UNAUTH, "not even to log out")


def test_admin(gw, admin):
    token = user(gw, "bob")
    status, body, _ = admin.call(USER_GET, pack(_1="BOB"))
    ok(status == OK and body.get(3) == b"bob@example.org", "admin: get")
    ok(admin.call(USER_GET, pack(_1="nobody"))[0] == NOT_FOUND,
       "admin: get of nobody")
    ok(admin.call(USER_LIST)[0] == OK, "admin: list")
    ok(admin.call(SET_DISABLED, pack(_1="bob", _2=True))[0] == OK,
       "admin: disable")
    ok(gw.call(CHECK, pack(_1=token))[0] == UNAUTH,
       "a disabled user's token is worth nothing")
    ok(login_init(gw, "bob")[0] == DENIED, "a disabled user cannot log in")
    ok(admin.call(SET_DISABLED, pack(_1="bob"))[0] == OK and
       login_init(gw, "bob")[0] == OK, "admin: enable")
    status, body, _ = admin.call(STATUS)
    ok(status == OK and body.get(1) == 2, "admin: status", body)


def test_deleted_survives(gw, admin, authd, edges):
    """A deletion reaches nodemgr, which was away, over a restart of authd."""
    status, body, _ = admin.call(USER_DELETE, pack(_1="bob"))
    gone = body.get(1)
    ok(status == OK, "admin: delete")
    ok(authd.stop() == 0, "authd ends in order", authd.process.returncode)
    authd.start()
    for e in edges:
        e.new_generation()
    node = Edge("node")
    node.call(TICKET_KEY, pack(_1=5, _2=os.urandom(32)))
    node.listen(1)
    ok((USER_DELETED, {1: gone}) in node.heard,
       "nodemgr hears of the deletion when it comes", node.heard)
    node.close()
    time.sleep(0.2)
    node = Edge("node")
    node.call(TICKET_KEY, pack(_1=6, _2=os.urandom(32)))
    node.listen(0.5)
    ok(node.heard == [], "and, having confirmed it, not again", node.heard)
    user(gw, "bob")
    _, body, _ = admin.call(USER_GET, pack(_1="bob"))
    ok(body.get(1, 0) > gone, "an id is never used twice")
    return node


def test_crash(gw, authd, edges):
    token = user(gw, "carla")
    authd.stop(signal.SIGKILL)
    authd.start()
    for e in edges:
        e.new_generation()
    ok(gw.call(CHECK, pack(_1=token))[0] == OK,
       "a session survives kill -9 of authd")


def test_rotation(gw, admin, authd, edges):
    """Keys are changed while all goes on, under the filter."""
    def kid(token):
        return json.loads(unb64(token.split(".")[0]))["kid"]

    def published():
        keys = json.loads(gw.call(JWKS)[1][1])["keys"]
        return [k["kid"] for k in keys]
    old = user(gw, "kurt")
    ok(published() == [kid(old)], "one key is published")
    ok(gw.call(ROTATE, pack(_1=True))[0] == DENIED,
       "the gateway changes no keys")
    status, body, error = admin.call(ROTATE, pack(_1=True))
    new = body.get(1, b"").decode()
    ok(status == OK and published() == [kid(old), new], "keys are changed",
       error)
    path = f"{STATE}/auth/keys/es256-{new}.pem"
    ok(stat.S_IMODE(os.stat(path).st_mode) == 0o600,
       "the new one is closed to others")
    token = user(gw, "karl")
    ok(kid(token) == new, "it signs")
    authd.stop(signal.SIGKILL)
    authd.start()
    for e in edges:
        e.new_generation()
    for name, shown in (("old", old), ("new", token)):
        ok(gw.call(CHECK, pack(_1=shown))[0] == OK,
           f"what the {name} key signed is good, after kill -9 too")
    status, _, error = admin.call(ROTATE, b"")
    ok(status == OK and len(published()) == 3, "another is published", error)
    ok(admin.call(ROTATE, b"")[0] == CONFLICT, "and no more than one waits")
    ok(kid(user(gw, "kai")) == new, "before it signs")


def test_overload(gw):
    calls = {gw.start(LOGIN_INIT, pack(_1="nobody", _2="x" * 8,
                                       _3="192.0.2.8")) for _ in range(100)}
    seen = []
    while calls:
        reply = gw.receive()
        if reply and reply[0] in calls:
            calls.remove(reply[0])
            seen.append(reply[1])
    ok(set(seen) == {UNAUTH, UNAVAILABLE} and seen.count(UNAUTH) >= 32,
       "beyond the queue callers are told to come back",
       f"{seen.count(UNAUTH)} served, {seen.count(UNAVAILABLE)} not")


def test_full_disk(gw):
    filler = STATE + "/filler"
    with open(filler, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"\0" * 4096)
        except OSError:
            pass
    seen = [register_init(gw, f"full{i}")[0] for i in range(40)]
    ok(FULL in seen, "a full disk is told", seen)
    os.unlink(filler)
    ok(login_init(gw, "full39")[0] == UNAUTH, "it opened no account")
    ok(user(gw, "dave") != "", "with room again, all goes on")


def test_maild_away(gw, maild):
    maild.stop()
    begin = time.monotonic()
    status = register_init(gw, "erna")[0]
    ok(status == OK and time.monotonic() - begin < 4,
       "with maild away the answer is the same")
    maild.start()
    code = None
    for _ in range(50):
        code = newest_code("erna@example.org")
        if code:
            break
        time.sleep(0.1)
    ok(code is not None and verify(gw, REGISTER_VERIFY, "erna@example.org",
                                   code)[0] == OK,
       "and the mail comes when maild is back")


def test_privilege(daemons):
    for d in daemons:
        s = d.status()
        ok(d.alive() and s["Seccomp"] == "2" and s["NoNewPrivs"] == "1" and
           not any(int(s[c], 16) for c in
                   ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")) and
           s["Uid"].split()[0] == str(pwd.getpwnam(d.user).pw_uid),
           d.name + " has no capability, and a filter")


def test_damaged(authd):
    ok(authd.stop() == 0, "authd ends in order again")
    path = STATE + "/auth/auth.db"
    for extra in glob.glob(path + "-*"):
        os.unlink(extra)
    good = open(path, "rb").read()
    with open(path, "r+b") as f:
        f.write(os.urandom(8192))
    authd.start()
    ok(authd.process.wait(15) != 0, "a damaged database is refused")
    with open(ROOT + "/authd.log", "rb") as f:
        ok(b"it is damaged" in f.read(), "with a sentence")
    with open(path, "r+b") as f:
        f.write(good)
    os.chmod(STATE + "/auth/keys/pepper", 0o644)
    authd.start()
    ok(authd.process.wait(15) != 0,
       "keys that others could read are refused")
    os.chmod(STATE + "/auth/keys/pepper", 0o600)
    authd.start()
    edge = Edge("gateway")
    ok(login_init(edge, "alice")[0] == OK, "mended, it starts")
    edge.close()


def test_logs(names):
    logs = b"".join(open(f"{ROOT}/{n}.log", "rb").read() for n in names)
    found = [s for s in set(SECRETS) if s.encode() in logs]
    ok(found == [], f"none of {len(set(SECRETS))} secrets is in a log")


def main():
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root, for the programs' uids")
        return 0
    make_world()
    daemons = {n: Daemon(n, r) for n, r in
               (("nexusd", "switch"), ("maild", "mail"), ("authd", "auth"))}
    try:
        for d in daemons.values():
            d.start()
        gw, admin = Edge("gateway"), Edge("admin")
        authd, maild = daemons["authd"], daemons["maild"]
        token = test_flows(gw)
        storage = test_tickets(gw, token)
        test_tokens(gw, token)
        test_logout(gw, storage, token)
        storage.close()
        test_admin(gw, admin)
        node = test_deleted_survives(gw, admin, authd, [gw, admin])
        test_crash(gw, authd, [gw, admin, node])
        test_rotation(gw, admin, authd, [gw, admin, node])
        test_overload(gw)
        test_full_disk(gw)
        test_maild_away(gw, maild)
        test_privilege(daemons.values())
        for e in (gw, admin, node):
            e.close()
        test_damaged(authd)
        test_logs(daemons)
        for d in reversed(daemons.values()):
            code = d.stop()
            ok(code == 0, d.name + " ends in order", f"status {code}")
    except Exception:
        ok(False, "to the end", *traceback.format_exc().split("\n"))
    finally:
        for d in daemons.values():
            if d.process and d.alive():
                d.process.kill()
                d.process.wait()
        if bad:
            for n in daemons:
                for line in open(f"{ROOT}/{n}.log", errors="replace"):
                    print("#", n, line.rstrip())
    print(f"1..{count}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
