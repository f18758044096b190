"""What runs in a session is in the record, also what its terminal never shows."""
import json
import os
import random
import signal
import time

from lab import DAEMONS, Failure, check, equal, itm, listed, login, pids, run, session_ids, ssh, wait_for

SCRIPT = "/tmp/testme.sh"


def write_script(text):
    with open(SCRIPT, "w") as f:
        f.write(text)
    os.chmod(SCRIPT, 0o755)


def tree(session, word, seconds=20, last=None):
    """The session's processes, once one has word in its arguments (and its last argument is last)."""
    def probe():
        found = listed(itm("tree", session, "--json", status=None))
        if not any(word in " ".join(p["argv"]) and last in (None, *p["argv"][-1:]) for p in found):
            raise Failure(f"{len(found)} processes, none with {word}")
        return found
    return wait_for(f"{word} in the tree", seconds, probe, 0.3)


def ancestors(process, found):
    by_name = {(p["pid"], p["start_ns"]): p for p in found}
    row = []
    while process is not None:
        row.append(process)
        process = by_name.get((process["parent_pid"], process["parent_start_ns"]))
    return row


def begun_since(before):
    return wait_for("the session", 15, lambda: next((s for s in session_ids("alice") if s not in before), None))


def one(found, word):
    return next(p for p in found if word in " ".join(p["argv"]) and p["exe"])


def test_what_a_script_runs_is_seen():
    before = session_ids("alice")
    word = f"w{random.randrange(10 ** 8)}"
    write_script(f"#!/bin/sh\n/bin/true {word} >/dev/null\nexec </dev/null >/dev/null 2>&1\n"
                 f"setsid nohup sh -c 'sleep 0.2; /bin/echo {word}-late' &\n(/bin/echo {word}-sub | cat)\nwait\n")
    with login("alice") as terminal:
        terminal.command(f"{SCRIPT}; echo do''ne", "done")
        time.sleep(0.5)
        check(word.encode() not in terminal.shown, "the terminal shows nothing of it")
        session = begun_since(before)
        found = tree(session, f"{word}-late")
        for what in (word, f"{word}-late", f"{word}-sub"):
            row = ancestors(one(found, what), found)
            check(any(p["script"] == SCRIPT for p in row), f"{what} stands below the script: {[p['exe'] for p in row]}")
        equal(one(found, f"{word}-sub")["exe"], os.path.realpath("/bin/echo"), "exe")
        text = itm("tree", session)
        check(SCRIPT in text and f"{word}-late" in text, "as text")
        terminal.type("exit\r")
        terminal.end()


def test_a_process_below_sudo_belongs_to_the_login():
    before = session_ids("alice")
    word = f"s{random.randrange(10 ** 8)}"
    with open("/etc/sudoers.d/process-test", "w") as f:
        f.write("alice ALL=(ALL) NOPASSWD: ALL\n")
    os.chmod("/etc/sudoers.d/process-test", 0o440)
    try:
        with login("alice") as terminal:
            terminal.command(f"sudo sh -c '/bin/true {word} | cat; exit 3'; echo do''ne", "done")
            session = begun_since(before)
            process = next(p for p in tree(session, word, last=word) if p["argv"] == ["/bin/true", word])
            equal((process["uid"], process["euid"]), (0, 0), "it ran as root")
            shell = wait_for("its end", 15, lambda: next((p for p in tree(session, word)
                                                          if p["argv"][:2] == ["sh", "-c"] and p["ended"]), None))
            equal(shell["status"], 3 << 8, "status of the shell")
            terminal.type("exit\r")
            terminal.end()
    finally:
        os.remove("/etc/sudoers.d/process-test")


def test_a_thread_that_runs_a_program_keeps_the_session():
    before = session_ids("alice")
    word = f"t{random.randrange(10 ** 8)}"
    code = f"import os, threading; threading.Thread(target=lambda: os.execv(\"/bin/echo\", [\"echo\", \"{word}-ran\"])).start()"
    ssh("alice", f"python3 -c '{code}'")
    found = tree(begun_since(before), word, last=f"{word}-ran")
    process = next(p for p in found if p["exe"] == os.path.realpath("/bin/echo"))
    equal(process["argv"], ["echo", f"{word}-ran"], "what the thread ran")


def test_the_monitor_says_how_it_is():
    def watched():
        status = json.loads(itm("status", "--json", status=None))["watcher"]
        if status["state"] != "running" or int(status["facts"]["received"]) == 0:
            raise Failure(f"{status}")
        return status["facts"]
    facts = wait_for("the monitor's status", 30, watched, 0.5)
    equal((facts["level"], facts["processes"], facts["missing"]), ("bpf", "watched (bpf)", "0"), "level")
    check(int(facts["memory_bytes"]) < 30 << 20, f"memory: {facts['memory_bytes']}")
    check("processes: watched (bpf)" in itm("status", status=None), "as text")
    monitor = pids("itm-watchd")[0]
    with open(f"/proc/{monitor}/status") as f:
        own = {key: value.strip() for key, _, value in (line.partition(":") for line in f)}
    for rights in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
        equal(int(own[rights], 16), 0, rights)
    equal((own["Seccomp"], own["NoNewPrivs"]), ("2", "1"), "sandbox")
    check(own["Uid"].split()[0] != "0", "not root")


