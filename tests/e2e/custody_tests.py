"""Redaction, deletion and legal hold on the server: the text is gone, the
chain holds, and it is said who did it."""
import contextlib
import glob
import json
import os

from lab import (DAEMONS, INDEX, LAB, STORE, Failure, NewSessions, cast, check, copy_still, equal, itm, leaving, listed, login, run,
                 session_ids, transcript, verify, wait_for)


def record(word, user="alice"):
    with NewSessions(user) as new, login(user) as terminal:
        terminal.command(f"echo {word[:4]}''{word[4:]}", word)
        terminal.type("exit\r")
        terminal.end()
    session = new.wait()[0]["session"]
    wait_for("a sealed session", 15, lambda: verify(session)[0] in (0, 10), 0.3)
    wait_for("its text in the index", 10, lambda: hits(word))
    return session


def hits(word):
    # Not by the whole word: the monitor of processes records these arguments, and that stays.
    return [h for h in listed(itm("search", "--json", f"{word[:-2]}*", status=None)) if word in h.get("line", "")]


def files_with(word, *folders):
    found = []
    for folder in folders:
        for path in glob.glob(f"{folder}/**", recursive=True):
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    if word.encode() in f.read():
                        found.append(path)
    return found


def no_file_has(word, *folders):
    found = []

    def none():
        found[:] = files_with(word, *folders)
        return not found
    try:
        wait_for("the files hold it no more", 20, none)
    except Failure as error:
        raise Failure(f"{error}: {found}") from error


def refused(arguments, status, words):
    done = run(["itm", *arguments])
    said = done.stderr.decode(errors="replace")
    equal(done.returncode, status, f"itm {' '.join(arguments)}: {said}")
    check(words in said, f"itm {' '.join(arguments)}: says {said!r}")


def test_a_redacted_output_is_gone_and_the_chain_holds():
    word = "canaryredacted4711"
    session = record(word)
    other = record("harmless4711", "bob")
    segments = set(os.listdir(f"{STORE}/segments"))
    check(word in transcript(session), "not recorded")
    refused(["redact", session, "--section", "out"], 64, "--reason")
    refused(["redact", session, "--reason", "x"], 64, "--section")
    refused(["redact", "last", "--section", "out", "--reason", "x"], 64, "name the session")
    said = itm("redact", session, "--section", "out", "--reason", "a customer's card number")
    check("redacted" in said and "leaf" in said, said)
    check(word not in transcript(session), "still in the transcript")
    check("[redacted: a customer's card number]" in transcript(session), f"not said: {transcript(session)!r}")
    _, events = cast(session)
    check(not any(word in str(e[2]) for e in events), "still in the cast")
    check(any("[redacted: a customer" in str(e[2]) for e in events), "not said in the cast")
    itm("export", session, "--format", "json", status=None)
    code, words = verify(session)
    equal(code, 13, f"verdict: {words}")
    for what in ("output", "root", "a customer's card number"):
        check(what in words, f"{what!r} is not in {words!r}")
    bundle = f"{LAB}/redacted.tar"
    itm("export", session, "--format", "bundle", "--output", bundle)
    check(word.encode() not in open(bundle, "rb").read(), "the bundle holds it")
    keys = ["--log-key", "/etc/itm/keys/log.public"]
    done = run(["itm", "verify", bundle, *keys])
    check(done.returncode in (13, 14) and b"TAMPERED" not in done.stdout, done.stdout.decode())
    wait_for("the text leaves the index", 10, lambda: not hits(word))
    wait_for("old segments leave", 20, lambda: segments - set(os.listdir(f"{STORE}/segments")) and not leaving())
    no_file_has(word, STORE, INDEX)
    equal(verify(other)[0] in (0, 10), True, "the other session's verdict")
    check("harmless4711" in transcript(other), "the other session cannot be read")
    check(hits("harmless4711"), "the other session is out of the index")
    equal(verify(STORE)[0], 13, "the whole store's verdict")
    again = record("afterwards4711")
    check("afterwards4711" in transcript(again), "recording goes on")


def test_a_hold_wins_and_a_deletion_is_told():
    word = "canarydeleted4712"
    session = record(word)
    itm("hold", "--user", "alice", "--reason", "case 14")
    refused(["delete", session, "--reason", "by mistake"], 77, "hold")
    refused(["redact", session, "--section", "out", "--reason", "x"], 77, "hold")
    standing = json.loads(itm("holds", "--json"))
    equal([(h["kind"], h["value"], h["reason"]) for h in standing], [("user", "alice", "case 14")], "the holds")
    check("alice" in itm("holds"), "the list")
    number = str(standing[0]["number"])
    itm("hold", "--release", number, "--reason", "case closed")
    equal(json.loads(itm("holds", "--json")), [], "the holds after the release")
    released = [h["reason"] for h in json.loads(itm("holds", "--all", "--json"))]
    equal(released.count("case 14"), 1, f"the released hold: {released}")
    itm("delete", session, "--reason", "recorded by mistake")
    wait_for("it leaves the list", 10, lambda: session not in session_ids("alice"))
    wait_for("the text leaves the index", 10, lambda: not hits(word))
    no_file_has(word, STORE, INDEX)
    code, words = verify(session)
    equal(code, 13, f"verdict of the deleted session: {words}")
    check("deleted" in words and "recorded by mistake" in words, words)
    done = run(["itm", "export", session, "--format", "text"])
    said = done.stderr.decode(errors="replace")
    check(done.returncode == 66 and "deleted" in said and "recorded by mistake" in said, f"{done.returncode}: {said}")
    refused(["delete", session, "--reason", "again"], 66, "nothing")
    acts = "".join(open(path).read() for path in glob.glob(f"{STORE}/log/acts/*.act"))
    for verb in ("verb hold", "verb release", "verb delete"):
        check(verb in acts, f"{verb} is not in the log")


