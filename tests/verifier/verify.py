#!/usr/bin/python3
"""A second verifier of ITM's records, written from doc/FORMAT.md alone, so that two programs must agree.

verify.py [--identity FILE] [--log-key FILE] PATH: prints the verdict and a reason; the exit status is the verdict's.
PATH is a segment or excerpt file, the folder of a spool, or an export bundle."""
import argparse
import base64
import binascii
import hashlib
import os
import re
import struct
import sys

import nacl.exceptions
import nacl.signing
import zstandard

VERDICTS = {"OK": 0, "UNANCHORED": 10, "OPEN-TAIL": 11, "GAP": 12, "REDACTED": 13, "UNATTESTED": 14, "FORK": 15, "TAMPERED": 16}
FRAME, CHUNK, BLOCK, RECEIPT, COUNTERSIGN, TOMBSTONE, REMOVAL, WITHHELD, TORN = 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x8a, 0x07
GENESIS, CLOSE, GAP = 1, 4, 16
END, RESET = 2, 4
CTL, OUT, IN, META, EVT = 1, 2, 3, 4, 5
COLUMN = {0: OUT, 1: IN, 2: OUT, 4: META, 6: META, 7: META, 12: META}
CHUNKS_MAX, PLAIN_MAX, UNIT_MAX, MS = 4096, 262144, 1 << 20, 10**6


class Broken(Exception):
    """The record is TAMPERED from here on."""


class Fork(Exception):
    pass


class CutOff(Exception):
    """A unit is longer than its file."""


def need(condition, words):
    if not condition:
        raise Broken(words)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def signed(key, signature, *parts):
    try:
        nacl.signing.VerifyKey(key).verify(b"".join(parts), signature)
        return True
    except (nacl.exceptions.BadSignatureError, ValueError):
        return False


def zigzag(n):
    return -(n + 1 >> 1) if n & 1 else n >> 1


def crc32c(data, table=[]):
    for n in range(len(table), 256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        need(n <= len(self.data) - self.at, "ends too early")
        self.at += n
        return self.data[self.at - n:self.at]

    def fields(self, layout):
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))

    def byte(self):
        return self.take(1)[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
            need(shift < 70, "varint too long")
        need(value < 1 << 64 and (byte or shift == 7), "varint padded or too large")
        return value

    def rest(self):
        return self.take(len(self.data) - self.at)

    def done(self):
        return self.at == len(self.data)

    def end(self):
        need(self.done(), "bytes left over")


def unit_at(data, at):
    """(type, version, payload, end) of the unit at a place."""
    if len(data) - at < 12:
        raise CutOff
    kind, version, zero, length, crc = struct.unpack_from("<BBHII", data, at)
    need(zero == 0 and length <= UNIT_MAX, "unit is malformed")
    if length > len(data) - at - 12:
        raise CutOff
    payload = data[at + 12:at + 12 + length]
    need(crc32c(data[at:at + 8] + payload) == crc, "CRC32C")
    return kind, version, payload, at + 12 + length


def is_unit(data, at=0):
    try:
        return (FRAME <= data[at] <= TOMBSTONE or data[at] == TORN) and unit_at(data, at) is not None
    except (Broken, CutOff):
        return False


def falsely_cut(rest):
    """Is what a file ends inside no torn unit, but a whole one with a wrong length?"""
    if len(rest) < 12:
        return False
    fixed = rest[:4] + struct.pack("<I", len(rest) - 12)
    return any(is_unit(rest, at) for at in range(1, len(rest) - 11)) or \
        (len(rest) - 12 <= UNIT_MAX and struct.pack("<I", crc32c(fixed + rest[12:])) == rest[8:12] and rest[2:4] == b"\0\0")


class Stream:
    def __init__(self):
        self.chunk = self.frame = self.seen = self.next = self.dictionary = 0
        self.ended, self.removals, self.inflate = False, [], {}


def dictionary_of(kind, found={}):
    """Dictionary 1 for a kind of section."""
    name = "dictionary-1-out.zdict" if kind == OUT else "dictionary-1-ctl.zdict"
    if name not in found:
        here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "format")
        with open(os.path.join(here if os.path.isdir(here) else "/usr/share/itm", name), "rb") as f:
            found[name] = zstandard.ZstdCompressionDict(f.read())
    return found[name]


