#!/usr/bin/env python3
"""Cuts the power under the sealer's spool and the server's store.

usage: powercut.py BUILD [--points N] [--seed N] [CASE...]     (see run)

The real daemons write to a real ext4 on a loop device on a disk that remembers
its writes in order (disk.c).  A moment of that log is a power cut: what was
flushed before it is there, of the rest a random part; and a rename whose
directory was not synced may be undone.  For each moment the disk is made, mounted, our daemons are started on it, and everything that had
been acknowledged by then must be there, whole, without a hand's help.

Then the same with one step of durability taken away (mutant.c): at least 95 of
100 trials of ten moments must notice.
"""
import argparse
import concurrent.futures
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ENTRY = struct.Struct("=IIQ")
BLOCK, SECTOR = 4096, 512
NOBODY = 65534
DISK_BYTES = 48 << 20
ROUND = 200           # power cuts of one workload
TRIAL = 10            # power cuts of one trial of a mutant
MUTANT_CUTS = 10 * TRIAL
CAUGHT = 0.95


def run(*words, **more):
    return subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, **more)


def wait_for(what, seconds, ready):
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            raise RuntimeError(f"waited {seconds} s for {what}")
        time.sleep(0.005)


class Disk:
    """A file system whose writes are logged, then its moments."""

    def __init__(self, build, folder, journal):
        self.folder, self.journal = folder, journal
        self.base, self.file = f"{folder}/disk.base", f"{folder}/disk"
        self.log, self.crashed = f"{folder}/disk.log", f"{folder}/disk.crashed"
        with open(self.base, "wb") as f:
            f.truncate(DISK_BYTES)
        kind = ["-t", "ext4"] if journal else ["-t", "ext4", "-O", "^has_journal"]
        run("mkfs.ext4", "-q", "-F", "-b", str(BLOCK), "-E", "lazy_itable_init=0,nodiscard", *kind, self.base)
        shutil.copyfile(self.base, f"{self.base}.first")
        open(self.file, "w").close()
        open(self.log, "w").close()
        os.chmod(self.log, 0o666)
        self.server = subprocess.Popen([f"{build}/tests/powercut/disk", self.base, self.file, self.log])
        wait_for("the disk", 10, lambda: os.path.getsize(self.file) == DISK_BYTES)

    def mount(self, place):
        run("mount", "-o", "loop", self.file, place)

    def stop(self, place):
        """The log up to now; then the rest is let go."""
        size = os.path.getsize(self.log)
        with open(self.log, "rb") as f:
            self.data = f.read(size)
        run("umount", place)
        wait_for("the loop device", 10, lambda: self.file not in self.loops())
        run("umount", self.file)
        self.server.wait(10)
        self.read_log()

    @staticmethod
    def loops():
        return subprocess.run(["losetup", "-l", "-n", "-O", "BACK-FILE"], capture_output=True, text=True).stdout

    def read_log(self):
        self.entries, at = [], 0
        while at + ENTRY.size <= len(self.data):
            kind, size, offset = ENTRY.unpack_from(self.data, at)
            at += ENTRY.size
            self.entries.append((chr(kind), offset, at, size))
            at += size
        self.marks = [i for i, e in enumerate(self.entries) if e[0] == "M"]

    def describe(self):
        kinds = [e[0] for e in self.entries]
        return f"{kinds.count('W')} writes, {kinds.count('F')} flushes, {len(self.marks)} acknowledgements"

    def acknowledged(self, moment):
        return [self.data[at:at + size].decode() for kind, _, at, size in self.entries[:moment + 1] if kind == "M"]

    def moments(self, chance, count):
        """Moments in rising order, each with the disk as the cut left it."""
        if not self.marks:
            raise RuntimeError("nothing was acknowledged")
        image, done = bytearray(open(f"{self.base}.first", "rb").read()), 0
        first, last = self.marks[0], len(self.entries) - 1
        for moment in sorted(chance.randint(first, last) for _ in range(count)):
            flush = max((i for i in range(done, moment + 1) if self.entries[i][0] == "F"), default=done - 1)
            for kind, offset, at, size in self.entries[done:flush + 1]:
                if kind == "W":
                    image[offset:offset + size] = self.data[at:at + size]
            done = flush + 1
            with open(self.crashed, "wb") as f:
                f.write(self.lose(bytearray(image), chance, done, moment))
            yield moment

    def lose(self, image, chance, start, moment):
        kept, unit = chance.choice([0, 0.5, 0.9]), chance.choice([SECTOR, BLOCK, BLOCK])
        for kind, offset, at, size in self.entries[start:moment + 1]:
            if kind != "W":
                continue
            for piece in range(0, size, unit):
                if chance.random() < kept:
                    end = min(piece + unit, size)
                    image[offset + piece:offset + end] = self.data[at + piece:at + end]
        return image

    def undo_renames(self, chance, moment, place):
        pending = []
        for kind, _, at, size in self.entries[:moment + 1]:
            if kind == "R":
                pending.append(self.data[at:at + size].decode().split("\n"))
            elif kind == "D":
                pending = []
        for old, new in reversed(pending):
            if chance.random() < 0.5 and os.path.exists(f"{place}/{new}"):
                os.rename(f"{place}/{new}", f"{place}/{old}")

    def mount_crashed(self, place):
        if not self.journal:
            # Without a journal somebody must repair; 1 = errors were corrected.
            done = subprocess.run(["e2fsck", "-fy", self.crashed], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if done.returncode > 1:
                raise RuntimeError(f"e2fsck: {done.returncode}")
        run("mount", "-o", "loop", self.crashed, place)


def program(folder, build, name, mutant):
    """The daemon with its names noted, and its mutant; copies, since who gave up root may not reach the build."""
    for built in (name, "tests/powercut/mutant.so"):
        shutil.copy(f"{build}/{built}", folder)
    path = f"{folder}/{name}.watched"
    with open(path, "w") as f:
        f.write(f"#!/bin/sh\nLD_PRELOAD={folder}/mutant.so MUTANT={mutant} NAMES_LOG={folder}/disk.log "
                f"exec {folder}/{name} \"$@\"\n")
    os.chmod(path, 0o755)
    return path


class Spool:
    """Real itm-agentd and itm-sealer; recorders are played by stream_client."""
    users = ["itm-seal", "itm-net", "itm-rec"]

    def __init__(self, build, folder, place, mutant, chance):
        self.build, self.folder, self.place, self.chance = build, folder, place, chance
        os.mkdir(f"{folder}/programs")
        os.symlink(program(folder, build, "itm-sealer", mutant), f"{folder}/programs/itm-sealer")
        os.symlink(f"{build}/tests/crash/stream_client", f"{folder}/programs/itm-brokerd")
        run(f"{build}/tests/crash/make_keys", folder)
        with open(f"{folder}/agent.conf", "w") as f:
            f.write(f"spool = {self.place}\nrun = {folder}/run\nhost_id = {folder}/host-id\n"
                    f"identity_key = {folder}/identity.secret\nlog_key = {folder}/log.public\n"
                    f"nss_users = {folder}/users\nblock_interval = 1s\n")

    def start(self):
        shutil.rmtree(f"{self.folder}/run", ignore_errors=True)
        self.said = open(f"{self.folder}/log", "a")
        self.agent = subprocess.Popen([f"{self.build}/itm-agentd", "--config", f"{self.folder}/agent.conf", "--programs",
                                       f"{self.folder}/programs"], stdout=self.said, stderr=self.said)
        wait_for("the sealer", 10, lambda: self.agent.poll() is not None or self.ready())
        return self.agent.poll() is None

    def status(self):
        try:
            return dict(line.strip().split("=", 1) for line in open(f"{self.folder}/run/agentd/status") if "=" in line)
        except FileNotFoundError:
            return {}

    def ready(self):
        status = self.status()
        return status.get("sealer.state") == "ready" and status.get("broker.state") == "ready"

    def work(self):
        """Four streams; each new sealer begins a new segment."""
        if not self.start():
            raise RuntimeError("itm-agentd ended")
        for _ in range(6):
            time.sleep(self.chance.uniform(0.3, 1.0))
            pid = self.status().get("sealer.pid")
            os.kill(int(pid), signal.SIGKILL)
            wait_for("the next sealer", 10, lambda: self.status().get("sealer.pid") != pid and self.ready())
        time.sleep(1)

    def cut(self):
        self.end(signal.SIGKILL)

    def end(self, how):
        # The sealer outlives a killed supervisor, by design.
        pids = [v for k, v in self.status().items() if k.endswith(".pid") and v not in ("", "0")]
        self.agent.send_signal(how)
        self.agent.wait(30)
        if how == signal.SIGKILL:
            for pid in pids:
                try:
                    os.kill(int(pid), how)
                except ProcessLookupError:
                    pass
        wait_for("the daemons' end", 10, lambda: not any(os.path.exists(f"/proc/{p}/exe") and self.uses(p) for p in pids))
        self.said.close()

    @staticmethod
    def uses(pid):
        try:
            return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def check(self, marks):
        last = {}
        for line in marks:
            stream, frame, ended = line.split()
            last[stream] = (int(frame), ended)
        if not self.start():
            return "itm-agentd does not start again"
        self.end(signal.SIGTERM)
        with open(f"{self.folder}/acked", "a") as f:
            f.writelines(f"{stream} {frame} {ended}\n" for stream, (frame, ended) in last.items())
        done = subprocess.run([f"{self.build}/tests/crash/spool_check", self.place, f"{self.folder}/identity.public",
                               f"{self.folder}/acked"], capture_output=True, text=True)
        return None if done.returncode == 0 else done.stdout.strip().replace("\n", "; ")

    def close(self):
        pass


class Store:
    """Real itm-ingestd; the hosts are ingest_crash's."""

    def __init__(self, build, folder, place, mutant, chance):
        self.folder, self.place = folder, place
        self.host = subprocess.Popen([f"{build}/tests/crash/ingest_crash", program(folder, build, "itm-ingestd", mutant), "3",
                                      "400"], env=dict(os.environ, POWERCUT=folder), stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=open(f"{folder}/log", "w"), text=True)

    def say(self, line):
        try:
            print(line, file=self.host.stdin, flush=True)
        except BrokenPipeError:
            pass  # said below
        while (answer := self.host.stdout.readline().strip()) not in ("done", "failed"):
            if not answer and self.host.poll() is not None:
                raise RuntimeError(f"ingest_crash ended: {open(f'{self.folder}/log').read()[-500:]}")
        return answer

    def work(self):
        self.say(f"feed {self.folder}/disk.log")

    def cut(self):
        pass

    def check(self, marks):
        os.truncate(f"{self.folder}/log", 0)
        if self.say(f"check {max(map(int, marks))}") == "done":
            return None
        words = open(f"{self.folder}/log").read().replace("\0", "").strip().split("\n")
        return "; ".join([w for w in words if w.startswith("FAILED")] or words[-3:])

    def close(self):
        self.host.kill()
        self.host.wait(10)


def make_users(folder):
    passwd, group = open("/etc/passwd").read(), open("/etc/group").read()
    if "itm-spool:" not in group:
        group += "itm-spool:x:64990:itm-seal,itm-net\n"
    for number, name in enumerate(Spool.users, 64991):
        if f"\n{name}:" not in passwd:
            passwd += f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"
            group += f"{name}:x:{number}:\n"
    for name, text in (("passwd", passwd), ("group", group)):
        with open(f"{folder}/{name}", "w") as f:
            f.write(text)
        run("mount", "--bind", f"{folder}/{name}", f"/etc/{name}")


def record(build, folder, part, mutant, journal, chance):
    """One run of the workload on a disk with a log."""
    os.mkdir(folder, 0o755)
    disk = Disk(build, folder, journal)
    place = f"{folder}/data"
    os.mkdir(place)
    disk.mount(place)
    if part is Store:
        os.chown(place, NOBODY, NOBODY)
        os.chown(folder, NOBODY, NOBODY)
        os.rmdir(f"{place}/lost+found")
        os.symlink(place, f"{folder}/store")
    work = part(build, folder, place, mutant, chance)
    try:
        work.work()
    finally:
        work.cut()
        disk.stop(work.place)
    return disk, work


def try_moment(disk, work, chance, moment):
    """What was wrong; None = nothing."""
    try:
        disk.mount_crashed(work.place)
        disk.undo_renames(chance, moment, work.place)
    except (RuntimeError, subprocess.CalledProcessError) as e:
        return f"the file system does not mount: {e}"
    try:
        return work.check(disk.acknowledged(moment))
    except RuntimeError as e:
        return str(e)
    finally:
        run("umount", work.place)


CASES = {
    # name: part, mutant, with a journal, share of the power cuts
    "spool": (Spool, None, True, 0.4),
    "store": (Store, None, True, 0.4),
    "spool, no journal": (Spool, None, False, 0.2),
    "spool without fdatasync": (Spool, "fdatasync", True, 0),
    "spool without directory fsync": (Spool, "directory", True, 0),
    "store without fsync of segments": (Store, "segment", True, 0),
    "store with synchronous=NORMAL": (Store, "normal", True, 0),
}


class Case:
    """Rounds of one line of CASES, and what came of them."""

    def __init__(self, build, folder, name, seed):
        self.build, self.name, self.seed = build, name, seed
        self.folder = f"{folder}/{name.replace(' ', '-').replace(',', '')}"
        self.part, self.mutant, self.journal, _ = CASES[name]
        self.cuts = self.bad = self.trials = self.noticed = 0
        self.lines = []

    def round(self, number, cuts):
        """A workload on a new disk, then so many power cuts of it."""
        chance = random.Random(f"{self.seed} {self.name} {number}")
        begun = time.monotonic()
        disk, work = record(self.build, f"{self.folder}-{number}", self.part, self.mutant, self.journal, chance)
        os.rename(disk.log, f"{disk.log}.read")
        try:
            for at, moment in enumerate(disk.moments(chance, cuts)):
                self.one_cut(at, disk, work, chance, moment)
        finally:
            work.close()
        if number == 0:
            self.lines.insert(0, f"# {self.name}: {disk.describe()}; {cuts} moments in {time.monotonic() - begun:.0f} s")
        shutil.rmtree(f"{self.folder}-{number}")

    def one_cut(self, at, disk, work, chance, moment):
        if self.mutant is not None and at % TRIAL == 0:
            self.trials += 1
        elif self.mutant is not None and self.noticed == self.trials:
            return
        wrong = try_moment(disk, work, chance, moment)
        self.cuts += 1
        if wrong is None:
            return
        self.bad += 1
        self.noticed += self.mutant is not None
        if len(self.lines) < (1 if self.mutant else 5):
            self.lines.append(f"# moment {moment}: {wrong[:300]}")

    def good(self):
        if self.mutant is not None:
            return self.noticed >= CAUGHT * self.trials > 0
        return self.cuts > 0 and self.bad == 0

    def words(self):
        if self.mutant is None:
            return f"{self.name}: {self.cuts} power cuts, {self.bad} with loss or damage"
        return (f"{self.name}: noticed in {self.noticed} of {self.trials} trials of up to {TRIAL} power cuts "
                f"({100 * self.noticed / max(self.trials, 1):.0f} %), at {self.bad} of {self.cuts} cuts")


def run_case(case, cuts):
    try:
        for number, begin in enumerate(range(0, cuts, ROUND)):
            case.round(number, min(ROUND, cuts - begin))
        return case.good()
    except Exception as e:  # the other cases still say what they know
        case.lines.append(f"# {type(e).__name__}: {e}")
        return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--points", type=int, default=200, help="power cuts of the real daemons")
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(1 << 32)))
    parser.add_argument("case", nargs="*")
    o = parser.parse_intermixed_args()
    folder = "/mnt"
    run("mount", "-t", "tmpfs", "-o", "mode=755", "powercut", folder)  # gone with the namespace
    make_users(folder)
    names = [n for n in CASES if not o.case or any(c in n for c in o.case)]
    print(f"# seed {o.seed}\n1..{len(names)}")
    cases = [Case(o.build, folder, name, o.seed) for name in names]
    failed = 0
    # The daemons wait for their disks and timers most of the time.
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(run_case, c, MUTANT_CUTS if c.mutant else int(o.points * CASES[c.name][3])) for c in cases]
        for number, (case, job) in enumerate(zip(cases, jobs), 1):
            good = job.result()
            print(*case.lines, f"{'ok' if good else 'not ok'} {number} - {case.words()}", sep="\n", flush=True)
            failed += not good
    sys.exit(1 if failed else 0)


main()
