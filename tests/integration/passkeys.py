#!/usr/bin/python3
# limit: 600
"""Passkeys as a browser makes them: Chromium with a virtual authenticator, on a
page of the gateway's own address, and the calls that a page would make. Then codes
of an app, over HTTP.
"""
import base64
import glob
import hashlib
import hmac
import json
import os
import re
import secrets
import shutil
import struct
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import browser  # noqa: E402
from tap import check, finish  # noqa: E402

URL = os.environ["NEXUS_URL"]
PORT = urllib.parse.urlparse(URL).port
NAME = "pk" + secrets.token_hex(4)
MAIL = NAME + "@example.org"
PASSWORD = "correct horse battery"


def ask(method, path, body=None, token=None):
    """Status and JSON."""
    headers = {}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if token:
        headers["Authorization"] = "Bearer " + token
    request = urllib.request.Request(
        URL + path, method=method, headers=headers,
        data=None if body is None else json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")


def equal(name, got, wanted):
    return check(name, got == wanted, f"got {got}, wanted {wanted}")


def mailed_code():
    """The newest one; the mail is there before the answer is."""
    found = None
    for file in sorted(glob.glob(os.environ["NEXUS_MAIL"] + "/new/*"),
                       key=os.path.getmtime):
        with open(file, encoding="utf-8") as message:
            text = message.read()
        code = re.search(r"^(\d{6})$", text, re.M)
        if MAIL in text and code:
            found = code.group(1)
            os.unlink(file)
    return found


def sign_up():
    ask("POST", "/auth/register/init",
        {"username": NAME, "password": PASSWORD, "email": MAIL})
    status, answer = ask("POST", "/auth/register/verify",
                         {"email": MAIL, "code": mailed_code()})
    equal("a user registers", status, 200)
    return answer["token"]


# --- in the browser ---------------------------------------------------------

CREATE = """const c = await navigator.credentials.create({publicKey:
    PublicKeyCredential.parseCreationOptionsFromJSON(args[0])});
    return c.toJSON();"""
GET = """const c = await navigator.credentials.get({publicKey:
    PublicKeyCredential.parseRequestOptionsFromJSON(args[0])});
    return c.toJSON();"""


def register(page, token, name, options=None):
    """A passkey made in the page and given to the gateway."""
    status, begun = ask("POST", "/api/account/passkeys/begin", token=token)
    if status != 200:
        return status, begun
    made = page.run(CREATE, begun["publicKey"] | (options or {}))
    if "error" in made:
        return 0, made
    return ask("POST", "/api/account/passkeys", {
        "transaction": begun["transaction"], "name": name,
        "clientDataJSON": made["response"]["clientDataJSON"],
        "authenticatorData": made["response"]["authenticatorData"]}, token)


def asserted(page, options=None):
    """What a page would send to sign in."""
    _, begun = ask("POST", "/auth/passkey/begin")
    got = page.run(GET, begun["publicKey"] | (options or {}))
    if "error" in got:
        return got
    return {"transaction": begun["transaction"], "id": got["id"],
            **{key: got["response"][key] for key in (
                "clientDataJSON", "authenticatorData", "signature",
                "userHandle")}}


def with_browser(page, token):
    page.go(f"http://localhost:{PORT}/health")
    first = page.authenticator()
    status, key = register(page, token, "laptop")
    equal("a passkey is registered", (status, key.get("name")),
          (201, "laptop"))
    status, why = register(page, token, "again")
    equal("the same authenticator says that it has one",
          why.get("error"), "InvalidStateError")
    status, why = register(page, token, "again", {"excludeCredentials": []})
    check("or gives another one", status in (0, 201), why)

    answer = asserted(page)
    status, session = ask("POST", "/auth/passkey/login", answer)
    equal("it signs in, with nothing else",
          (status, session.get("username")), (200, NAME))
    status, _ = ask("GET", "/api/account/passkeys", token=session["token"])
    equal("the token is good", status, 200)
    status, replayed = ask("POST", "/auth/passkey/login", answer)
    equal("what signed in does so once", status, 401)

    other = asserted(page)
    other["signature"] = base64.urlsafe_b64encode(
        secrets.token_bytes(70)).decode().rstrip("=")
    status, wrong = ask("POST", "/auth/passkey/login", other)
    equal("a wrong signature looks the same",
          (status, wrong.get("detail")), (401, replayed.get("detail")))
    unknown = asserted(page)
    unknown["id"] = base64.urlsafe_b64encode(
        secrets.token_bytes(32)).decode().rstrip("=")
    status, wrong = ask("POST", "/auth/passkey/login", unknown)
    equal("so does a passkey that nobody has",
          (status, wrong.get("detail")), (401, replayed.get("detail")))

    page.call("POST", f"/webauthn/authenticator/{first}/uv",
              {"isUserVerified": False})
    unverified = asserted(page, {"userVerification": "discouraged"})
    if "error" not in unverified:
        status, _ = ask("POST", "/auth/passkey/login", unverified)
        equal("unverified it does not sign in", status, 401)
    page.remove(first)

    second = page.authenticator()
    status, key = register(page, token, "phone")
    equal("a second authenticator", status, 201)
    status, _ = ask("PUT", f"/api/account/passkeys/{key['id']}",
                    {"name": "old phone"}, token)
    names = [p["name"] for p in
             ask("GET", "/api/account/passkeys", token=token)[1]]
    check("is named anew", status == 200 and "old phone" in names, names)
    status, _ = ask("DELETE", f"/api/account/passkeys/{key['id']}",
                    token=token)
    equal("and removed", status, 200)
    status, _ = ask("POST", "/auth/passkey/login", asserted(page))
    equal("then it no longer signs in", status, 401)
    page.remove(second)

    page.go(f"http://127.0.0.1:{PORT}/health")
    third = page.authenticator()
    status, why = register(page, token, "by number")
    equal("on a page of a number there are none",
          why.get("error"), "SecurityError")
    page.remove(third)


def passkeys(token):
    why = browser.why_not()
    if why:
        check(f"passkeys in a browser # SKIP {why}", True)
        return
    profile = tempfile.mkdtemp(prefix="nexus-browser.")
    page = browser.Browser(profile)
    try:
        with_browser(page, token)
    finally:
        page.close()
        shutil.rmtree(profile, ignore_errors=True)


# --- an app -----------------------------------------------------------------

def app(secret, step):
    mac = hmac.digest(base64.b32decode(secret), struct.pack(">Q", step),
                      hashlib.sha1)
    at = mac[-1] & 15
    number = struct.unpack(">I", mac[at:at + 4])[0] & 0x7fffffff
    return f"{number % 1000000:06}"


def login(code):
    status, begun = ask("POST", "/auth/login/init",
                        {"username": NAME, "password": PASSWORD})
    if status != 200:
        return status, begun
    return ask("POST", "/auth/login/verify", {
        "email": MAIL, "code": code, "transaction": begun["transaction"]})


def codes(token):
    _, begun = ask("POST", "/api/account/totp", token=token)
    check("an app is begun", "otpauth://totp/Nexus:" + NAME in
          begun.get("uri", ""), begun)
    secret, step = begun["secret"], int(time.time()) // 30
    status, made = ask("POST", "/api/account/totp/confirm",
                       {"code": app(secret, step)}, token)
    equal("and confirmed, with recovery codes",
          (status, len(made.get("recovery_codes", []))), (200, 10))
    status, answer = ask("PUT", "/api/account/factors",
                         {"factors": ["totp", "recovery"]}, token)
    equal("mail is asked for no more", (status, answer.get("factors")),
          (200, ["totp", "recovery"]))
    mailed_code()
    status, _ = login(app(secret, step))
    equal("the code that confirmed it is spent", status, 401)
    status, _ = login(app(secret, step + 1))
    equal("the next one signs in", status, 200)
    check("no code was mailed", mailed_code() is None)
    status, _ = login(made["recovery_codes"][0])
    equal("so does a recovery code", status, 200)
    status, _ = login(made["recovery_codes"][0])
    equal("once", status, 401)
    status, _ = ask("DELETE", "/api/account/totp", token=token)
    equal("the last way in stays", status, 409)
    status, _ = ask("PUT", "/api/account/factors", {"factors": ["mail"]},
                    token)
    equal("mail comes back", status, 200)
    status, _ = ask("DELETE", "/api/account/totp", token=token)
    equal("then the app goes", status, 200)


def main():
    token = sign_up()
    codes(token)
    passkeys(token)
    return finish()


sys.exit(main())
