#!/usr/bin/env python3
"""Measures what recorded sessions cost on disk: KB (1024 bytes) an hour, of
ITM's blocks and chunks and of its neighbours' formats.

The sessions are gzipped asciicast v2 files with "o" and "i" events.  ITM's
part is made by tests/bench/stored: the real sealer, in simulated time.  The
neighbours' are made by format from the same events, each whole file
compressed the way that program does it, or with gzip -9 where it does not.
"""
import argparse
import glob
import gzip
import json
import os
import random
import subprocess
import sys

OUT, IN, META = 0, 1, 6
INTERVALS_MS = (5000, 10000)
METADATA = (
    "v=1\nhost=0123456789abcdefghjkmnpqrs\nhostname=web-17.example.org\nlogin_id=0123456789abcdefghjkmnpqrs\nuser=alice\n"
    "uid=1000\nservice=sshd\nrhost=192.0.2.17\ntty=/dev/pts/3\nmode=pty\nshell=/bin/bash\nargv=-bash\n"
    "ssh_connection=192.0.2.17 50022 192.0.2.4 22\nssh_auth=publickey ssh-ed25519 SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG\n"
    "loginuid=1000\naudit_session=17\nterm=xterm-256color\ncolumns=120\nrows=40\npam=yes\nkeystrokes=sealed\n").encode()


class Session:
    def __init__(self, path):
        self.name = os.path.basename(path).removesuffix(".cast.gz")
        with gzip.open(path, "rt", encoding="utf-8") as f:
            self.lines = f.read().splitlines()
        self.header = json.loads(self.lines[0])
        self.events = [json.loads(line) for line in self.lines[1:]]
        self.hours = self.events[-1][0] / 3600

    def per_hour(self, size):
        return size / 1024 / self.hours

    def bytes_of(self, kind):
        return b"".join(data.encode() for _, k, data in self.events if k == kind)


def itm(session, stored, interval_ms, keys):
    """Sealed keystrokes are as many random bytes, in clear for the sealer too."""
    noise = random.Random(1)
    feed = [b"1000 %d %d\n" % (META, len(METADATA)) + METADATA]
    for time_s, kind, data in session.events:
        data = data.encode()
        if kind == "i":
            data = noise.randbytes(len(data))
        if kind == "o" or (kind == "i" and keys):
            feed.append(b"%d %d %d\n" % (1000 + round(time_s * 1000), OUT if kind == "o" else IN, len(data)) + data)
    done = subprocess.run([stored, str(interval_ms)], input=b"".join(feed), capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{session.name}: {done.stderr.decode().strip()}")
    chunks, blocks = (int(word) for word in done.stdout.split()[:2])
    return chunks + blocks


def asciicast(session):
    return len(gzip.compress("\n".join(session.lines).encode(), 9))


def tlog(session):
    """One JSON message for each 2 KiB of payload, as tlog-rec's file writer
    does it: not compressed, for its log is read line by line."""
    size, message, position = 0, {"o": "", "i": "", "timing": ""}, 0.0

    def line():
        return len(json.dumps({
            "ver": "2.3", "host": "web-17.example.org", "rec": "0123456789abcdef0123456789abcdef-4d2-5b1e", "user": "alice",
            "term": "xterm-256color", "session": 17, "id": 1, "pos": round(position * 1000), "time": 1790000000.123,
            "timing": message["timing"], "in_txt": message["i"], "in_bin": [], "out_txt": message["o"], "out_bin": []},
            ensure_ascii=False, separators=(",", ":")).encode()) + 1

    for time_s, kind, data in session.events:
        if kind not in "oi":
            continue
        message["timing"] += f"+{round((time_s - position) * 1000)}{'>' if kind == 'o' else '<'}{len(data)}"
        message[kind] += data
        position = time_s
        if len(message["o"]) + len(message["i"]) >= 2048:
            size += line()
            message = {"o": "", "i": "", "timing": ""}
    return size + line()


def sudo(session):
    """ttyout, ttyin and timing, each its own zlib stream (iolog_dir, compress_io)."""
    timing, position = [], 0.0
    for time_s, kind, data in session.events:
        if kind in "oi":
            timing.append(f"{4 if kind == 'o' else 3} {time_s - position:.9f} {len(data.encode())}\n")
            position = time_s
    return sum(len(gzip.compress(part)) for part in ("".join(timing).encode(), session.bytes_of("o"), session.bytes_of("i")))


def script(session):
    """script --log-out --log-in --log-timing, compressed afterwards."""
    timing, position = [], 0.0
    for time_s, kind, data in session.events:
        if kind in "oi":
            timing.append(f"{kind.upper()} {time_s - position:.6f} {len(data.encode())}\n")
            position = time_s
    return sum(len(gzip.compress(part, 9)) for part in ("".join(timing).encode(), session.bytes_of("o"), session.bytes_of("i")))


def whole(session):
    """The limit: everything shown, in one go, without times, keys or proof."""
    return len(subprocess.run(["zstd", "-19", "-q", "-c"], input=session.bytes_of("o"), capture_output=True, check=True).stdout)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--stored", required=True, help="tests/bench/stored")
    options.add_argument("--sessions", required=True, help="folder of *.cast.gz")
    options.add_argument("--json", default="")
    options = options.parse_args()
    sessions = [Session(path) for path in sorted(glob.glob(os.path.join(options.sessions, "*.cast.gz")))]
    if not sessions:
        print(f"stored: skipped: no sessions in {options.sessions}")
        return 0
    ways = {}
    for interval in INTERVALS_MS:
        for keys in (False, True):
            name = f"ITM, blocks of {interval // 1000} s{', keys' if keys else ''}"
            ways[name] = lambda s, i=interval, k=keys: itm(s, options.stored, i, k)
    ways.update({"asciicast v2, gzip": asciicast, "tlog JSON": tlog, "sudo I/O log, zlib": sudo,
                 "script, gzip": script, "zstd -19 of output": whole})
    rows = {way: {s.name: made(s) for s in sessions} for way, made in ways.items()}
    columns = ["admin", "mix"] + [s.name for s in sessions]
    table = {}
    for way, sizes in rows.items():
        admin = [s for s in sessions if s.name.startswith("admin")]
        table[way] = {s.name: s.per_hour(sizes[s.name]) for s in sessions}
        table[way]["mix"] = sum(sizes.values()) / 1024 / sum(s.hours for s in sessions)
        if admin:
            table[way]["admin"] = sum(table[way][s.name] for s in admin) / len(admin)
    print("KB an hour".ljust(26) + "".join(name[:10].rjust(11) for name in columns))
    for way, row in table.items():
        print(way.ljust(26) + "".join(f"{row.get(name, float('nan')):11.1f}" for name in columns))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as f:
            json.dump(table, f, indent=1)
    return 0


sys.exit(main())