class Verifier:
    def __init__(self, identity=None, log=None, watched=None):
        self.identity, self.log, self.watched = identity, log, watched
        self.excerpt = self.late = watched is not None  # late: begins after its streams did
        self.verdict, self.words, self.streams, self.recent, self.geneses, self.torn = "OK", "", {}, {}, [], []
        self.digests, self.whole, self.ours = [], True, False  # of the chunks since the last block
        self.host = self.head = self.next_key = self.context = self.key_list = None
        self.started, self.begins_late, self.seen = False, False, (0, None)
        self.blocks = self.sequence = self.flags = self.logged = self.anchored = self.needed = 0

    def find(self, verdict, words):
        if VERDICTS[verdict] > VERDICTS[self.verdict]:
            self.verdict, self.words = verdict, words

    def judged(self, stream):
        return self.watched in (None, stream)

    def stream(self, name):
        return self.streams.setdefault(name, Stream())

    def unit(self, kind, version, payload):
        need(kind not in (FRAME, CHUNK, BLOCK) or version == 1, "unit of an unknown version")
        known = {FRAME: self.frame, CHUNK: self.chunk, BLOCK: self.block, RECEIPT: self.receipt, COUNTERSIGN: self.receipt,
                 TOMBSTONE: self.tombstone, REMOVAL: self.removal, WITHHELD: self.withheld, TORN: self.torn_note}
        need(kind in known or not kind & 0x80, "unit of an unknown type")
        if kind in known:
            known[kind](Reader(payload))

    def frame(self, r):
        name, number, _, flags = r.fields("16sQ16sB")
        s = self.stream(name)
        need(number and not flags & ~1 and number > s.frame and number > s.seen, "frame is malformed or out of place")
        s.seen = number

    def torn_note(self, r):
        segment, offset, _ = r.fields("QQQ")
        r.end()
        self.torn = [t for t in self.torn if t != (segment, offset)]

    # Chunks

    def chunk(self, r):
        form, byte, name = r.fields("BB16s")
        flags, count = byte & 15, byte >> 4
        number, last_frame, boot, wall, duration, dictionary = (r.varint() for _ in range(6))
        boot, wall = boot * MS, zigzag(wall) * MS
        need(form in (1, 2) and number and bool(flags & 1) == (number == 1) and duration < 1 << 32 and count <= 5
             and dictionary <= bool(flags & RESET) and boot < 1 << 64 and abs(wall) < 1 << 63, "chunk is malformed")
        salt = r.take(16) if form == 1 else None
        sections = [self.section(r, salt) for _ in range(count)]
        r.end()
        kinds = [s[0] for s in sections]
        need(kinds == sorted(set(kinds)), "sections out of order")
        need(len(self.digests) < CHUNKS_MAX, "too many chunks")
        s = self.stream(name)
        need(not s.ended, "chunk after the end")
        need(number == s.chunk + 1 or not s.chunk and not (self.excerpt and name == self.watched), "chunk out of place")
        need(last_frame >= s.frame, "frame number runs backwards")
        self.ours |= name == self.watched
        dropped = {kind for kind, codec, *_ in sections if codec == 3}
        if dropped:
            self.removed(s, name, number, dropped)
        if (self.late or not self.started) and not s.chunk and not flags & RESET:
            self.whole = False
            self.digests.append(None)
            return
        need(flags & RESET or s.next == number, "needs the chunk before it")
        if flags & RESET:
            s.inflate, s.dictionary = {}, dictionary
        head, plain = struct.pack("<BBH16sQQQqIIB", 1, 1, flags, name, number, last_frame, boot, wall, duration, 0, count), {}
        for kind, codec, length, own, body in sections:
            if codec != 3:
                plain[kind] = self.inflated(s, kind, codec, length, body)
            head += struct.pack("<BI", kind, length) + (body if codec == 3 else sha256(b"\x10", own, plain[kind]))
        self.digests.append(sha256(b"\x11", head))
        self.events(name, plain, dropped)
        s.chunk, s.frame, s.next, s.ended = number, last_frame, number + 1, bool(flags & END)

    @staticmethod
    def section(r, salt):
        byte, length = r.byte(), r.varint()
        kind, codec = byte & 15, byte >> 4
        need(CTL <= kind <= EVT and codec <= 3 and 0 < length <= PLAIN_MAX, "section is malformed")
        if codec == 3:
            need(salt is None, "a dropped section beside the salt of all")
            return kind, codec, length, b"", r.take(32)
        own = r.take(16) if salt is None else sha256(b"\x1f", salt, bytes([kind]))[:16]
        return kind, codec, length, own, r.take(length if codec == 0 else r.varint())

    @staticmethod
    def inflated(s, kind, codec, length, body):
        if codec == 0:
            return body
        need(codec == 2 or kind in (CTL, OUT), "codec of another kind")
        z = s.inflate.get(kind) if codec == 1 else None
        if z is None:
            words = dictionary_of(kind) if codec == 1 and s.dictionary else None
            z = zstandard.ZstdDecompressor(words, max_window_size=1 << 20).decompressobj()
        if codec == 1:
            s.inflate[kind] = z
        try:
            plain = z.decompress(body)
        except zstandard.ZstdError as error:
            raise Broken("section does not inflate") from error
        need(len(plain) == length and not z.unused_data, "section's length")
        return plain

    def events(self, name, plain, dropped):
        r, time = Reader(plain.get(CTL, b"")), 0
        left = {kind: len(data) for kind, data in plain.items()}
        while not r.done():
            word = r.varint()
            kind, one = word & 15, word >> 4 & 1
            code = 1 if one else r.varint()
            time += word >> 5
            need(time < 1 << 64 and (one or code != 1), "event is malformed")
            column = COLUMN.get(kind)
            if column and column not in dropped:
                left[column] = left.get(column, 0) - code
                need(left[column] >= 0, "event is longer than its column")
            if kind == 13 and self.judged(name):
                self.find("GAP", f"the recorder declares {code} lost bytes")
        need(not any(left.get(kind) for kind in (OUT, IN, META)), "bytes that no event uses")
        named = re.search(rb"(?:^|\n)seal_list=[0-9]+ ([0-9a-f]{64})\n", plain.get(META, b""))
        if named and self.judged(name) and not self.key_list:
            self.key_list = named[1].decode()

    def removal(self, r):
        magic, act, sections, zero, _, host, name, first, last, _ = r.fields("5sBBB16s16s16sQQQ")
        texts = [r.take(*r.fields("H")) for _ in range(3)]
        body = r.data[:r.at]
        key, signature = r.fields("32s64s")
        r.end()
        need(magic == b"ITMR\1" and 1 <= act <= 3 and (act == 1) == (sections != 0) and not sections & ~0x3c and not zero and first
             and last >= first and texts[0] and texts[1], "removal is malformed")
        need(all(len(t) < 512 and not re.search(rb"[\0-\x1f\x7f]", t) for t in texts), "removal's words")
        need(self.log in (None, key) and signed(key, signature, b"\x18", body), "removal is not the log's")
        self.stream(name).removals.append((host, first, last, sections))

    def removed(self, s, name, number, dropped):
        """Sections, or with none the whole chunk, are gone: did the server declare it?"""
        left, found = set(dropped), False
        if not self.judged(name):
            return
        for host, first, last, sections in s.removals:
            covers = {k for k in dropped if sections >> k & 1} if dropped else sections == 0
            if self.blocks and host != self.host or not first <= number <= last or not covers:
                continue
            found = True
            left -= covers if dropped else set()
            self.find("REDACTED", "removed by declaration")
            if self.log is None:
                self.find("UNATTESTED", "no log key to check a removal against")
        need(found and not left, "removed, and nobody declared it")

    def tombstone(self, r):
        name, number, frame, digest = r.fields("16sQQ32s")
        r.end()
        s = self.stream(name)
        late = not s.chunk and self.late and not (self.excerpt and name == self.watched)
        need(len(self.digests) < CHUNKS_MAX and (number == s.chunk + 1 or late) and frame >= s.frame, "tombstone out of place")
        self.digests.append(digest)
        self.ours |= name == self.watched
        s.chunk, s.frame = number, frame
        self.removed(s, name, number, set())

    def withheld(self, r):
        need(self.excerpt and r.data and len(r.data) % 32 == 0 and len(self.digests) + len(r.data) // 32 <= CHUNKS_MAX,
             "digests where chunks belong")
        while not r.done():
            self.digests.append(r.take(32))

    # Blocks

    def long_form(self, r):
        """(header, signature, Reader of the body) that a block in the short form stands for."""
        header, hashed = self.context
        sequence, wall, boot = struct.unpack_from("<QqQ", header, 24)
        need(r.byte() == 2 and r.byte() == (sequence + 1) % 256, "block does not follow")
        flags, later, drift = r.varint(), r.varint(), zigzag(r.varint())
        boot, wall = boot + later * MS, wall + (later + drift) * MS
        need(not flags & ~62 and boot < 1 << 64 and -1 << 63 <= wall < 1 << 63, "block's time or flags")
        keys, signature = r.fields("64s64s")
        header = b"ITMB\1\1" + struct.pack("<H16sQqQ16s32s64s", flags, header[8:24], sequence + 1, wall, boot, header[48:64], hashed, keys)
        return header, signature, Reader(b"\1" + r.rest())

    def block(self, r):
        if r.data[:1] == b"\2":
            if self.context is None and not self.started:
                self.find("UNATTESTED", "begins with a block that needs the one before it")
                self.late, self.digests, self.whole = True, [], True
                return
            need(self.context, "needs the block before it")
            header, signature, r = self.long_form(r)
        else:
            header, signature = r.fields("160s64s")
        body = r.data[r.at:]
        magic, flags, host, sequence, _, previous, next_key, body_hash = struct.unpack("<6sH16sQ32s32s32s32s", header)
        need(magic == b"ITMB\1\1" and not flags & ~63 and sequence and r.byte() == 1 and r.byte() <= 1 and r.varint() < 1 << 32,
             "block is malformed")
        count, own = r.varint(), None
        need(count <= CHUNKS_MAX, "block covers too much")
        if flags & GENESIS:
            version, reason, zero, own, identity, identity_signature = r.fields("BBH32s32s64s")
            need(version == 1 and 1 <= reason <= 3 and not zero, "genesis is malformed")
        r.end()
        hashed = sha256(b"\x13", header, signature)
        self.context = header, hashed

        def check(key, digests):
            need(signed(key, signature, header), "block's signature")
            need((digests is None and count) or sha256(b"\x12", body, *(digests or [])) == body_hash, "block's chunks")
            need(own is None or signed(identity, identity_signature, b"\x14ITM genesis", header[:96], own), "genesis' identity")

        need(self.started or not self.late or self.excerpt or sequence != 1, "blocks before the first")
        if self.started and sequence <= self.sequence:
            known = self.recent.get(sequence)
            need(known and known[0] != hashed, "block twice or out of place")
            check(known[1], None)
            raise Fork(f"block {sequence}")
        need(not self.blocks or host == self.host, "block of another host")
        self.late |= not self.started and sequence != 1
        need(sequence != 1 or self.whole, "the first block's chunks continue others")
        need(not self.started or (sequence == self.sequence + 1 and previous == self.head), "block does not follow")
        need(self.started or sequence != 1 or (previous == bytes(32) and own), "first block is no beginning")
        need(not own or self.identity in (None, identity), "genesis of another identity")
        link = self.excerpt and not self.ours and (not self.whole or (not self.digests and count))
        need(link or count == len(self.digests), "block covers another number of chunks")
        key = own or (self.next_key if self.started else None)
        if key is not None:
            check(key, self.digests if self.whole and not link else None)
            if not self.whole and not link:
                self.find("GAP", "chunks continue what is not here")
        if not self.blocks:
            self.host, self.begins_late = host, sequence != 1 and not (self.excerpt and own)
            if not self.begins_late and self.identity is None:
                self.find("UNATTESTED", "no identity key to trust")
        if own:
            self.geneses.append([sequence, hashed, sequence == 1 and reason == 1 and self.identity is not None])
        if flags & GAP:
            self.find("GAP", f"block {sequence} declares a loss")
        self.recent[sequence] = hashed, key or next_key
        self.head, self.next_key, self.started, self.sequence, self.flags = hashed, next_key, True, sequence, flags
        self.blocks += 1
        self.needed = sequence if self.watched is not None and self.ours else self.needed
        self.digests, self.whole, self.ours = [], True, False

    def receipt(self, r):
        record = r.take(112)
        magic, kind, zero, host, sequence, hashed, _, server, _, spare = struct.unpack("<5sBH16sQ32sQ16s16sQ", record)
        leaf, inclusion, old, consistency = *r.fields("Q"), proof(r), *r.fields("Q"), proof(r)
        note = Note(r.rest())
        need(magic == b"ITML\1" and kind in (1, 2, 3) and not zero and not spare, "receipt is malformed")
        if self.log is None:
            return
        need(note.origin == b"itm/" + base32(server).encode() and note.signed_by(self.log), "receipt of another log")
        need(included(note.size, leaf, sha256(b"\0", record), inclusion) == note.root, "receipt proves nothing")
        seen, root = self.seen
        need(note.size >= seen, "the log went back")
        need(note.size != seen or note.root == root, "the log was forked")
        if not seen or note.size == seen or old == seen:
            need(not seen or note.size == seen or consistent(seen, note.size, root, note.root, consistency), "the log was forked")
            self.seen = note.size, note.root
        need(not self.blocks or host == self.host, "receipt for another host")
        known = self.recent.get(sequence)
        need(not known or known[0] == hashed, "the server holds another block")
        self.logged = max(self.logged, sequence)
        self.anchored = max(self.anchored, sequence if known else 0)
        for g in self.geneses:
            g[2] |= kind == 2 and g[1] == hashed

    def finish(self, stopped):
        for sequence, _, attested in self.geneses:
            if not attested:
                self.find("UNATTESTED", f"the chain that begins at block {sequence} was never countersigned")
        if self.logged > self.sequence and not stopped:
            self.find("TAMPERED", "the server has more")
        for name, s in self.streams.items():
            if self.judged(name) and s.seen > s.frame:
                self.find("OPEN-TAIL", "frames that no chunk covers")
        if self.watched is not None:
            if self.watched not in self.streams:
                self.find("TAMPERED", "the session is not in the record")
            elif not self.streams[self.watched].ended:
                self.find("OPEN-TAIL", "the session has no end")
        elif not self.flags & CLOSE or (self.digests and not stopped):
            self.find("OPEN-TAIL", "not closed, or chunks that no block covers")
        if not self.blocks:
            self.find("OPEN-TAIL", "no block")
        if self.begins_late and not self.anchored:
            self.find("UNATTESTED", "begins in the middle, and no receipt vouches for it")
        if not self.anchored or self.anchored < (self.needed or self.sequence):
            self.find("UNANCHORED", "whole and signed")


