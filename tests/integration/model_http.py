"""Requests as the users of model.py make them, and what may come of one. Not a
test by itself.
"""
import hashlib
import http.client
import json
import os
import random
import time
import urllib.parse

URL = urllib.parse.urlparse(os.environ["NEXUS_URL"])
CHUNK = 10 << 20
PATIENCE = 120  # seconds for whatever has to come back
UNSURE = (0, 503)


class Fault(Exception):
    """The model and the system disagree."""


def request(method, path, body=None, token=None, headers=()):
    """(status, bytes); status 0: the connection ended without an answer."""
    h = {"Content-Type": "application/octet-stream"}
    h.update(headers)
    if token:
        h["Authorization"] = f"Bearer {token}"
    conn = http.client.HTTPConnection(URL.hostname, URL.port, timeout=PATIENCE)
    try:
        conn.request(method, path, body, h)
        answer = conn.getresponse()
        return answer.status, answer.read()
    except TimeoutError:
        raise Fault(f"{method} {path}: hung for {PATIENCE} s") from None
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        conn.close()


def ask(method, path, value=None, token=None):
    """The same with JSON both ways; an answer that is none is kept as bytes."""
    body = None if value is None else json.dumps(value)
    status, data = request(method, path, body, token,
                           {"Content-Type": "application/json"})
    try:
        return status, json.loads(data or b"null")
    except ValueError:
        return status, data


def insist(what, name=None):
    """what() until it gives something else than None."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if (result := what()) is not None:
            return result
        time.sleep(0.1)
    raise Fault(f"{name or what.__name__}: no answer for {PATIENCE} s")


def query(**parameters):
    return urllib.parse.urlencode(parameters)


def etag(data):
    """As storaged makes them: MD5, or MD5 of the chunks' MD5s, how many."""
    if len(data) <= CHUNK:
        return hashlib.md5(data).hexdigest()
    sums = [hashlib.md5(data[i:i + CHUNK]).digest()
            for i in range(0, len(data), CHUNK)]
    return f"{hashlib.md5(b''.join(sums)).hexdigest()}-{len(sums)}"


def form(fields, name, data):
    """multipart/form-data as curl -F sends it."""
    line = "b%016x" % random.getrandbits(64)
    parts = [f'--{line}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n'
             f"{v}\r\n".encode() for k, v in fields.items()]
    parts.append(f'--{line}\r\nContent-Disposition: form-data; name="file"; '
                 f'filename="{name}"\r\n\r\n'.encode())
    return (b"".join(parts) + data + f"\r\n--{line}--\r\n".encode(),
            {"Content-Type": f"multipart/form-data; boundary={line}"})