def test_a_session_redacted_of_everything_can_still_be_shown():
    session = record("canaryeverything4714", "bob")
    itm("redact", session, "--section", "out", "--reason", "screen\u2028")
    itm("redact", session, "--section", "meta", "--reason", "names")
    for form in ("text", "asciicast", "json"):
        done = run(["itm", "export", session, "--format", form])
        equal(done.returncode, 0, f"{form}: {done.stderr.decode(errors='replace')}")
        check(b"canaryeverything" not in done.stdout, f"{form} shows it")
        check(b"[redacted: " in done.stdout, f"{form} does not say it: {done.stdout!r}")
    equal(verify(session)[0], 13, "verdict")
    wait_for("the index says it", 10, lambda: hits("[redacted: names]") or hits("[redacted: screen"))
    refused(["redact", session, "--section", "meta", "--reason", "again"], 66, "removed already")


def restart_server():
    DAEMONS.stop("itm-server")
    DAEMONS.start("itm-server")
    DAEMONS.ready()


@contextlib.contextmanager
def configured(text):
    """The server with this in server.conf.d."""
    path = "/etc/itm/server.conf.d/custody.conf"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    restart_server()
    try:
        yield
    finally:
        os.unlink(path)
        restart_server()


def test_a_redaction_needs_a_second_person_where_policy_says_so():
    word, folder = "canaryapproved4715", f"{LAB}/custody"
    session = record(word, "bob")
    os.makedirs(folder)
    os.chmod(folder, 0o777)
    for name in ("boss", "stranger"):
        run(["itm", "key", "generate", "officer", f"{folder}/{name}"])
        os.chown(f"{folder}/{name}.key", 65534, 65534)
    with open(f"{folder}/boss.pub", encoding="utf-8") as key, open(f"{folder}/approvers", "w", encoding="utf-8") as f:
        f.write(f"boss {key.read().split(chr(10))[1]}\n")
    request, nobody = f"{folder}/{session[:8]}.request", {"user": 65534, "group": 65534}
    ask = ["redact", session, "--section", "out", "--reason", "a customer's card number"]
    with configured(f"approvers = {folder}/approvers\napproval = redact\n"):
        done = run(["itm", *ask], cwd=folder)
        check(done.returncode == 77 and os.path.exists(request), f"asking: {done.returncode} {done.stderr!r}")
        refused([*ask, "--approval", request], 77, "nobody has approved")
        equal(run(["itm", "approve", "--key", f"{folder}/boss.key", request]).returncode, 77, "one's own request")
        equal(run(["itm", "approve", "--key", f"{folder}/stranger.key", request], **nobody).returncode, 0, "a stranger signs")
        refused([*ask, "--approval", request], 77, "nobody whom")
        signed = run(["itm", "approve", "--key", f"{folder}/boss.key", request], **nobody)
        check(signed.returncode == 0 and b"card number" in signed.stderr, f"the approver: {signed.stderr!r}")
        refused([*ask[:-1], "another reason", "--approval", request], 77, "another reason")
        check(word in transcript(session), "redacted before it was approved")
        check("redacted" in itm(*ask, "--approval", request), "not redacted")
        check(word not in transcript(session), "still in the transcript")
        refused([*ask, "--approval", request], 77, "used already")
        code, words = verify(session)
        check(code == 13 and "approved by boss" in words, f"{code}: {words}")
        acts = json.loads(itm("acts", "--json", "--subject", session))
        check([a["approved"] for a in acts if "approval-signature=" in a["detail"]] == [True], f"not in the act: {acts}")
        check("approved by boss, key" in itm("acts", "--subject", session), "who approved is not told")
        check("does not name" in itm("acts", "--subject", session, "--approvers", "/dev/null"), "approvers of nobody")


def test_a_section_dropped_without_a_record_is_tampering():
    """The owner of the database has the code, but not the log key."""
    session = record("canarytampered4713")
    itm("redact", session, "--section", "out", "--reason", "for the test")
    copy = f"{LAB}/undeclared"
    copy_still(STORE, copy)
    equal(verify(copy)[0], 13, "the copy")
    # The declaration's type becomes one that readers skip.
    for path in glob.glob(f"{copy}/segments/*.itm"):
        with open(path, "rb") as f:
            data = bytearray(f.read())
        at, changed = data.find(b"ITMR"), False
        while at > 0:
            data[at - 12] = 0x07 + 0x10
            data[at - 8 + 4:at] = crc32c(bytes(data[at - 12:at - 4]) + bytes(
                data[at:at + int.from_bytes(data[at - 8:at - 4], "little")])).to_bytes(4, "little")
            changed, at = True, data.find(b"ITMR", at + 4)
        if changed:
            os.chmod(path, 0o640)
            with open(path, "wb") as f:
                f.write(data)
    code, words = verify(copy)
    equal(code, 16, f"without the declarations: {words}")
    check("nobody declared it" in words, words)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


for _test in (test_a_redacted_output_is_gone_and_the_chain_holds, test_a_hold_wins_and_a_deletion_is_told,
              test_a_section_dropped_without_a_record_is_tampering,
              test_a_redaction_needs_a_second_person_where_policy_says_so,
              test_a_session_redacted_of_everything_can_still_be_shown):
    _test.limit_s = 180
