"""A session as a bundle for a stranger: what is in it and what not, who vouches, and that it was logged."""
import glob
import hashlib
import os
import re

from lab import LAB, STORE, NewSessions, check, equal, itm, login, run, verify, wait_for

IDENTITY, LOG_KEY = f"{LAB}/host.public", "/etc/itm/keys/log.public"
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def two_sessions(mine, theirs):
    """Two at one time; gives the first one's id."""
    with NewSessions("alice") as new:
        with login("alice") as first, login("bob") as second:
            second.command(f"echo {theirs[:4]}''{theirs[4:]}", theirs)
            first.command(f"echo {mine[:4]}''{mine[4:]}", mine)
            for terminal in (first, second):
                terminal.type("exit\r")
                terminal.end()
    session = new.wait()[0]["session"]
    wait_for("its end in the log", 20, lambda: verify(session)[0] == 0, 0.3)
    return session


def verified(path, *options):
    done = run(["itm", "verify", *options, path])
    return done.returncode, done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")


def take_identity():
    """The host's key from its enrolment, as a key file."""
    entry = glob.glob(f"{STORE}/hosts/*")[0]
    with open(entry, encoding="utf-8") as f, open(IDENTITY, "w", encoding="utf-8") as key:
        key.write(f"itm-public-key ed25519 {re.search('identity = ([0-9a-f]{64})', f.read())[1]}\n")


def acts():
    found = ""
    for path in glob.glob(f"{STORE}/log/acts/*.act"):
        with open(path, encoding="utf-8") as f:
            found += f.read()
    return found


def other_key_list(path, data, keys):
    """The bundle with a key list of somebody's own, and MANIFEST to match."""
    at = data.index(b"itm key list 1\n")
    old = data[at:data.index(b"\0", at)]
    new = old.replace(b"demonstration keys", b"demonstration keyz")
    check(new != old, f"{old!r}")
    digests = [hashlib.sha256(x).hexdigest().encode() for x in (old, new)]
    with open(f"{path}.other", "wb") as f:
        f.write(data.replace(old, new).replace(*digests))
    code, words = verified(f"{path}.other", *keys)
    check(code == 16 and "not the key list" in words, f"another key list: {code}: {words}")


def test_a_bundle_is_evidence_for_a_stranger():
    mine, theirs, path = "minecanary4712", "theircanary4712", f"{LAB}/case.tar"
    session = two_sessions(mine, theirs)
    run(["itm", "key", "generate", "officer", f"{LAB}/officer"])
    exports = acts().count("verb export")
    itm("export", session, "--format", "bundle", "-o", path, "--reason", "case 4712", "--sign", f"{LAB}/officer.key")
    check("verb export" in acts() and "case 4712" in acts() and session in acts(), f"not in the log: {acts()!r}")
    with open(path, "rb") as f:
        data = f.read()
    check(mine.encode() in data, "its own text is not in the transcript")
    check(theirs.encode() not in data, "another session's text is in it")
    take_identity()
    keys = ["--identity", IDENTITY, "--log-key", LOG_KEY]
    want, words = verify(session)
    code, words = verified(path, *keys, "--explain")
    equal(code, want, f"verdict of the bundle: {words}")
    check("What is not proved" in words and "DEMONSTRATION KEYS" in words, words)
    check("signed by an officer nobody gave" in words, f"its key list: {words}")
    equal(verified(path)[0], 14, "verdict on the bundle's own keys")
    code, words = verified(path, "--officer", f"{LAB}/officer.pub", "--explain")
    check(code == want and "has NOT signed" in words, f"on the word of an officer who did not sign the key list: {code}: {words}")
    itm("key", "sign", path, "--key", "/etc/itm/demonstration/officer.key")
    code, words = verified(path, "--officer", "/etc/itm/officer.pub", "--explain")
    check(code == want and "and the officer given has signed:" in words, f"on the word of the one who did: {code}: {words}")
    other_key_list(path, data, keys)
    itm("key", "sign", path, "--key", f"{LAB}/officer.key")
    second = run(["/usr/bin/python3", f"{TOP}/tests/verifier/verify.py", *keys, path])
    equal(second.returncode, want, f"the second verifier: {second.stdout!r} {second.stderr!r}")
    equal(run(["minisign", "-V", "-p", f"{LAB}/officer.pub", "-m", path]).returncode, 0, "minisign")
    refused = run(["itm", "export", session, "--format", "bundle", "-o", path])
    check(refused.returncode != 0 and b"is there already" in refused.stderr, f"{refused.stderr!r}")
    equal(acts().count("verb export"), exports + 1, "exports in the log")
    at = data.rindex(b"evidence.itm") - len(data)  # MANIFEST, so step into the record before it
    with open(path, "r+b") as f:
        f.seek(at - 4000, os.SEEK_END)
        byte = f.read(1)[0]
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte ^ 1]))
    equal(verified(path, *keys)[0], 16, "verdict of a damaged bundle")


def test_an_import_is_in_the_log_and_never_in_the_store():
    word, path, into = "importcanary4712", f"{LAB}/foreign.cast", f"{LAB}/imports"
    with open(path, "w", encoding="utf-8") as f:
        f.write('{"version":2,"width":80,"height":24,"timestamp":1795473231}\n[0.1,"o","' + word + '\\r\\n"]\n')
    session = itm("import", "-o", into, "--reason", "case 4713", path).split()[0]
    told = acts()
    check("verb import" in told and session in told and "case 4713" in told and "detail sha256 " in told, f"not in the log: {told!r}")
    check(word in itm("export", "--spool", into, "-f", "text", session), "it does not show what was recorded")
    code, words = verified(into)
    equal(code, 11, f"verdict of an import: {words}")
    check(session not in itm("sessions", "--all", "--json"), "the import stands among the server's sessions")
    with open(path, "a", encoding="utf-8") as f:
        f.write("broken\n")
    itm("import", "-o", into + "2", path, status=65)
    equal(acts().count("verb import"), 1, "a refused import in the log")
