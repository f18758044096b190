"""Sealed keystrokes: who holds an auditor's key reads what was typed; nobody else does."""
import json
import os
import re
import shutil
import time

import lab
from lab import check, equal, itm, run

DEMO = "/etc/itm/demonstration"
KEY = ["--key", f"{DEMO}/auditor.key", "--reason", "a test of openings"]


def typed_session(*lines, password=None):
    """A login of alice in which these lines are typed; its session."""
    with lab.NewSessions("alice") as new, lab.login("alice") as t:
        for line in lines:
            t.command(line, r"\$ ")
        if password is not None:
            t.command("read -r -s -p 'Password: ' x; unset x; echo", "Password: ")
            time.sleep(0.3)
            t.command(password, r"\$ ")
        t.type("exit\r")
        t.end()
    return new.wait()[0]["session"]


def opened(session, *options):
    events = [json.loads(x) for x in itm("export", session, "--format", "json", *options).strip().split("\n")]
    return "".join(e.get("data", "") for e in events if e["kind"] == "in"), events


def places_with(word, since):
    """Files of the record, of logs and of run folders written since then that hold the word."""
    found = []
    for place in ("/var/lib/itm", "/var/log", "/run", "/tmp", "/var/tmp", "/var/crash", "/etc/itm"):
        for parent, _, names in os.walk(place):
            for name in names:
                path = os.path.join(parent, name)
                try:
                    if os.path.isfile(path) and os.stat(path).st_mtime >= since:
                        with open(path, "rb") as f:
                            if word.encode() in f.read():
                                found.append(path)
                except OSError:
                    continue
    return found


def memory_with(word, programs):
    """Pids of these programs whose memory holds the word."""
    found, looked = [], 0
    for program in programs:
        for pid in lab.pids(program):
            with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
                for line in maps:
                    span, rights = line.split()[:2]
                    if "r" not in rights or "[v" in line:
                        continue
                    begin, end = (int(x, 16) for x in span.split("-"))
                    try:
                        memory.seek(begin)
                        data = memory.read(end - begin)
                    except (OSError, ValueError, OverflowError):
                        continue
                    looked += len(data)
                    if word.encode() in data:
                        found.append((program, pid))
    check(looked > 1 << 20, "the memory of the daemons was not read")
    return found


DAEMONS = ["itm-agentd", "itm-brokerd", "itm-sealer", "itm-forwardd", "itm-server", "itm-ingestd", "itm-indexd"]


def test_an_auditor_reads_exactly_what_was_typed():
    session = typed_session("echo on\x7f\x7fone", "true tw\x01\x05o", password="hush-sealed-1")
    text, _ = opened(session, *KEY)
    equal(text, "echo on\x7f\x7fone\rtrue tw\x01\x05o\rread -r -s -p 'Password: ' x; unset x; echo\rexit\r", "what was typed")
    shown = itm("export", session, "--format", "text", *KEY)
    check("# typed: exit" in shown, "the transcript has no line of what was typed")
    _, cast = lab.cast(session, *KEY)
    check("".join(e[2] for e in cast if e[1] == "i") == text, "asciicast has other input")
    check("typed: exit" in run(["itm-replay", "--plain", session, *KEY]).stdout.decode(), "itm-replay shows no input")


