"""What runs in a session is in the record, also what its terminal never shows."""
import json
import os
import random
import signal
import time

from lab import DAEMONS, Failure, check, equal, itm, listed, login, pids, run, session_ids, ssh, this_moment, wait_for

SCRIPT = "/tmp/testme.sh"


def write_script(text):
    with open(SCRIPT, "w") as f:
        f.write(text)
    os.chmod(SCRIPT, 0o755)


def tree(session, *words, last=None):
    """The session's processes, once each word is in the arguments of one (and one's last argument is last)."""
    def probe():
        found = listed(itm("tree", session, "--json", status=None))
        for word in words:
            if not any(word in " ".join(p["argv"]) and p["exe"] and last in (None, *p["argv"][-1:]) for p in found):
                raise Failure(f"{len(found)} processes, none with {word}")
        return found
    return wait_for(f"{words} in the tree", 20, probe, 0.2)


def ancestors(process, found):
    by_name = {(p["pid"], p["start_ns"]): p for p in found}
    row = []
    while process is not None:
        row.append(process)
        process = by_name.get((process["parent_pid"], process["parent_start_ns"]))
    return row


def begun_since(moment):
    return wait_for("the session", 15, lambda: session_ids("alice", moment))[0]


def seen_running(terminal, session, word):
    """Programs are run until the tree has one: a new monitor is not there at once.  Its full argument."""
    for number in range(60):
        terminal.command(f"/bin/true {word}x{number}; echo do''ne{number}", f"done{number}")
        time.sleep(0.5)
        for p in listed(itm("tree", session, "--json", status=None)):
            if p["exe"] and p["argv"][-1:] and p["argv"][-1].startswith(word):
                return p["argv"][-1]
    raise Failure(f"none of {number + 1} programs is in the tree")


def one(found, word):
    return next(p for p in found if word in " ".join(p["argv"]) and p["exe"])


def test_what_a_script_runs_is_seen():
    before = this_moment()
    word = f"w{random.randrange(10 ** 8)}"
    write_script(f"#!/bin/sh\n/bin/true {word} >/dev/null\nexec </dev/null >/dev/null 2>&1\n"
                 f"setsid nohup sh -c 'sleep 0.2; /bin/echo {word}-late' &\n(/bin/echo {word}-sub | cat)\nwait\n")
    with login("alice") as terminal:
        terminal.command(f"{SCRIPT}; echo do''ne", "done")
        session = begun_since(before)
        found = tree(session, word, f"{word}-sub", f"{word}-late")
        check(word.encode() not in terminal.shown, "the terminal shows nothing of it")
        for what in (word, f"{word}-late", f"{word}-sub"):
            row = ancestors(one(found, what), found)
            check(any(p["script"] == SCRIPT for p in row), f"{what} stands below the script: {[p['exe'] for p in row]}")
        equal(one(found, f"{word}-sub")["exe"], os.path.realpath("/bin/echo"), "exe")
        text = itm("tree", session)
        check(SCRIPT in text and f"{word}-late" in text, "as text")
        hit = wait_for("the search by what ran", 20, lambda: listed(itm(
            "search", f'exe:echo argv:"{word}-late" user:alice', "--json", status=None)))[0]
        equal((hit["kind"], hit["line"].split()[-1]), ("program", f"{word}-late"), "what was found")
        equal(run([*hit["replay"].split(), "--plain"]).returncode, 0, "the hit opens")
        terminal.type("exit\r")
        terminal.end()


def test_a_process_below_sudo_belongs_to_the_login():
    before = this_moment()
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
    before = this_moment()
    word = f"t{random.randrange(10 ** 8)}"
    code = f"import os, threading; threading.Thread(target=lambda: os.execv(\"/bin/echo\", [\"echo\", \"{word}-ran\"])).start()"
    ssh("alice", f"python3 -c '{code}'")
    found = tree(begun_since(before), f"{word}-ran", last=f"{word}-ran")
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
    before = this_moment()
    word = f"l{random.randrange(10 ** 8)}"
    equal(ssh("alice", f"/bin/true {word} $(printf '\\033]0;x\\007') $(head -c 100000 /dev/zero | tr '\\0' y)").returncode, 0,
          "status")
    session = begun_since(before)
    process = wait_for("its size", 20, lambda: next(
        (p for p in tree(session, word) if p["argv"][1:2] == [word] and p["argv_bytes"] > 100000), None))
    check("\033" in process["argv"][2], "bytes as they are, in JSON")
    check("\033" not in itm("tree", session), "and harmless as text")


def test_a_connection_is_told():
    before = this_moment()
    word = f"c{random.randrange(10 ** 8)}"
    ssh("alice", f"python3 -c 'import socket, sys; socket.socket().connect_ex((\"127.0.0.1\", 9))' {word}")
    session = begun_since(before)
    wait_for("the connection", 15, lambda: "connect 127.0.0.1:9" in one(tree(session, word), word)["sockets"])


def activities():
    """All that the newest run of the monitor told."""
    stream = wait_for("the monitor's stream", 15, lambda: next(
        (s["session"] for s in listed(itm("sessions", "--all", "--json")) if s["mode"] == "processes"), None))
    lines = [json.loads(l) for l in itm("export", stream, "--format", "json", timeout=60).strip().split("\n") if l]
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
    before = this_moment()
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
            seen_running(terminal, session, word)
            terminal.type("exit\rexit\r")
            terminal.end()
    finally:
        if os.path.exists(program + ".away"):
            os.rename(program + ".away", program)


def test_a_monitor_that_is_killed_comes_back_and_knows_the_sessions():
    before = this_moment()
    word = f"k{random.randrange(10 ** 8)}"
    with login("alice") as terminal:
        terminal.command("echo re''ady", "ready")
        monitor = pids("itm-watchd")
        check(len(monitor) == 1, "the monitor runs")
        os.kill(monitor[0], 9)
        wait_for("the monitor's return", 15, lambda: pids("itm-watchd") not in ([], monitor))
        session = begun_since(before)
        ran = seen_running(terminal, session, word)
        # Its shell was there before the new monitor, which tells it with its session.
        process = one(tree(session, ran), ran)
        shell = (process["parent_pid"], process["parent_start_ns"])

        def seen():
            told = [a for a in activities() if a["event"] == "seen"]
            if not any((a["pid"], a["start_ns"]) == shell for a in told):
                raise Failure(f"{len(told)} told, not the shell")
            return told
        all_seen = wait_for("what was there before", 15, seen, 0.5)
        equal([a.get("session") for a in all_seen if (a["pid"], a["start_ns"]) == shell], [session], "the shell's session")
        check(any(a["exe"].endswith("sshd") for a in all_seen), "processes without a session too")
        terminal.type("exit\r")
        terminal.end()
