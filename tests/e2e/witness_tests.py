"""The central log seen from outside: the witness cosigns it, a host refuses a
server that was rolled back, and a spool gives up what the log has."""
import contextlib
import glob
import json
import os
import re
import shutil

import lab
from lab import (DAEMONS, INDEX, LAB, SPOOL, STORE, NewSessions, check, copy_still, equal, itm, listed, login, run, transcript,
                 verify, wait_for)

KEYS = "/etc/itm/keys"
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def record(word, user="alice", more=""):
    with NewSessions(user) as new, login(user) as terminal:
        terminal.command(f"echo {word[:4]}''{word[4:]}", word)
        if more:
            terminal.command(more, "did more", 60)
        terminal.type("exit\r")
        terminal.end()
    return new.wait(1, 30)[0]["session"]


def anchored(session):
    wait_for("the session in the log", 30, lambda: verify(session)[0] == 0, 0.3)


def host_key():
    """The host's key from its enrolment, as a key file."""
    path = f"{LAB}/enrolled.public"
    with open(glob.glob(f"{STORE}/hosts/*")[0], encoding="utf-8") as entry, open(path, "w", encoding="utf-8") as f:
        f.write(f"itm-public-key ed25519 {re.search('identity = ([0-9a-f]{64})', entry.read())[1]}\n")
    return path


def witness(*arguments):
    done = run(["itm", "witness", *arguments, "--json"])
    said = done.stdout.decode().strip()
    return done.returncode, json.loads(said)["outcome"] if said.startswith("{") else done.stderr.decode()


def demanded(what, key, *more):
    done = run(["itm", "verify", "--witness", key, *more, what])
    return done.returncode, (done.stdout + done.stderr).decode()


def told():
    """Words of the log's events in the host's own spool."""
    return [e["event"] for e in listed(itm("events", "--json", "--limit", "10000", "--spool", SPOOL)) if e["event"].startswith("log-")]


def test_a_witness_cosigns_what_goes_on_and_nothing_else():
    home, copy = f"{LAB}/witness", f"{LAB}/copy"
    key, log = f"{home}/witness.public", f"{STORE}/log"
    session = record("witness4711")
    anchored(session)
    equal(witness("once", "--dir", home)[0], 78, "a witness that was not made")
    made = itm("witness", "init", "--dir", home, "--name", "witness.lab", "--log-key", f"{KEYS}/log.public")
    check(made.startswith("witness.lab+"), made)
    code, words = demanded(session, key)
    check(code == 14 and "witness.lab" in words, f"before it cosigned: exit {code}: {words}")
    equal(witness("once", "--dir", home), (0, "cosigned"), "first look")
    code, words = demanded(session, key, "--explain")
    equal(code, 0, f"after it cosigned: {words}")
    check("witness witness.lab saw the log" in words, words)
    bundle = f"{LAB}/witnessed.tar"
    itm("export", session, "--format", "bundle", "--output", bundle)
    code, words = demanded(bundle, key, "--log-key", f"{KEYS}/log.public", "--identity", host_key())
    equal(code, 0, f"bundle: {words}")
    # What the log grows by is cosigned too; an old copy is not.
    copy_still(log, copy)
    anchored(record("witness4712"))
    equal(witness("once", "--dir", home), (0, "cosigned"), "second look")
    equal(witness("once", "--dir", home, "--from", copy), (17, "went-back"), "an old copy")
    check(demanded(session, key)[0] == 0, "after growth")
    # ingestd attaches it while the checkpoint is the same.
    def attached():
        witness("once", "--dir", home)
        with open(f"{log}/checkpoint", encoding="utf-8") as f:
            return "witness.lab" in f.read()
    wait_for("the cosignature at the checkpoint", 30, attached, 0.5)
    with open(f"{copy}/checkpoint", "r+b") as f:
        damaged = bytearray(f.read())
        damaged[-8] ^= 1
        f.seek(0)
        f.write(damaged)
    equal(witness("once", "--dir", home, "--from", copy)[0], 16, "another signature")
    itm("witness", "init", "--dir", f"{home}2", "--name", "other.lab", "--log-key", f"{KEYS}/log.public")
    code, words = demanded(session, f"{home}2/witness.public")
    equal(code, 14, f"another witness: {words}")
    os.unlink(f"{home}/last")
    code, words = witness("once", "--dir", home)
    check(code == 78 and "nothing can be cosigned" in words, f"without its past: exit {code}: {words}")


