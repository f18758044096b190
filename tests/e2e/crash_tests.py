"""kill -9 of each daemon, once, under a live session: the session goes on or
ends by policy, and nothing that was durable is lost."""
import os
import random
import signal

from lab import (DAEMONS, Failure, NewSessions, check, durable, gone, listed, itm, login, pids, transcript, verify, wait_for)



def kill_under_a_session(program, goes_on=True):
    word = f"{program[4:]}{random.randrange(10 ** 8)}"
    with NewSessions("alice") as new, login("alice") as terminal:
        terminal.command(f"echo {word}-before", rf"[\r\n]{word}-before")
        durable(f"{word}-before")
        victims = pids(program)
        check(victims, f"{program} does not run")
        victim = victims[-1]
        os.kill(victim, signal.SIGKILL)
        wait_for(f"the end of {program}", 3, lambda: gone(victim))
        if program in DAEMONS.running:
            DAEMONS.running.pop(program).wait(timeout=5)
            DAEMONS.start(program)
        if goes_on:
            terminal.command(f"echo {word}-during", rf"[\r\n]{word}-during", 5)
            wait_for(f"{program} again", 5, lambda: [p for p in pids(program) if p not in victims])
            terminal.command(f"echo {word}-after", rf"[\r\n]{word}-after", 5)
            terminal.type("exit\r")
            terminal.end()
        else:
            terminal.end(2)
    session = new.wait(1, 25, ended=goes_on)[0]["session"]

    def complete():
        text = transcript(session)
        for part in ("before", "during", "after") if goes_on else ("before",):
            if f"{word}-{part}" not in text:
                raise Failure(f"{word}-{part} is not in the record")
        return True
    wait_for("all that was shown is in the record", 15, complete, 0.3)
    wait_for("searchable", 15, lambda: listed(itm("search", f'"{word}-before"', "--json", status=None)), 0.3)
    code, words = verify(session)
    check(code not in (15, 16), f"verify: {words.strip()}")
    # The machine works as before.
    with NewSessions("alice") as again, login("alice") as terminal:
        terminal.command(f"echo {word}-later", rf"[\r\n]{word}-later")
        terminal.type("exit\r")
        terminal.end()
    again.wait(1, 25)
    for folder in ("/var/lib/itm/spool", "/var/lib/itm/store"):
        code, words = verify(folder)
        check(code not in (15, 16), f"verify {folder}: {words.strip()}")


def test_kill_9_of_the_recorder_ends_the_session():
    kill_under_a_session("itm-recorder", goes_on=False)


def test_kill_9_of_the_broker():
    kill_under_a_session("itm-brokerd")


def test_kill_9_of_the_sealer():
    kill_under_a_session("itm-sealer")


def test_kill_9_of_the_forwarder():
    kill_under_a_session("itm-forwardd")


def test_kill_9_of_the_supervisor():
    kill_under_a_session("itm-agentd")


def test_kill_9_of_ingest():
    kill_under_a_session("itm-ingestd")


def test_kill_9_of_the_index():
    kill_under_a_session("itm-indexd")


def test_kill_9_of_the_server():
    kill_under_a_session("itm-server")


def test_kill_9_of_the_stub_ends_the_session():
    with NewSessions("alice") as new, login("alice") as terminal:
        terminal.command("echo still''shown", "stillshown")
        durable("stillshown")
        stubs = pids("itm-shell")
        check(stubs, "no itm-shell runs")
        os.kill(stubs[-1], signal.SIGKILL)
        terminal.end(5)
    session = new.wait(1, 15, ended=False)[0]["session"]
    wait_for("the record", 10, lambda: "stillshown" in transcript(session))


def test_server_away_for_a_while():
    word = f"away{random.randrange(10 ** 8)}"
    DAEMONS.stop("itm-server")
    try:
        with login("alice") as terminal:
            terminal.command(f"echo {word}", rf"[\r\n]{word}")
            terminal.type("exit\r")
            terminal.end()
    finally:
        DAEMONS.start("itm-server")
        DAEMONS.ready()
    wait_for("what was recorded meanwhile", 20, lambda: listed(itm("search", word, "--json", status=None)), 0.3)


for _test in list(vars().values()):
    if callable(_test) and getattr(_test, "__name__", "").startswith("test_"):
        _test.limit_s = 90
