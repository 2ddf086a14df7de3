"""What the tests of buckets over HTTP share: addresses of keys of any bytes, and
requests for them. Not a test by itself.
"""
import base64
import hashlib
import socket
import time
import urllib.parse

import http_api
from http_api import ask

MIB = 1 << 20
B = "b" + http_api.NAME


def quote(key):
    return urllib.parse.quote(key, safe="")


def at(key, what="object", bucket=B, **more):
    """The address of @key; a query parameter for each of @more."""
    query = "".join("&%s=%s" % (k, quote(v)) for k, v in more.items())
    return "/api/buckets/%s/%s?key=%s%s" % (bucket, what, quote(key), query)


def put(key, body, bucket=B, headers=None, **more):
    while True:
        a = ask("PUT", at(key, bucket=bucket, **more), body, headers)
        if a.status != 429:
            return a
        time.sleep(0.01)


def get(key, bucket=B, **more):
    return ask("GET", at(key, bucket=bucket, **more))


def md5(data):
    return hashlib.md5(data).hexdigest()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def b64_sha256(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def objects(query="", bucket=B):
    a = ask("GET", "/api/buckets/%s/objects?%s" % (bucket, query))
    return a.json if a.status == 200 else a.status


def key_of(entry):
    encoded = entry.get("key_encoded")
    return urllib.parse.unquote_to_bytes(encoded) if encoded \
        else entry["key"].encode()


def keys(query="", bucket=B):
    return [key_of(e) for e in objects(query, bucket)]


def b64(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def cut_short(path, announced=MIB, sent=MIB // 2):
    """A body that ends with its connection in the middle."""
    u = http_api.url
    with socket.create_connection((u.hostname, u.port)) as s:
        s.sendall(("PUT %s HTTP/1.1\r\nHost: n\r\nAuthorization: Bearer %s\r\n"
                   "Content-Length: %d\r\n\r\n" % (
                       path, http_api.token, announced)).encode() +
                  b"x" * sent)
        s.shutdown(socket.SHUT_WR)
        while s.recv(65536):
            pass