def proof(r):
    n = r.byte()
    need(n <= 64, "proof is too long")
    return [r.take(32) for _ in range(n)]


def climb(index, last, path, was, now):
    """The roots of the older and the whole tree that a path leads to (RFC 9162, 2.1.3.2 and 2.1.4.2); or nothing."""
    for step in path:
        if last == 0:
            return None, None
        if index & 1 or index == last:
            was, now = (sha256(b"\1", step, below) for below in (was, now))
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            now = sha256(b"\1", now, step)
        index, last = index >> 1, last >> 1
    return (was, now) if last == 0 else (None, None)


def included(size, index, leaf, path):
    return climb(index, size - 1, path, leaf, leaf)[1] if index < size else None


def consistent(old, size, old_root, root, path):
    """For 0 < old < size."""
    path = ([old_root] if old & (old - 1) == 0 else []) + path
    index, last = old - 1, size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    return bool(path) and climb(index, last, path[1:], path[0], path[0]) == (old_root, root)


def unbase64(text):
    """One value has one text."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise Broken("base64") from error
    need(base64.b64encode(data) == text, "base64")
    return data


class Note:
    """A signed note with a checkpoint."""
    LINE = re.compile(rb"\xe2\x80\x94 ([\x21-\x2a\x2c-\x7e]+) ([A-Za-z0-9+/]+={0,2})")

    def __init__(self, data):
        self.text, blank, lines = data.rpartition(b"\n\n")
        self.text += b"\n"
        found = [self.LINE.fullmatch(line) for line in lines[:-1].split(b"\n")]
        need(blank and lines.endswith(b"\n") and all(found), "no signed note")
        self.signatures = [(m[1], unbase64(m[2])) for m in found]
        lines = self.text.split(b"\n")
        need(len(lines) == 4 and re.fullmatch(rb"0|[1-9][0-9]{0,17}", lines[1]), "no checkpoint")
        self.origin, self.size, self.root = lines[0], int(lines[1]), unbase64(lines[2])
        need(len(self.root) == 32, "root of a checkpoint")

    def signed_by(self, key):
        want = sha256(self.origin, b"\n\1", key)[:4]
        return any(name == self.origin and blob[:4] == want and signed(key, blob[4:], self.text)
                   for name, blob in self.signatures)


def segment(data):
    """(kind, owner, number)"""
    need(len(data) >= 64 and data[:8] in (b"ITMSPOOL", b"ITMSTORE", b"ITMEXCPT"), "no segment")
    need(crc32c(data[:60]) == int.from_bytes(data[60:64], "little") and data[8:12] == b"\1\0\x40\0", "segment's header")
    return data[:8], data[16:32], int.from_bytes(data[32:40], "little")


def walk(v, segments):
    """Feed the segments' units; the last one may end inside a unit."""
    for i, data in enumerate(segments):
        kind, _, number = segment(data)
        cuts = [cut for later in segments[i + 1:] for cut in notes(later, number)]
        end, at = min(cuts, default=len(data)), 64
        while at < end:
            try:
                *u, at = unit_at(data[:end], at)
            except CutOff:
                need(kind == b"ITMSPOOL" and i == len(segments) - 1 and not falsely_cut(data[at:]), "cut off")
                v.find("OPEN-TAIL", "ends inside a unit")
                break
            v.unit(*u)
        need(kind == b"ITMSPOOL" or not v.digests, "chunks without their block")


