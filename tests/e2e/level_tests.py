"""What runs is seen where the kernel refuses the probe too: each level forced, and what the record says of it."""
import contextlib
import json
import os
import random

from lab import Failure, Skip, check, equal, itm, listed, login, pids, this_moment, wait_for
from process_tests import ancestors, begun_since, one, tree

SETTING = "/etc/itm/agent.conf.d/level.conf"
SCRIPT = "/tmp/level.sh"
PTRACE = 1 << 19  # CAP_SYS_PTRACE


def status():
    return json.loads(itm("status", "--json", status=None))["watcher"]["facts"]


def restart():
    """The monitor, by the supervisor; waits for the new one's status."""
    before = pids("itm-watchd")
    for pid in before:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)

    def renewed():
        now = pids("itm-watchd")
        if not now or now == before or int(status()["pid"]) != now[0]:
            raise Failure(f"{before} -> {now}")
        return now[0]
    return wait_for("the monitor's return", 30, renewed, 0.2)


@contextlib.contextmanager
def forced(level):
    os.makedirs(os.path.dirname(SETTING), exist_ok=True)
    with open(SETTING, "w") as f:
        f.write(f"monitor_level = {level}\n")
    try:
        yield restart()
    finally:
        os.remove(SETTING)
        restart()


def check_sandbox(pid):
    with open(f"/proc/{pid}/status") as f:
        own = {key: value.strip() for key, _, value in (line.partition(":") for line in f)}
    for rights in ("CapPrm", "CapEff"):
        check(int(own[rights], 16) in (0, PTRACE), f"{rights}: {own[rights]}")
    equal((int(own["CapInh"], 16), int(own["CapAmb"], 16)), (0, 0), "rights that a program would get")
    equal((own["Seccomp"], own["NoNewPrivs"]), ("2", "1"), "sandbox")
    check(own["Uid"].split()[0] != "0", "not root")


def hidden_program(level):
    """A script's silent program, and one it left behind, below the session's shell."""
    before = this_moment()
    word = f"v{random.randrange(10 ** 8)}"
    with open(SCRIPT, "w") as f:
        f.write("#!/bin/sh\nexec </dev/null >/dev/null 2>&1\n"
                f"setsid nohup sh -c 'sleep 2; true' {word}-left &\nsh -c 'sleep 2; true' {word}-ran\n")
    os.chmod(SCRIPT, 0o755)
    with login("alice") as terminal:
        terminal.command(f"{SCRIPT}; echo do''ne", "done", 30)
        check(word.encode() not in terminal.shown, "the terminal shows nothing of it")
        session = begun_since(before)
        found = tree(session, f"{word}-ran")
        row = ancestors(one(found, f"{word}-ran"), found)
        check(any(SCRIPT in p["argv"] for p in row), f"it stands below the script: {[p['argv'] for p in row]}")
        equal(row[0]["exe"], os.path.realpath("/bin/sh"), "the file it ran")
        check(any("bash" in (p["exe"] or "") for p in row), "and below the shell")
        if level == "fanotify" and any(p["script"] for p in row):  # one that was quick is told without
            check(any(p["script"] == SCRIPT for p in row), "the script is known as one")
        tree(session, f"{word}-left")
        check(f"{word}-ran" in itm("tree", session), "as text")
        terminal.type("exit\r")
        terminal.end()


def at_level(level):
    with forced(level) as pid:
        facts = status()
        if facts["level"] != level:
            raise Skip(facts["refused"])
        check_sandbox(pid)
        equal(facts["processes"], f"watched in part ({level})", "as words")
        check("bpf: monitor_level forbids it" in facts["refused"], f"why not better: {facts['refused']}")
        hidden_program(level)
        check(int(status()["memory_bytes"]) < 30 << 20, "memory")


def test_the_level_poll_sees_a_hidden_program():
    at_level("poll")


def test_the_level_fanotify_sees_a_hidden_program():
    at_level("fanotify")


def test_the_level_connector_sees_a_hidden_program():
    at_level("connector")  # in the first pid and network namespace alone: else skipped, and tested by test_eye


def test_a_lower_level_is_in_the_record_and_an_alert():
    def alerts():
        return {a["seq"] if "seq" in a else json.dumps(a) for a in listed(itm("alerts", "--json"))
                if "monitor-level" in json.dumps(a)}
    before = alerts()
    with forced("none"):
        equal(status()["level"], "none", "level")
        check("not watched" in itm("status", status=None), "as text")
        wait_for("the alert", 30, lambda: alerts() - before, 0.5)

        def told():
            stream = next((s["session"] for s in listed(itm("sessions", "--all", "--json")) if s["mode"] == "processes"), None)
            lines = [json.loads(l) for l in itm("export", stream, "--format", "json", timeout=60).strip().split("\n") if l]
            return [l["activity"] for l in lines if l.get("activity", {}).get("event") == "level"]
        level = wait_for("the level in the record", 30, lambda: next((a for a in told() if a["level"] == "none"), None), 0.5)
        check("poll: monitor_level" in level["reason"] or "bpf: monitor_level" in level["reason"], f"why: {level['reason']}")