def test_long_and_hostile_arguments_are_whole():
    before = session_ids("alice")
    word = f"l{random.randrange(10 ** 8)}"
    equal(ssh("alice", f"/bin/true {word} $(printf '\\033]0;x\\007') $(head -c 100000 /dev/zero | tr '\\0' y)").returncode, 0,
          "status")
    session = begun_since(before)
    process = wait_for("its size", 20, lambda: next(
        (p for p in tree(session, word) if p["argv"][1:2] == [word] and p["argv_bytes"] > 100000), None))
    check("\033" in process["argv"][2], "bytes as they are, in JSON")
    check("\033" not in itm("tree", session), "and harmless as text")


def test_a_connection_is_told():
    before = session_ids("alice")
    word = f"c{random.randrange(10 ** 8)}"
    ssh("alice", f"python3 -c 'import socket, sys; socket.socket().connect_ex((\"127.0.0.1\", 9))' {word}")
    session = begun_since(before)
    wait_for("the connection", 15, lambda: "connect 127.0.0.1:9" in one(tree(session, word), word)["sockets"])


def activities():
    """All that the newest run of the monitor told."""
    stream = wait_for("the monitor's stream", 15, lambda: next(
        (s["session"] for s in listed(itm("sessions", "--all", "--json")) if s["mode"] == "processes"), None))
    lines = [json.loads(l) for l in itm("export", stream, "--format", "json", timeout=60).splitlines()]
    return [l["activity"] for l in lines if "activity" in l]


def counts():
    """(made, received, dropped) of the newest record of the monitor."""
    found = [a for a in activities() if a["event"] == "counts"]
    if not found:
        raise Failure("no count yet")
    return {"dropped": 0, "made": 0, "received": 0, **found[-1]}


def test_what_was_made_came_or_is_told():
    run(["sh", "-c", "for i in $(seq 400); do /bin/true; done"], timeout=60)

    def settled():
        c = counts()
        if c["made"] < 1200:
            raise Failure(f"{c}")
        return c
    c = wait_for("the count", 30, settled, 1)
    check(c["made"] - c["dropped"] >= c["received"], f"nothing comes that was not made: {c}")
    # What was in the ring at that moment comes with the next look.
    check(c["made"] - c["dropped"] - c["received"] < 5000, f"nothing is missing: {c}")


def test_a_session_older_than_the_monitor_is_tied_to_it():
    before = session_ids("alice")
    word = f"o{random.randrange(10 ** 8)}"
    program = os.readlink(f"/proc/{wait_for('the monitor', 15, lambda: pids('itm-watchd'))[0]}/exe")
    # As at a host's start, when a login is first: no monitor, no map from before.
    DAEMONS.stop("itm-agentd")
    os.rename(program, program + ".away")
    try:
        DAEMONS.start("itm-agentd")
        DAEMONS.ready()
        with login("alice") as terminal:
            terminal.command("sh -c 'echo in''side; exec sh'", "inside")
            session = begun_since(before)
            os.rename(program + ".away", program)
            DAEMONS.stop("itm-agentd", signal.SIGKILL)
            DAEMONS.start("itm-agentd")
            wait_for("the monitor", 30, lambda: pids("itm-watchd"))
            time.sleep(3)
            terminal.command(f"/bin/true {word}; echo do''ne", "done")
            tree(session, word)
            terminal.type("exit\rexit\r")
            terminal.end()
    finally:
        if os.path.exists(program + ".away"):
            os.rename(program + ".away", program)


def test_a_monitor_that_is_killed_comes_back_and_knows_the_sessions():
    before = session_ids("alice")
    word = f"k{random.randrange(10 ** 8)}"
    with login("alice") as terminal:
        terminal.command("echo re''ady", "ready")
        monitor = pids("itm-watchd")
        check(len(monitor) == 1, "the monitor runs")
        os.kill(monitor[0], 9)
        wait_for("the monitor's return", 15, lambda: pids("itm-watchd") not in ([], monitor))
        time.sleep(2)
        terminal.command(f"/bin/true {word}; echo do''ne", "done")
        session = begun_since(before)
        found = tree(session, word)
        # Its shell was there before the new monitor, which tells it with its session.
        shell = ancestors(one(found, word), found)[1]

        def seen():
            return [a for a in activities() if a["event"] == "seen"]
        all_seen = wait_for("what was there before", 15, seen)
        row = [a for a in all_seen if (a["pid"], a["start_ns"]) == (shell["pid"], shell["start_ns"])]
        equal([a.get("session") for a in row], [session], f"the shell among {len(all_seen)}")
        check(any(a["exe"].endswith("sshd") for a in all_seen), "processes without a session too")
        terminal.type("exit\r")
        terminal.end()
