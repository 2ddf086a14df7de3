"""A function that says hello: over HTTP, with a sandbox made and destroyed for
each call, against a fresh interpreter without and with a sandbox."""
import json
import os

from containers import BWRAP
from tools import Missing, PYTHON, need, ours, per_second, timer

ROUNDS = 200
SECONDS = 20
SECONDS_AT_TWO = 3
CODE = "print('hello')"


def run(bench):
    body = json.dumps({"Code": CODE, "Runtime": "python3"}).encode()
    where = os.path.join(bench.dir, "function")
    os.makedirs(where)
    request = bench.nexus.request_file(where, "POST", "/api/lambda/run", body)
    subjects = {
        "Nexus": ("ask", [ours("request"), str(bench.nexus.port), request,
                          "hello"]),
        "python3 -c": ("run", [PYTHON, "-c", CODE]),
        "python3 -I -S -c": ("run", [PYTHON, "-I", "-S", "-c", CODE]),
    }
    name = "bwrap ... python3 -I -S -c"
    try:
        subjects[name] = ("run", [need("bwrap"), *BWRAP, PYTHON, "-I", "-S",
                                  "-c", CODE])
    except Missing as why:
        bench.results.skip(name, str(why))
    times = timer(ROUNDS, subjects, SECONDS)
    part = f"function: print('hello') ({times['Nexus']['n']} rounds)"
    for share in "min", "p50", "p99":
        for name in list(subjects)[1:]:
            bench.results.add(part, share, "ms", times["Nexus"][share] / 1e3,
                              times[name][share] / 1e3, name)
    at_two(bench, part, subjects)


def at_two(bench, part, subjects):
    rates = {name: per_second(subject, 2, SECONDS_AT_TWO)
             for name, subject in subjects.items()}
    for name in list(subjects)[1:]:
        bench.results.add(part, "calls at 2 in flight", "/s", rates["Nexus"],
                          rates[name], name)
