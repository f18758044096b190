"""A login on a terminal: recorded as it was, found, replayed."""
import os
import random
import signal
import subprocess
import time

from lab import (LAB, SSH, Failure, NewSessions, Terminal, cast, check, equal, itm, listed, login, on_disk, run,
                 sessions, size, this_moment, transcript, verify, wait_for)


def exported_output(session):
    """All that the session showed, as a player would be given it unfiltered."""
    _, events = cast(session, "--raw")
    return "".join(e[2] for e in events if e[1] == "o").encode()


def test_a_login_replays_byte_for_byte():
    with NewSessions("alice") as new, login("alice") as terminal:
        terminal.command("printf 'héllo \\033[1mbold\\033[0m wörld\\n'", "wörld\x1b|bold")
        terminal.command("seq 1 2000", r"[\r\n]2000\r\n")
        terminal.command("ls --color=always -l /usr/bin | head -50; echo d''one", "done")
        # A character in two writes, so that it is split over two events.
        terminal.command("printf '\\xe2\\x82'; sleep 0.3; printf '\\xac%s\\n' la''st", "\u20aclast")
        terminal.type("exit 7\r")
        equal(terminal.end(), 7, "exit status")
    session = new.wait()[0]
    equal(exported_output(session["session"]), terminal.shown, "replayed bytes")


def test_random_bytes_replay_byte_for_byte():
    noise = bytes(random.Random(7).choices([b for b in range(256) if b < 128], k=200000))
    path = "/home/alice/noise"
    with open(path, "wb") as f:
        f.write(noise)
    os.chmod(path, 0o644)
    with NewSessions("alice") as new, login("alice") as terminal:
        terminal.command("cat noise; printf '\\n%s%s\\n' the end", "\r\ntheend", 20)
        terminal.type("\x03\r exit\r")
        terminal.end()
    session = new.wait()[0]["session"]
    equal(exported_output(session), terminal.shown, "replayed bytes")


def test_the_player_shows_the_last_screen():
    with NewSessions("alice") as new, login("alice") as terminal:
        terminal.command("clear; echo screen-one", "screen-one\r\n")
        terminal.type("exit\r")
        terminal.end()
    session = new.wait()[0]["session"]
    done = run(["itm-replay", "--plain", session])
    equal(done.returncode, 0, "itm-replay's exit status")
    check(b"screen-one" in done.stdout, f"the player's text lacks the line: {done.stdout!r}")
    check(b"\x1b" not in done.stdout, "the player's plain text has control bytes")


def test_an_open_session_is_found_within_3_s_of_the_keystroke():
    word = f"needle{random.randrange(10 ** 9)}"
    took = []
    with login("alice") as terminal:
        for i in range(3):
            terminal.command(f"echo {word}x{i}", rf"[\r\n]{word}x{i}")
            typed = time.monotonic()
            wait_for(f"search for {word}x{i}", 6, lambda: listed(itm("search", f"{word}x{i}", "--json", status=None)))
            took.append(time.monotonic() - typed)
        typed_lines = wait_for("the typed command", 6, lambda: listed(itm("search", f"cmd:{word}x1", "--json", "-C", "1", status=None)))
        equal([(h["kind"], h["line"]) for h in typed_lines], [("command", f"echo {word}x1")], "the typed command")
        check(typed_lines[0]["replay"].startswith("itm-replay "), f"no way to play it: {typed_lines[0]}")
        refused = run(["itm", "search", f"{word} and ("])
        check(refused.returncode == 64 and refused.stderr.rstrip().endswith(b"^"), f"no place named: {refused.stderr!r}")
        open_one = [s for s in sessions("alice") if not s.get("ended")]
        check(open_one, "the session is not listed as open")
        terminal.type("exit\r")
        terminal.end()
    usual, slowest = sorted(took)[1:]   # one of three may meet a busy machine
    check(usual <= 3.0, f"found only after {usual:.1f} s")
    wait_for("the sealed session is found too", 15, lambda: listed(itm("search", f"{word}x0", "--json", status=None)))
    return f"slowest {slowest:.1f} s"


def test_what_is_typed_at_a_no_echo_prompt_is_never_on_disk():
    secret = f"hush{random.randrange(10 ** 9)}"
    visible = f"seen{random.randrange(10 ** 9)}"
    with NewSessions("alice") as new, login("alice") as terminal:
        terminal.command("stty -echo; printf 'Secret: '; read x; stty echo; echo got ${#x}", "Secret: ")
        time.sleep(0.3)
        terminal.command(secret, f"got {len(secret)}")
        terminal.command("su bob -c 'echo now bob'", "Password: ")
        time.sleep(0.3)
        terminal.command(f"{secret}wrong", "failure|incorrect", 15)
        terminal.command(f"echo {visible}", rf"[\r\n]{visible}")
        # The visible word shows that the search can find one.
        wait_for("the visible word on disk", 5, lambda: on_disk(visible.encode()))
        found = on_disk(secret.encode())
        check(found is None, f"the secret is in {found}")
        terminal.type("exit\r")
        terminal.end()
    session = new.wait()[0]["session"]
    found = on_disk(secret.encode())
    check(found is None, f"the secret is in {found}")
    text = transcript(session)
    check(visible in text and secret not in text, "transcript")
    check(secret not in itm("export", session, "--format", "asciicast", status=None), "the secret is in the asciicast")
    check(not listed(itm("search", secret, "--json", status=None)), "the secret is found by search")