def test_nobody_else_reads_what_was_typed():
    begun = time.time() - 1
    # Typed, and never shown: the terminal does not echo in raw mode.
    word = f"canary{os.getpid()}x{time.monotonic_ns()}"
    with lab.NewSessions("alice") as new, lab.login("alice") as t:
        t.command("stty -echo -icanon; echo quiet", r"quiet\r\n")
        time.sleep(0.3)
        for c in word:
            t.type(c)
            time.sleep(0.01)
        t.type("\x15")
        time.sleep(1)     # the recorder has handed all of it on
        equal(memory_with(word, DAEMONS), [], "memory of daemons while the session lives")
        for pid in lab.pids("itm-recorder"):
            with open(f"/proc/{pid}/limits") as f:
                check(any(re.match(r"Max core file size +0 +0 ", x) for x in f), "a recorder may leave a core dump")
        t.type("\rstty sane\rexit\r")
        t.end()
    session = new.wait()[0]["session"]
    text, _ = opened(session, *KEY)
    check(word in text, "the word was not even typed")
    equal(places_with(word, begun), [], "files that hold what was typed")
    equal(memory_with(word, DAEMONS + ["itm-recorder"]), [], "memory after the session")
    for options in ([], ["--spool", lab.SPOOL]):
        text, events = opened(session, *options)
        equal(text, "", "what is shown without a key")
        check(any(e["kind"] == "in" for e in events), "that something was typed does not show")
        # Times run on: what is typed after something shown has at least that one's time.
        for before, e in zip(events, events[1:]):
            check(e["kind"] != "in" or e["time"] == before["time"] or round(e["time"] * 1000) % 100 == 0, f"finer than 100 ms: {e}")
    check(not lab.listed(itm("search", word, "--json", status=None)), "itm search finds it")


def test_minisign_checks_a_key_list():
    if shutil.which("minisign") is None:
        raise lab.Skip("minisign is not installed")
    argv = ["minisign", "-V", "-p", "/etc/itm/officer.pub", "-m", "/etc/itm/keylist"]
    equal(run(argv).returncode, 0, "minisign -V")
    with open(f"{lab.LAB}/text", "w") as f:
        f.write("of an officer\n")
    itm("key", "sign", "--key", f"{DEMO}/officer.key", f"{lab.LAB}/text")
    itm("key", "verify", f"{lab.LAB}/text")
    equal(run(argv[:-1] + [f"{lab.LAB}/text"]).returncode, 0, "minisign -V of a file")


def test_openings_need_key_reason_and_log():
    session = typed_session("true opening")
    done = run(["itm", "export", session, "--key", f"{DEMO}/auditor.key"])
    equal((done.returncode, done.stdout), (64, b""), "without a reason")
    done = run(["itm", "export", session, "--key", f"{DEMO}/officer.key", "--reason", "x"])
    check(done.returncode != 0 and not done.stdout, "an officer's key opened")
    run(["itm", "key", "generate", "auditor", f"{lab.LAB}/stranger"])
    done = run(["itm", "export", session, "--key", f"{lab.LAB}/stranger.key", "--reason", "x"])
    equal((done.returncode, done.stdout), (77, b""), "with a stranger's key")
    check(b"auditor" in done.stderr, "who could open is not said")
    lab.DAEMONS.stop("itm-server")
    try:
        done = run(["itm", "export", session, *KEY])
        equal((done.returncode, done.stdout), (69, b""), "without a server to log it")
    finally:
        lab.DAEMONS.start("itm-server")
        lab.DAEMONS.ready()
    opened(session, *KEY)


def test_a_second_person_must_approve_where_policy_says_so():
    session = typed_session("true second")
    folder = f"{lab.LAB}/approvals"
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o777)
    for name in ("boss", "other"):
        run(["itm", "key", "generate", "officer", f"{folder}/{name}"])
        os.chown(f"{folder}/{name}.key", 65534, 65534)
    with open(f"{folder}/boss.pub") as f:
        word = f.read().split("\n")[1]

    def approvers(name):
        with open(f"{folder}/approvers", "w") as f:
            f.write(f"{name} {word}\n")
    approvers("boss")
    config = "/etc/itm/server.conf.d/two.conf"
    os.makedirs(os.path.dirname(config), exist_ok=True)
    with open(config, "w") as f:
        f.write(f"approvers = {folder}/approvers\n")
    request = f"{folder}/{session[:8]}.request"
    again = ["itm", "export", session, *KEY, "--approval", request]
    try:
        done = run(["itm", "export", session, *KEY], cwd=folder)
        equal((done.returncode, done.stdout), (77, b""), "without approval")
        check(os.path.exists(request), "no request was written")
        equal(run(again).returncode, 77, "before anybody signed")
        os.chmod(f"{folder}/other.key", 0o600)
        own = run(["itm", "approve", "--key", f"{folder}/boss.key", request])
        equal(own.returncode, 77, "approving one's own request")
        nobody = {"user": 65534, "group": 65534}
        equal(run(["itm", "approve", "--key", f"{folder}/other.key", request], **nobody).returncode, 0, "signing by another")
        equal(run(again).returncode, 77, "with a stranger's approval")
        equal(run(["itm", "approve", "--key", f"{folder}/boss.key", request], **nobody).returncode, 0, "signing by the approver")
        changed = [x if x != "a test of openings" else "another reason" for x in again]
        equal(run(changed).returncode, 77, "for another reason")
        approvers("auditor")
        equal(run(again).returncode, 77, "with an approval by the auditor himself")
        approvers("boss")
        done = run(again)
        equal(done.returncode, 0, f"with approval: {done.stderr}")
    finally:
        os.unlink(config)