def notes(data, number):
    """Where torn notes at the beginning of a segment say that another ends."""
    at = 64
    while is_unit(data, at) and data[at] == TORN:
        payload, at = unit_at(data, at)[2:]
        if int.from_bytes(payload[:8], "little") == number:
            yield int.from_bytes(payload[8:16], "little")


def bundle(data):
    """The files of an export bundle; every rule of FORMAT.md's Bundle is checked."""
    names = ["README.txt", "session.txt", "transcript.txt", "evidence.itm", "identity.public", "log.public", "keylist", "keylist.minisig",
             "stamp.checkpoint", "stamp.tsr"]
    files, at, manifest, folder = {}, 0, b"", None
    while data[at:at + 512].strip(b"\0"):
        h = data[at:at + 512]
        need(len(h) == 512 and h[257:263] == b"ustar\0" and h[156:157] == b"0" and not h[345] and "MANIFEST" not in files, "tar")
        numbers = [re.match(rb"[0-7]+(?=[ \0])", h[a:b]) for a, b in ((124, 136), (148, 156))]
        need(all(numbers) and int(numbers[1][0], 8) == sum(h) - sum(h[148:156]) + 8 * 32, "tar header")
        size, path = int(numbers[0][0], 8), h[:100].rstrip(b"\0").decode("ascii", "replace")
        folder = folder or path.split("/")[0] + "/"
        name = path[len(folder):]
        need(path.startswith(folder) and len(data) - at - 512 >= size, "tar file")
        body, end = data[at + 512:at + 512 + size], at + 512 + (size + 511) // 512 * 512
        need(not data[at + 512 + size:end].strip(b"\0"), "tar filling")
        need(body == manifest if name == "MANIFEST" else name in names, "MANIFEST, or a file that no bundle holds")
        if name != "MANIFEST":
            names = names[names.index(name) + 1:]
            manifest += f"{hashlib.sha256(body).hexdigest()}  {name}\n".encode()
        files[name], at = body, end
    need(len(data) - at >= 1024 and not data[at:].strip(b"\0") and "evidence.itm" in files and "MANIFEST" in files
         and all((a in files) == (b in files) for a, b in (("stamp.tsr", "stamp.checkpoint"), ("keylist", "keylist.minisig"))), "tar's end")
    kind, stream, _ = segment(files["evidence.itm"])
    need(kind == b"ITMEXCPT" and folder == f"itm-{base32(stream)}/", "another session")
    return files


