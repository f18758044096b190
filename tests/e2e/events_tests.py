"""What happens on a host beside the sessions: logins, forwarding, refusals and
restarts are events of the host's own stream."""
import contextlib
import json
import os
import signal
import subprocess
import time

from lab import (DAEMONS, SPOOL, SSH, Failure, Terminal, check, equal, gone, itm, listed, login, pids, run, sessions, ssh,
                 this_moment, verify, wait_for)

CONTROL = "/run/lab/events.control"
TARGET = "127.0.0.1:22"         # the lab's sshd: something that answers


def events(*arguments):
    return listed(itm("events", "--json", "--limit", "10000", *arguments))


class NewEvents:
    """The events of a user (or any) told inside a with block or after it."""

    def __init__(self, user=None):
        self.options = ("--user", user) if user else ()

    def __enter__(self):
        self.since = this_moment()
        return self

    def __exit__(self, *_):
        pass

    def now(self, *kinds):
        """Without the end of what began before: a login of the test before may be closed only now."""
        found = [e for e in events(*self.options) if e["time"] >= self.since]
        begun = {e[name] for name, kind in (("login_id", "login-opened"), ("session", "session-started"))
                 for e in found if e["event"] == kind}
        found = [e for e in found if e["event"] not in ("login-closed", "forward-only", "session-ended")
                 or e["login_id"] in begun or e["session"] in begun]
        return [e for e in found if not kinds or e["event"] in kinds]

    def wait(self, kind, count=1, seconds=15):
        def probe():
            found = self.now(kind)
            if len(found) < count:
                raise Failure(f"{len(found)} of {kind}; there are {[e['event'] for e in self.now()]}")
            return found
        return wait_for(f"{count} of {kind}", seconds, probe, 0.1)


def test_ten_shells_over_one_connection_are_ten_recordings_of_one_login():
    with NewEvents("alice") as new:
        master = subprocess.Popen(SSH + ["-M", "-S", CONTROL, "-N", "-l", "alice", "lab"], stdin=subprocess.DEVNULL)
        try:
            wait_for("the connection", 10, lambda: os.path.exists(CONTROL))
            with contextlib.ExitStack() as stack:
                shells = [stack.enter_context(login("alice", "-S", CONTROL)) for _ in range(10)]
                for shell in shells:
                    shell.type("exit\r")
                for shell in shells:
                    equal(shell.end(), 0, "exit status")
        finally:
            master.terminate()
            master.wait(timeout=5)
        started = new.wait("session-started", 10)
        closed = new.wait("login-closed")
    opened = new.now("login-opened")
    equal(len(opened), 1, "logins")
    equal({e["login_id"] for e in started + closed}, {opened[0]["login_id"]}, "login_id of all")
    equal(len({e["session"] for e in started}), 10, "recordings")
    equal(closed[0]["note"]["shells"], "10", "shells of the login")
    check(not new.now("forward-only"), "a login with shells is called forward-only")
    ids = {e["session"] for e in started}

    def recordings():
        found = [s for s in sessions("alice") if s["session"] in ids]
        return found if len(found) == len(ids) else None
    equal({s["login_id"] for s in wait_for("the recordings", 10, recordings)}, {opened[0]["login_id"]}, "login_id of the recordings")


def forward(*arguments, seconds=0.6):
    """An ssh without a shell, ended by us."""
    with NewEvents("alice") as new:
        done = subprocess.Popen(SSH + ["-l", "alice", *arguments, "lab"], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            new.wait("login-opened")
            time.sleep(seconds)
        finally:
            done.terminate()
            done.communicate(timeout=10)
        event = new.wait("forward-only")[0]
    opened = new.now("login-opened")
    equal(len(opened), 1, "logins")
    equal(event["login_id"], opened[0]["login_id"], "login_id")
    equal((event["note"]["service"], event["note"]["rhost"]), ("sshd", "127.0.0.1"), "service and address")
    check(not new.now("session-started", "login-closed"), "forwarding alone made a session")


def test_forwarding_without_a_shell_N():
    forward("-N")


def test_forwarding_without_a_shell_L():
    forward("-N", "-L", f"2201:{TARGET}")


def test_forwarding_without_a_shell_R():
    forward("-N", "-R", f"2202:{TARGET}")


def test_forwarding_without_a_shell_D():
    forward("-N", "-D", "2203")


def test_forwarding_without_a_shell_W():
    forward("-W", TARGET)


def test_forwarding_X11_and_agent_without_a_shell():
    forward("-N", "-X", "-A")


def test_a_session_and_its_end_are_events():
    with NewEvents("alice") as new:
        equal(ssh("alice", "exit 3").returncode, 3, "exit status")
        started = new.wait("session-started")[0]
        ended = new.wait("session-ended")[0]
    equal(started["session"], ended["session"], "session")
    equal(started["note"]["argv"][-1], "exit 3", "the command in its metadata")
    wait_for("the session in the list", 10, lambda: [s for s in sessions("alice") if s["session"] == started["session"]])


def test_logins_while_the_agent_is_away_are_declared():
    with NewEvents() as new:
        DAEMONS.stop("itm-agentd")
        try:
            equal(ssh("alice", "echo in").stdout, b"in\n", "best-effort alice")
            check(b"ranit" not in ssh("carol", "echo ran''it").stdout, "strict carol got in")
            equal(len(os.listdir("/var/lib/itm/missed")), 2, "notes")
            equal(os.stat("/var/lib/itm/missed").st_mode & 0o7777, 0o700, "mode of their folder")
        finally:
            away_until = time.time()
            DAEMONS.start("itm-agentd")
            DAEMONS.ready()
        unrecorded = new.wait("login-unrecorded")
        refused = new.wait("login-refused")
        new.wait("agent-started")
        new.wait("agent-stopped")
    equal([e["user"] for e in unrecorded], ["alice"], "unrecorded")
    equal([e["user"] for e in refused], ["carol"], "refused")
    check(unrecorded[0]["time"] < time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(away_until + 1)),
          f"told with the time of telling: {unrecorded[0]['time']}")
    wait_for("the notes are taken away", 10, lambda: not os.listdir("/var/lib/itm/missed"))