def test_a_destroyed_key_is_logged_first_and_then_gone():
    path = f"{lab.LAB}/leaving"
    run(["itm", "key", "generate", "auditor", path])
    still = run(["itm", "key", "destroy", f"{DEMO}/auditor.key", "--reason", "x"])
    check(still.returncode == 65 and b"still seals" in still.stderr, f"a key in use: {still.stderr!r}")
    equal(run(["itm", "key", "destroy", f"{path}.key"]).returncode, 64, "without a reason")
    number = re.search(r"hold (\d+)", itm("hold", "--user", "nobody", "--reason", "case 15"))[1]
    held = run(["itm", "key", "destroy", f"{path}.key", "--reason", "period over"])
    check(held.returncode == 77 and b"hold" in held.stderr and os.path.exists(f"{path}.key"), f"while held: {held.stderr!r}")
    itm("hold", "--release", number, "--reason", "case closed")
    itm("key", "destroy", f"{path}.key", "--reason", "period over")
    check(not os.path.exists(f"{path}.key"), "the key is still there")
    acts = json.loads(itm("acts", "--json", "--verb", "destroy-key"))
    with open(f"{path}.pub", encoding="ascii") as f:
        word = f.read().split("\n")[1]
    equal([(a["reason"], word in a["detail"]) for a in acts], [("period over", True)], "in the log")


def test_an_older_or_forged_key_list_is_refused():
    for name in ("keylist", "keylist.minisig"):
        with open(f"/etc/itm/{name}", "rb") as f, open(f"{lab.LAB}/{name}.old", "wb") as copy:
            copy.write(f.read())
    run(["itm", "key", "generate", "auditor", f"{lab.LAB}/second"])
    itm("key", "add", "--key", f"{DEMO}/officer.key", "--group", "council", "second", f"{lab.LAB}/second.pub")
    both = ["--key", f"{DEMO}/auditor.key,{lab.LAB}/second.key", "--reason", "both"]
    try:
        session = typed_session("true both")
        done = run(["itm", "export", session, *KEY])
        equal((done.returncode, done.stdout), (77, b""), "one key of two groups")
        equal(opened(session, *both)[0], "true both\rexit\r", "with a key of each group")
        for name in ("keylist", "keylist.minisig"):
            run(["cp", f"{lab.LAB}/{name}.old", f"/etc/itm/{name}"])
        session = typed_session("true older")
        equal(opened(session, *both)[0], "true older\rexit\r", "the last good list stays")
        with open("/etc/itm/keylist", "a") as f:
            f.write("auditor audit mallory RWQ\n")
        session = typed_session("true forged")
        equal(opened(session, *both)[0], "true forged\rexit\r", "the last good list stays when one is forged")
        lab.wait_for("the refusals", 10, lambda: itm("events", "--json").count("keylist-refused") >= 2)
    finally:
        for name in ("keylist", "keylist.minisig"):
            run(["cp", f"/var/lib/itm/{name}", f"/etc/itm/{name}"])
        itm("key", "remove", "--key", f"{DEMO}/officer.key", "second")
