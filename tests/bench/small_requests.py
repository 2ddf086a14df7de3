"""Small authenticated requests over kept connections, against nginx that says
as much with `return`: one HTTP process each, both write their line about each
request to a log, the same client asks them in turn."""
import json
import os
import re
import subprocess
import time

from tools import Missing, median, need, run as run_program

ROUNDS = 3
SECONDS = 3
PATH = "/api/account"
PORT = 18090

NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {where}/nginx.pid;
error_log {where}/error.log;
events {{ worker_connections 512; }}
http {{
	access_log {where}/access.log;
	client_body_temp_path {where}/body;
	proxy_temp_path {where}/proxy;
	fastcgi_temp_path {where}/fastcgi;
	uwsgi_temp_path {where}/uwsgi;
	scgi_temp_path {where}/scgi;
	keepalive_requests 100000000;
	default_type application/json;
	server {{
		listen 127.0.0.1:{port};
		location / {{ return 200 '{body}'; }}
	}}
}}
"""


def wrk(port, token):
    """Requests per second, and the p99 in ms."""
    out = run_program(need("wrk"), "-t1", "-c64", f"-d{SECONDS}s",
                      "--latency", "-H", f"Authorization: Bearer {token}",
                      f"http://127.0.0.1:{port}{PATH}")
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if bad or "Socket errors" in out:
        raise RuntimeError("wrk: " + out)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    return rate, float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def nginx(where, size):
    """Starts it, with a body of @size bytes."""
    body = json.dumps({"account": "x" * (size - len('{"account": ""}'))})
    path = os.path.join(where, "nginx.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(NGINX.format(where=where, port=PORT, body=body))
    process = subprocess.Popen([need("nginx"), "-p", where, "-c", path],
                               stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    if process.poll() is not None:
        raise RuntimeError("nginx did not start")
    return process


def run(bench):
    size = len(json.dumps(bench.nexus.json("GET", PATH),
                          separators=(",", ":")))
    where = os.path.join(bench.dir, "nginx")
    os.makedirs(where)
    need("wrk")
    try:
        peer = nginx(where, size)
    except Missing as why:
        bench.results.skip("nginx", str(why))
        peer = None
    ours, theirs = [], []
    try:
        for _ in range(ROUNDS):
            ours.append(wrk(bench.nexus.port, bench.nexus.token))
            if peer:
                theirs.append(wrk(PORT, bench.nexus.token))
    finally:
        if peer:
            peer.terminate()
            peer.wait()
    part = f"GET {PATH}, {size} bytes of JSON, wrk -t1 -c64"
    for i, (name, unit) in enumerate((("requests", "/s"), ("p99", "ms"))):
        bench.results.add(part, name, unit, median(x[i] for x in ours),
                          median(x[i] for x in theirs) if peer else None,
                          "nginx, 1 worker" if peer else "")