def test_hostile_notes_of_missed_logins():
    folder = "/var/lib/itm/missed"
    with NewEvents() as new:
        DAEMONS.stop("itm-agentd")
        try:
            for name, content in {"empty": b"", "zeros": bytes(4096), "large": b"ITMM\x01\x01" + bytes(100000),
                                  "half": b"ITMM\x01\x01\x00\x00abc"}.items():
                with open(f"{folder}/{name}", "wb") as f:
                    f.write(content)
            os.mkfifo(f"{folder}/pipe")
            os.symlink("/etc/shadow", f"{folder}/link")
        finally:
            DAEMONS.start("itm-agentd")
            DAEMONS.ready()
        told = new.wait("login-unrecorded", 6)
    equal(len(told), 6, "events")
    wait_for("the notes are taken away", 10, lambda: not os.listdir(folder))
    check(os.path.exists("/etc/shadow"), "a link was followed")


def test_nothing_told_is_lost_with_the_broker():
    with NewEvents() as new:
        for i in range(5):
            equal(ssh("alice", f"exit {i}").returncode, i, "exit status")
        victim = pids("itm-brokerd")[-1]
        os.kill(victim, signal.SIGKILL)
        wait_for("the end of the broker", 3, lambda: gone(victim))
        started = new.wait("session-started", 5)
        again = new.wait("agent-started")
    equal(len(started), 5, "sessions")
    equal(len(new.wait("login-opened", 5)), 5, "logins")
    equal(again[0]["note"]["reason"], "the broker was restarted", "reason")
    equal(again[0]["session"], started[0]["stream"], "the stream before")

    def cut_off():
        code, words = verify(again[0]["session"])
        if code != 12:
            raise Failure(f"exit {code}: {words.strip()}")
        return True
    wait_for("the verdict of a stream that was cut off", 15, cut_off, 0.3)


def test_a_restarted_sealer_is_an_event():
    with NewEvents() as new:
        ssh("alice", "true")
        new.wait("session-ended")
        victim = pids("itm-sealer")[-1]
        os.kill(victim, signal.SIGKILL)
        new.wait("sealer-restarted")
        ssh("alice", "true")
        new.wait("session-started", 2)


def test_the_host_stream_is_a_stream_like_any_other():
    with NewEvents("alice") as new:
        ssh("alice", "true")
        new.wait("login-closed")
    hosts = wait_for("a stream of the host", 30,
                     lambda: [s for s in listed(itm("sessions", "--json", "--all")) if s["mode"] == "host"])
    check(not [s for s in sessions() if s["mode"] == "host"], "it is listed among the sessions")
    stream = hosts[0]["session"]
    told = listed(itm("export", stream, "--format", "json", status=None))
    check([e for e in told if e.get("event") == "agent-started" and e["note"]["event"] == "agent-started"], "no agent-started in it")
    code, words = verify(stream)
    check(code in (0, 10, 11, 12), f"verify: {words.strip()}")
    # Of these few: what is older may have left the spool, since the log has it.
    here = {(e["stream"], e["number"], e["event"]) for e in new.now()}
    there = {(e["stream"], e["number"], e["event"])
             for e in listed(itm("events", "--json", "--limit", "10000", "--spool", SPOOL))}
    check(here and here <= there, f"the index tells what the spool does not: {sorted(here - there)[:3]}")
    check("login-opened" in itm("events", "--user", "alice"), "no login of alice in the table")


def test_itm_replay_shows_the_events_of_a_host():
    with NewEvents("alice") as new:
        equal(ssh("alice", "true").returncode, 0, "exit status")
        opened = new.wait("login-opened")[0]
        new.wait("login-closed")
    stream = opened["stream"]
    text = run(["itm-replay", "--plain", stream]).stdout.decode()
    check("# events of host lab, times in UTC\n" in text, f"no head: {text[:200]!r}")
    line = f"{opened['time'][:19].replace('T', ' ')}  # login-opened alice: service sshd, rhost 127.0.0.1"
    check(line in text, f"no {line!r} in {text[-400:]!r}")
    check("\\x" not in text and "event=" not in text, "raw notes in the text")
    done = run(["itm-replay", "--json", stream])
    told = [json.loads(line) for line in done.stdout.decode().split("\n") if line]
    mine = [e for e in told if e.get("event") == "login-opened" and e["note"].get("login_id") == opened["login_id"]]
    equal([e["note"]["user"] for e in mine], ["alice"], "the login in JSON")
    with Terminal(["itm-replay", "--paused", f"{stream}@150:00:00"], 40, 120) as player:
        player.expect("login-opened alice", 15)
        player.type("q")
        equal(player.end(), 0, "exit status of the player")


def test_a_policy_change_is_an_event():
    path = "/etc/itm/agent.conf.d/events.conf"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with NewEvents() as new:
        with open(path, "w") as f:
            f.write("notice = other\n")
        try:
            DAEMONS.running["itm-agentd"].send_signal(signal.SIGHUP)
            new.wait("policy-changed")
        finally:
            os.remove(path)
            DAEMONS.running["itm-agentd"].send_signal(signal.SIGHUP)
        new.wait("policy-changed", 2)