test_a_witness_cosigns_what_goes_on_and_nothing_else.limit_s = 150


AUTHORITY = """
[req]
distinguished_name = name
x509_extensions = extensions
[name]
[extensions]
basicConstraints = CA:TRUE
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = one
[one]
serial = serial
signer_cert = ca.pem
signer_key = key.pem
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
ess_cert_id_alg = sha256
"""


def openssl(home, *arguments):
    done = run(["openssl", *arguments], cwd=home)
    equal(done.returncode, 0, f"openssl {arguments[0]}: {done.stderr.decode(errors='replace')}")


def authority(home):
    """A time-stamping authority of our own; its CA certificate."""
    os.makedirs(home)
    for name, text in (("tsa.cnf", AUTHORITY), ("serial", "01\n")):
        with open(f"{home}/{name}", "w", encoding="ascii") as f:
            f.write(text)
    openssl(home, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-config", "tsa.cnf", "-keyout", "key.pem", "-out", "ca.pem",
            "-days", "30", "-subj", "/CN=authority")
    return f"{home}/ca.pem"


def test_an_authority_stamps_the_log_and_a_bundle_takes_it_along():
    home, bundle = f"{LAB}/authority", f"{LAB}/stamped.tar"
    ca, other = authority(home), authority(f"{home}2")
    session = record("stamped4711")
    anchored(session)
    refused = run(["itm", "timestamp", "keep", "--tsa-ca", ca, "/dev/null"])
    check(refused.returncode == 66 and b"query' first" in refused.stderr, f"without a query: {refused.stderr!r}")
    equal(run(["itm", "verify", "--tsa-ca", ca, session]).returncode, 14, "before it is stamped")
    itm("timestamp", "query", f"{home}/query")
    openssl(home, "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "response")
    refused = run(["itm", "timestamp", "keep", "--tsa-ca", other, f"{home}/response"])
    check(refused.returncode == 65 and b"does not fit" in refused.stderr, f"another authority's: {refused.stderr!r}")
    check("are stamped" in itm("timestamp", "keep", "--tsa-ca", ca, f"{home}/response"), "not kept")
    equal(len(json.loads(itm("timestamp", "show", "--tsa-ca", ca, "--json"))), 1, "stamps shown")
    anchored(record("stamped4712"))
    done = run(["itm", "verify", "--explain", "--tsa-ca", ca, session])
    check(done.returncode == 0 and b"time-stamping authority" in done.stdout, f"{done.stdout!r} {done.stderr!r}")
    equal(run(["itm", "verify", "--tsa-ca", other, session]).returncode, 14, "under another authority")
    itm("export", session, "--format", "bundle", "--output", bundle)
    keys = ["--log-key", f"{KEYS}/log.public", "--identity", host_key()]
    for authority_ca, want in ((ca, 0), (other, 14)):
        done = run(["itm", "verify", "--tsa-ca", authority_ca, *keys, bundle])
        equal(done.returncode, want, f"the bundle: {done.stdout!r} {done.stderr!r}")
    second = run(["/usr/bin/python3", f"{TOP}/tests/verifier/verify.py", *keys, bundle])
    equal(second.returncode, 0, f"the second verifier: {second.stdout!r} {second.stderr!r}")
    # What its README says: without our programs.
    run(["tar", "-xf", bundle, "-C", home])
    openssl(f"{home}/itm-{session}", "ts", "-verify", "-data", "stamp.checkpoint", "-in", "stamp.tsr", "-CAfile", ca)


test_an_authority_stamps_the_log_and_a_bundle_takes_it_along.limit_s = 120


@contextlib.contextmanager
def server_stopped():
    DAEMONS.stop("itm-server")
    try:
        yield
    finally:
        DAEMONS.start("itm-server")
        DAEMONS.ready()


def swap(here, aside, there):
    """The store and index at `here` go aside, those at `there` take the place."""
    for folder in (STORE, INDEX):
        os.rename(folder + here, folder + aside)
        os.rename(folder + there, folder + here)


def test_a_rolled_back_server_is_noticed_by_the_host_and_the_witness():
    home = f"{LAB}/witness-rolled"
    itm("witness", "init", "--dir", home, "--name", "witness.lab", "--log-key", f"{KEYS}/log.public")
    anchored(record("rolled4711"))
    with server_stopped():
        for folder in (STORE, INDEX):
            run(["cp", "-a", folder, f"{folder}.old"])
    lost = record("rolled4712")
    anchored(lost)
    equal(witness("once", "--dir", home), (0, "cosigned"), "the true log")
    check("log-refused" not in told(), "told before anything happened")
    with server_stopped():
        swap("", ".true", ".old")
    # The host's word, in its own signed record, whatever the server shows.
    wait_for("the host tells it", 60, lambda: "log-refused" in told(), 0.5)
    status = itm("status", "--json", status=None)
    check("went back" in status or "forked" in status, f"status: {status}")
    code, outcome = witness("once", "--dir", home)
    check((code, outcome) in ((17, "went-back"), (15, "forked")), f"the witness: {code} {outcome}")
    during = record("rolled4713")
    wait_for("the session in the spool", 20, lambda: run(["itm", "verify", f"{SPOOL}:{during}"]).returncode in (0, 10, 11), 0.3)
    with server_stopped():
        swap("", ".false", ".true")
    wait_for("the host tells that it goes on", 60, lambda: "log-resumed" in told(), 0.5)
    anchored(lost)
    anchored(during)
    check(verify(SPOOL)[0] in (0, 10, 11, 12), f"the spool: {verify(SPOOL)}")
    equal(witness("once", "--dir", home), (0, "cosigned"), "the true log again")
    for folder in (STORE, INDEX):
        shutil.rmtree(f"{folder}.false")


test_a_rolled_back_server_is_noticed_by_the_host_and_the_witness.limit_s = 300


def test_a_spool_gives_up_what_the_log_has():
    path = "/etc/itm/agent.conf.d/trim.conf"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as f:
        f.write("spool_segment = 64K\nspool_keep = 64K\n")
    sealer = lab.pids("itm-sealer")
    DAEMONS.stop("itm-agentd")
    try:
        DAEMONS.start("itm-agentd")
        DAEMONS.ready()
        first = min(glob.glob(f"{SPOOL}/seg-*.itm"))
        noise = "head -c 300000 /dev/urandom | base64 -w 76; echo did''' more'"
        sessions = [record(f"trim471{i}", more=noise) for i in range(2)]
        for session in sessions:
            anchored(session)
        wait_for("old segments are removed", 60, lambda: not os.path.exists(first), 0.5)
        equal(verify(SPOOL)[0] in (0, 10, 11, 12, 14), True, f"the spool's verdict: {verify(SPOOL)}")
        after = record("trim4719")
        anchored(after)
        check("trim4710" in transcript(sessions[0]), "what left the spool is not on the server")
    finally:
        os.unlink(path)
        DAEMONS.stop("itm-agentd")
        DAEMONS.start("itm-agentd")
        DAEMONS.ready()
    check(sealer != lab.pids("itm-sealer"), "the sealer was not restarted")


test_a_spool_gives_up_what_the_log_has.limit_s = 300
