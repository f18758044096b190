"""An upgrade under live sessions: files replaced, agent restarted, nothing lost."""
import contextlib
import os
import random
import signal

from lab import (DAEMONS, Failure, NewSessions, check, durable, login, pids, run, ssh, transcript, verify, wait_for)

LIVE = 5


def install_again():
    done = run(["make", "-s", "-C", os.environ["LAB_BUILD"], "install"], timeout=120)
    if done.returncode != 0:
        raise Failure(f"make install: {done.stderr[-300:]!r}")


def restart(replaced):
    """The agent alone is ended and started; its children change hands, and are
    started anew when their programs were replaced."""
    kept = pids("itm-brokerd") + pids("itm-sealer")
    DAEMONS.stop("itm-agentd", signal.SIGUSR2)
    DAEMONS.start("itm-agentd")
    DAEMONS.ready()

    def settled():
        now = pids("itm-brokerd") + pids("itm-sealer")
        with open("/run/itm/agentd/status") as f:
            status = f.read()
        return len(now) == 2 and status.count("state=ready") == status.count("state=") and bool(set(now) & set(kept)) != replaced
    wait_for("the children of the new agent", 10, settled)


def complete(session, word):
    text = transcript(session)
    missing = [part for part in ("before", "during", "after") if f"{word}-{part}" not in text]
    if missing:
        raise Failure(f"session {session} lacks {missing}")
    return True


def test_an_upgrade_loses_no_session():
    word = f"up{random.randrange(10 ** 8)}"
    recorders = pids("itm-recorder")
    with NewSessions("alice") as new, contextlib.ExitStack() as stack:
        people = [stack.enter_context(login("alice")) for _ in range(LIVE)]
        for person in people:
            person.command(f"echo {word}-before", rf"[\r\n]{word}-before")
        durable(f"{word}-before")
        mine = [p for p in pids("itm-recorder") if p not in recorders]
        install_again()
        restart(True)
        for person in people:
            person.command(f"echo {word}-during", rf"[\r\n]{word}-during", 5)
        check([p for p in pids("itm-recorder") if p in mine] == mine, "a recorder was replaced")
        restart(False)
        for person in people:
            person.command(f"echo {word}-after", rf"[\r\n]{word}-after", 5)
            person.command("stty size; id -un", r"24 80\r\nalice")
        # Nested shells still count as inside, new logins are recorded anew.
        people[0].command("su alice -c 'tty' </dev/null 2>&1 | head -c 0; echo nested", "nested")
        for person in people:
            person.type("exit 5\r")
            check(person.end() == 5, "exit status after an upgrade")
    for session in [s["session"] for s in new.wait(LIVE, 30)]:
        wait_for("the whole session in the record", 15, lambda: complete(session, word), 0.3)
        check(verify(session)[0] not in (15, 16), f"verify {session}")
    check(ssh("alice", "echo well").stdout == b"well\n", "a login after the upgrade")
    return f"{LIVE} sessions, 2 restarts"


def test_the_agent_says_goodbye_to_nobody():
    """A terminal is given back although the agent was restarted meanwhile."""
    with NewSessions("alice") as new, login("alice") as terminal:
        tty = terminal.command("tty", r"(/dev/pts/\d+)").group(1).decode()
        restart(False)
        terminal.command("echo still", r"[\r\n]still")
        terminal.type("exit\r")
        terminal.end()
    wait_for("the inner terminal's end", 5, lambda: not os.path.exists(tty) or os.stat(tty).st_uid != 0)
    new.wait()


for _test in (test_an_upgrade_loses_no_session, test_the_agent_says_goodbye_to_nobody):
    _test.limit_s = 150