def base32(name):
    """Crockford's, of 128 bits."""
    value = int.from_bytes(name, "big")
    return "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[value >> 5 * i & 31] for i in range(25, -1, -1))


def public_key(data):
    match = re.fullmatch(rb"itm-public-key ed25519 ([0-9a-f]{64})\n", data)
    need(match, "key file")
    return bytes.fromhex(match[1].decode())


def judge(data, identity=None, log=None):
    """data: bytes of a file, or a list of a spool's segments.  (verdict, words)"""
    v, stopped, doubt, key_list = Verifier(identity, log), False, False, None
    try:
        segments = data if isinstance(data, list) else [data]
        if segments[0][257:262] == b"ustar":
            files = bundle(segments[0])
            own = {n: public_key(files[n]) for n in ("identity.public", "log.public") if n in files}
            doubt = identity is None or (log is None and "log.public" in own)
            identity, log = identity or own.get("identity.public"), log or own.get("log.public")
            segments, key_list = [files["evidence.itm"]], files.get("keylist")
        kind, owner, _ = segment(segments[0])
        v = Verifier(identity, log, owner if kind == b"ITMEXCPT" else None)
        walk(v, segments)
        need(key_list is None or hashlib.sha256(key_list).hexdigest() == v.key_list, "not the session's key list")
    except Broken as broken:
        stopped = True
        v.find("TAMPERED", str(broken))
    except Fork as fork:
        stopped = True
        v.find("FORK", str(fork))
    v.finish(stopped)
    if doubt and not stopped:
        v.find("UNATTESTED", "keys from the bundle itself")
    return v.verdict, v.words


def read(path):
    if not os.path.isdir(path):
        with open(path, "rb") as f:
            return f.read()
    return [read(os.path.join(path, n)) for n in sorted(os.listdir(path)) if re.fullmatch(r"seg-[0-9a-f]{16}\.itm", n)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--identity")
    parser.add_argument("--log-key")
    parser.add_argument("path")
    options = parser.parse_args()
    keys = [public_key(read(p)) if p else None for p in (options.identity, options.log_key)]
    verdict, words = judge(read(options.path), *keys)
    print(verdict, words)
    return VERDICTS[verdict]


if __name__ == "__main__":
    sys.exit(main())
