"""A spool without room: what logins and sessions may do, what is told, that
nothing acknowledged is lost, and that it comes back by itself."""
import contextlib
import json
import os
import subprocess
import tempfile

import failure_matrix
from failure_matrix import IN, OUT, agent_away, agent_back
from lab import DAEMONS, SPOOL, SSH, NewSessions, Terminal, check, equal, itm, listed, pids, run, transcript, verify, wait_for

MIB = 1 << 20
CONF = "/etc/itm/agent.conf.d/room.conf"


@contextlib.contextmanager
def tiny_spool(more, policy):
    """The spool on a filesystem with so many bytes more than it has now."""
    agent_away()
    with open(CONF, "w", encoding="ascii") as f:
        f.write(f"spool_full = {policy}\npipe_limit = 64M\n")
    away = SPOOL + ".away"
    os.rename(SPOOL, away)
    st = os.stat(away)
    used = sum(os.path.getsize(os.path.join(away, n)) for n in os.listdir(away))
    os.mkdir(SPOOL)
    run(["mount", "-t", "tmpfs", "-o", f"size={(used + more) // 1024}k,uid={st.st_uid},gid={st.st_gid},mode={st.st_mode & 0o7777:o}", "tiny", SPOOL])
    run(["cp", "-a", f"{away}/.", SPOOL])
    try:
        agent_back()
        wait_for("room", 20, lambda: sealer()["spool_level"] == "room")
        yield
    finally:
        run(["rm", "-f", f"{SPOOL}/filler"])
        DAEMONS.stop("itm-agentd")
        wait_for("the end of the agent", 15, lambda: not pids("itm-sealer") and not pids("itm-forwardd"))
        # The chain went on in the small spool: an older one would be a fork.
        run(["rsync", "-a", "--delete", f"{SPOOL}/", f"{away}/"])
        wait_for("unmounting", 15, lambda: run(["umount", SPOOL]).returncode == 0)
        os.rmdir(SPOOL)
        os.rename(away, SPOOL)
        os.unlink(CONF)
        agent_back()


def sealer():
    return json.loads(itm("status", "--json", status=None))["sealer"]["facts"]


def level_is(*wanted, seconds=60):
    wait_for(f"the spool is {wanted}", seconds, lambda: sealer()["spool_level"] in wanted)


def noise(count):
    """A command whose output does not shrink."""
    return [*SSH, "-l", "alice", "lab", f"head -c {count} /dev/urandom"]


def missing(percent):
    now = sealer()
    return max(int(now["spool_capacity"]) * percent // 100 - int(now["spool_bytes"]), 1)


def fill_to(percent):
    count = missing(percent)
    equal(len(run(noise(count), timeout=60).stdout), count, "bytes of a command")
    wait_for(f"{percent} % are taken", 30, lambda: int(sealer()["spool_percent"]) >= percent - 1)


@contextlib.contextmanager
def server_away():
    DAEMONS.stop("itm-server")
    try:
        yield
    finally:
        DAEMONS.start("itm-server")
        DAEMONS.ready()


def told():
    return [e["event"] for e in listed(itm("events", "--json", "-n", "1000")) if e["event"].startswith("spool-")]


def let_in(ways, wanted):
    found = failure_matrix.run_cells([(way, user) for way in ways for user in failure_matrix.KINDS])
    equal({cell: answer for cell, (answer, _) in found.items()},
          {(way, user): wanted[i] for way in ways for i, user in enumerate(failure_matrix.KINDS)}, "who is let in")


def test_spool_full():
    with tiny_spool(8 * MIB, "degrade"):
        run(["dd", "if=/dev/zero", f"of={SPOOL}/filler", "bs=4k"])
        level_is("none")
        return failure_matrix.tried("spool full")


def test_a_spool_fills_up_and_recovers():
    failure_matrix.settle_users()
    flood = 6 * MIB
    with NewSessions("alice") as new, tiny_spool(24 * MIB, "degrade"):
        with server_away():
            fill_to(85)
            level_is("low")
            fill_to(96)
            level_is("full")
            check("the spool is" in itm("status", status=1), "itm status says nothing of it")
            said = itm("doctor", "alice", status=None)
            check("of output are counted" in said, f"itm doctor says nothing of it: {said}")
            done = run([*SSH, "-l", "alice", "lab", f"echo kept''471; head -c {flood} /dev/urandom; echo end''471"])
            equal(len(done.stdout), flood + 15, "a flood passes")
            with Terminal([*SSH, "-tt", "-l", "alice", "lab"]) as t:
                t.expect(r"\$ ")
                t.command("echo by''hand471", "byhand471")
                t.type("exit\r")
                t.end()
            let_in(["pipe"], (IN, IN, IN))
            check(sealer()["spool_level"] != "none", "a flood took what was left")
        level_is("room")
        found = new.wait(5, seconds=40)
        shown = {s["session"]: transcript(s["session"]) for s in found}
        kept = [s for s, words in shown.items() if "kept471" in words]
        equal(len(kept), 1, "the flood's session")
        equal(verify(kept[0])[0], 12, "its verdict: GAP")
        lost = next(s["lost_bytes"] for s in found if s["session"] == kept[0])
        check(flood - MIB // 4 < lost < flood, f"{lost} bytes counted of {flood}")
        check(any("byhand471" in words for words in shown.values()), "what was typed by hand is not in the record")
        words = wait_for("all crossings are told", 40, lambda: [w for w in [told()] if "spool-recovered" in w])[0]
        for word in ("spool-low", "spool-full", "spool-recovered"):
            check(word in words, f"{word} is not told: {words}")
        check(verify(SPOOL)[0] <= 14, f"the spool: {verify(SPOOL)}")


def test_policy_block_holds():
    failure_matrix.settle_users()
    with tiny_spool(24 * MIB, "block"), Terminal([*SSH, "-tt", "-l", "alice", "lab"]) as t, tempfile.TemporaryFile() as got:
        t.expect(r"\$ ")
        with server_away():
            count = missing(120)
            flood = subprocess.Popen(noise(count), stdin=subprocess.DEVNULL, stdout=got)
            level_is("full", "none")  # a flood may take both at once
            let_in(["sshd", "pipe"], (OUT, OUT, IN))
            with Terminal([*SSH, "-tt", "-l", "carol", "lab"]) as refused:
                refused.expect("no room left for the record")
                refused.end()
            t.type("echo he''ld471\r")
            t.read(1.5)
            check(b"held471" not in t.shown, "output is shown although there is no room to record it")
            equal(flood.poll(), None, "a flood goes on")
        level_is("room")  # the server has taken over what there was
        t.expect("held471", 20)
        t.type("exit\r")
        t.end()
        equal(flood.wait(timeout=60), 0, "the flood's end")
        equal(got.seek(0, os.SEEK_END), count, "its bytes")


for _test in list(vars().values()):
    if callable(_test) and getattr(_test, "__name__", "").startswith("test_"):
        _test.limit_s = 300
