"""Resident memory of the daemons, as /proc has it."""


def read(nexus):
    """{daemon: (VmRSS, VmHWM)} in KiB."""
    found = {}
    for name, pid in nexus.daemons().items():
        values = {}
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            for line in f:
                key, _, value = line.partition(":")
                values[key] = value.split()
        found[name] = (int(values["VmRSS"][0]), int(values["VmHWM"][0]))
    return found


def compare(before, after):
    return [
        {
            "name": name,
            "rss_before": before[name][0],
            "rss_after": after[name][0],
            "peak": after[name][1],
        }
        for name in before if name in after
    ]
