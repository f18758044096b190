#!/usr/bin/python3
"""An export from beginning to end: bundle, officer's signature, tar, sha256sum, minisign, itm verify."""
import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
VECTORS = os.path.join(TOP, "tests/golden/vectors")
ITM = os.path.abspath("cli/itm")
failures = 0


def run(*command, cwd=None):
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    return done.returncode, done.stdout + done.stderr


def expect(want, words, *command, cwd=None):
    global failures
    status, output = run(*command, cwd=cwd)
    if status != want or words not in output:
        failures += 1
        print(f"FAILED: {' '.join(command)}: exit status {status}, not {want} with '{words}':\n{output}")


def export(folder, name):
    spool = os.path.join(VECTORS, "torn")
    listed = run(ITM, "sessions", "--spool", spool, "--json")[1]
    session = listed.split('"session":"')[1][:26]
    expect(0, "minisig", ITM, "export", "--format", "bundle", "-o", name, "--agent-config", f"{folder}/agent.conf",
           "--config", f"{folder}/server.conf", "--spool", spool, "--sign", "officer.key", session, cwd=folder)
    return session


def tamper(path, at=-3000):
    with open(path, "r+b") as f:
        f.seek(at, os.SEEK_END)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 1]))


def main():
    if shutil.which("minisign") is None:
        print("skipped: install minisign")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(f"{VECTORS}/identity.public", folder)
        with open(f"{folder}/agent.conf", "w", encoding="utf-8") as f:
            f.write(f"identity_key = {folder}/identity.secret\nlog_key = {VECTORS}/log.public\n")
        with open(f"{folder}/server.conf", "w", encoding="utf-8") as f:
            f.write(f"run = {folder}\nlog_public = {folder}/none\n")
        expect(0, "officer", ITM, "key", "generate", "officer", "officer", cwd=folder)
        session = export(folder, "a.tar")
        export(folder, "b.tar")
        expect(0, "", "cmp", "a.tar", "b.tar", cwd=folder)
        expect(0, "", "minisign", "-V", "-p", "officer.pub", "-m", "a.tar", cwd=folder)
        expect(0, "", "tar", "-xf", "a.tar", cwd=folder)
        expect(0, "evidence.itm: OK", "sha256sum", "-c", "MANIFEST", cwd=f"{folder}/itm-{session}")
        keys = ["--identity", f"{VECTORS}/identity.public", "--log-key", f"{VECTORS}/log.public"]
        good = run(ITM, "verify", *keys, f"{VECTORS}/bundle.tar")[0]
        expect(good, "", ITM, "verify", *keys, "a.tar", cwd=folder)
        expect(good, "on the officer's word", ITM, "verify", "--explain", "--officer", "officer.pub", "a.tar", cwd=folder)
        expect(14, "UNATTESTED", ITM, "verify", "a.tar", cwd=folder)
        expect(16, "", ITM, "verify", "--identity", f"{VECTORS}/other.public", "--log-key", keys[3], "a.tar", cwd=folder)
        tamper(f"{folder}/a.tar")
        expect(1, "", "minisign", "-V", "-p", "officer.pub", "-m", "a.tar", cwd=folder)
        expect(16, "signature does not fit", ITM, "verify", "--officer", "officer.pub", "a.tar", cwd=folder)
        expect(16, "TAMPERED", ITM, "verify", *keys, "a.tar", cwd=folder)
    print(f"{failures} failures")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