def test_two_shells_over_one_connection_are_two_recordings():
    path = f"{LAB}/master"
    master = subprocess.Popen(SSH + ["-M", "-N", "-S", path, "-l", "bob", "lab"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("the shared connection", 10, lambda: os.path.exists(path))
        with NewSessions("bob") as new, login("bob", "-S", path) as one, login("bob", "-S", path) as two:
            one.command("echo first''shell", "firstshell")
            two.command("echo second''shell", "secondshell")
            for terminal in (one, two):
                terminal.type("exit\r")
                terminal.end()
        found = new.wait(2)
        texts = [transcript(s["session"]) for s in found]
        check(len(found) == 2, f"{len(found)} recordings")
        check(sum("firstshell" in t for t in texts) == 1 and sum("secondshell" in t for t in texts) == 1,
              "each shell in its own recording")
        if found[0].get("login_id"):
            equal(found[0]["login_id"], found[1]["login_id"], "the login both belong to")
    finally:
        master.terminate()
        master.wait(timeout=10)


def test_a_resize_reaches_the_shell_and_the_recording():
    with NewSessions("alice") as new, login("alice") as terminal:
        terminal.command("stty size", "24 80")
        size(terminal.master, 50, 132)
        os.kill(terminal.pid, signal.SIGWINCH)
        terminal.command("until [ \"$(stty size)\" = '50 132' ]; do sleep 0.1; done; echo ar''rived", "arrived")
        terminal.type("exit\r")
        terminal.end()
    header, events = cast(new.wait()[0]["session"])
    equal((header["width"], header["height"]), (80, 24), "first size")
    check(any(e[1] == "r" and e[2] == "132x50" for e in events), "no resize in the asciicast")


def test_signals_and_job_control_inside():
    with login("alice") as terminal:
        terminal.command("sh -c 'echo be''gun; exec sleep 100'", "begun")
        terminal.type("\x03")
        terminal.expect(r"alice@lab:~\$ ", 3)
        terminal.command("echo st=$?", "st=130")
        terminal.command("sh -c 'echo be''gun; exec sleep 101'", "begun")
        terminal.type("\x1a")
        terminal.expect("Stopped", 3)
        terminal.type("fg\r")
        terminal.expect("sleep 101", 3)
        time.sleep(0.3)
        terminal.type("\x03")
        terminal.command("echo st=$?", "st=130")
        terminal.command("kill -9 $$", "", 1)
        status = terminal.end()
        check(status != 0, f"a shell killed by a signal gave {status}")


def test_a_lost_connection_ends_the_session():
    with NewSessions("alice") as new, login("alice") as terminal:
        terminal.command("echo before the cut", "the cut\r\n")
        shell = int(terminal.command("echo pid=$$.", r"pid=(\d+)\.").group(1))
        os.kill(terminal.pid, signal.SIGKILL)
        wait_for("the shell's end", 10, lambda: not os.path.exists(f"/proc/{shell}"))
    session = new.wait()[0]
    check("before the cut" in transcript(session["session"]), "transcript")


def test_programs_that_take_the_whole_screen():
    with NewSessions("alice") as new, login("alice", rows=30, columns=100) as terminal:
        terminal.type("seq -f 'line %g' 500 > pages; less pages\r")
        terminal.expect("line 20", 5)
        terminal.type(" ")
        time.sleep(0.3)
        terminal.type("q")
        terminal.command("echo back''again", "backagain")
        terminal.type("exit\r")
        terminal.end()
    equal(exported_output(new.wait()[0]["session"]), terminal.shown, "replayed bytes")


def test_a_large_paste_against_large_output_does_not_hang():
    with login("alice") as terminal:
        terminal.type("stty raw -echo; printf 'RA''W'; cat; stty sane\r")
        terminal.expect("RAW", 10)
        data = b"0123456789abcdef" * 8192
        begin = terminal.mark = len(terminal.shown)
        terminal.type(data)
        wait_for("all of the paste echoed", 40, lambda: terminal.read(0.2) and False or
                 terminal.shown.count(b"0123456789abcdef", begin) >= 8192, 0)
    return f"{len(data)} bytes"


def test_su_is_recorded_too():
    with NewSessions("bob") as new, Terminal(["su", "-", "bob"]) as terminal:
        terminal.expect(r"bob@lab:~\$ ", 10)
        terminal.command("echo by''su", "bysu")
        terminal.type("exit 3\r")
        equal(terminal.end(), 3, "exit status of su")
    found = new.wait()
    check("bysu" in transcript(found[0]["session"]), "transcript")


def test_root_and_others_out_of_scope_are_not_recorded():
    begun = this_moment()
    with login("dave") as terminal:
        terminal.command("echo $SHELL", "/bin/bash")
        terminal.type("exit\r")
        terminal.end()
    with NewSessions("alice") as new:   # once this is listed, his would be
        run(SSH + ["-l", "alice", "lab", "true"])
    new.wait()
    equal([s["user"] for s in sessions(since=begun)], ["alice"], "whose sessions are listed")


def test_verdict_of_a_finished_session():
    with NewSessions("alice") as new, login("alice") as terminal:
        terminal.command("echo to be verified", "verified\r\n")
        terminal.type("exit\r")
        terminal.end()
    session = new.wait()[0]["session"]

    def sealed():
        code, words = verify(session)
        if code not in (0, 10):
            raise Failure(f"exit {code}: {words.strip()}")
        return code == 0  # in the central log: the checkpoint follows the block
    wait_for("verdict OK", 20, sealed, 0.3)
