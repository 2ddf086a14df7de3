"""TAP of a program of tests: each check is a line, and finish() says how many
there were. Not a test by itself.
"""
LINES = 60  # of what is shown of a failure, the last ones

count = failed = 0


def check(name, good, detail=""):
    """One test; @detail is shown when it is not @good, which is returned."""
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}", flush=True)
    if not good:
        for line in str(detail).splitlines()[-LINES:]:
            print(f"#   {line}", flush=True)
    return good


def finish():
    """The plan; the status to exit with."""
    print(f"1..{count}", flush=True)
    return 1 if failed else 0
