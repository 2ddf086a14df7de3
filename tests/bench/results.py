"""What was measured: the table people read and the JSON programs read."""
import json
import os
import platform
import time

UNITS = {"ms": "{:.2f} ms", "MB/s": "{:.0f} MB/s", "/s": "{:,.0f}/s"}
LOWER = {"ms"}  # where less is better


def environment():
    """What the numbers depend on, besides the code."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "cpu": model,
        "load": os.getloadavg()[0],
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def goal_of(row):
    """What was to be reached, and whether it was."""
    goals = []
    if row["goal"] is not None:
        goals.append((UNITS[row["unit"]].format(row["goal"]),
                      row["ours"] >= row["goal"]))
    if row["goal_ratio"] is not None and row["ratio"]:
        goals.append((f"{row['goal_ratio']:.2f}",
                      row["ratio"] >= row["goal_ratio"]))
    return ", ".join(f"goal {goal}: {'met' if met else 'not met'}"
                     for goal, met in goals)


class Results:
    def __init__(self):
        self.environment = environment()
        self.rows = []
        self.skipped = []
        self.failed = []
        self.memory = []

    def add(self, part, name, unit, ours, peer=None, peer_name="",
            goal=None, goal_ratio=None):
        """One number of ours, and its peer's, both as measured. ratio: how
        many times as good as the peer, whichever way is better. goal: what
        ours is to be at least, goal_ratio: the ratio."""
        ratio = None
        if peer:
            ratio = peer / ours if unit in LOWER else ours / peer
        self.rows.append({
            "part": part, "name": name, "unit": unit, "ours": ours,
            "peer": peer, "peer_name": peer_name, "ratio": ratio,
            "better": "lower" if unit in LOWER else "higher",
            "goal": goal, "goal_ratio": goal_ratio,
        })

    def skip(self, name, why):
        self.skipped.append({"name": name, "reason": why})

    def fail(self, name, why):
        self.failed.append({"name": name, "reason": why})

    def write(self, path):
        with open(path, "w", encoding="utf-8") as f:
            json.dump(vars(self), f, indent=1)
            f.write("\n")
        self.path = path

    def show(self):
        env = self.environment
        print(f"\n{env['time']}  Linux {env['kernel']}, {env['cpus']} x "
              f"{env['cpu']}, load {env['load']:.1f} at the start\n")
        line = "{:<38} {:>12}  {:>12}  {:<30} {:>8}  {}"
        print(line.format("", "Nexus", "peer", "", "ratio", "").rstrip())
        part = None
        for row in self.rows:
            if row["part"] != part:
                part = row["part"]
                print(f"{part}")
            self.show_row(line, row)
        print("\nratio: how many times as good as the peer; "
              "(ms: lower is better, /s: higher)")
        self.show_memory()
        for skipped in self.skipped:
            print(f"skipped {skipped['name']}: {skipped['reason']}")
        for failed in self.failed:
            print(f"FAILED {failed['name']}: {failed['reason']}")
        print(f"\nas JSON: {os.path.relpath(self.path)}")

    @staticmethod
    def show_row(line, row):
        text = UNITS[row["unit"]]
        peer = ratio = ""
        if row["peer"]:
            peer = text.format(row["peer"])
            ratio = f"{row['ratio']:.2f}"
            if row["ratio"] < 0.5:
                ratio = "< half " + ratio
        print(line.format("  " + row["name"], text.format(row["ours"]), peer,
                          row["peer_name"], ratio, goal_of(row)).rstrip())

    def show_memory(self):
        if not self.memory:
            return
        line = "{:<12} {:>10} {:>10} {:>10}"
        print("\n" + line.format("memory, KiB", "before", "after", "peak"))
        for row in self.memory:
            print(line.format(row["name"], row["rss_before"],
                              row["rss_after"], row["peak"]))
