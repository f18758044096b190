"""One flipped bit anywhere in spool or store is named by `itm verify`."""
import os
import random
import re
import signal

from lab import LAB, SPOOL, STORE, NewSessions, check, copy_still, leaving, login, pids, verify, wait_for

FLIPS = 100  # in each of spool and store


def segments(folder):
    found = []
    for parent, _, names in os.walk(folder):
        found += [os.path.join(parent, n) for n in names
                  if n.endswith(".itm") and os.path.getsize(os.path.join(parent, n)) > 0]
    return sorted(found)


def record_something():
    with NewSessions("alice") as new, login("alice") as terminal:
        terminal.command("ls -l /etc; echo all''shown", "allshown")
        terminal.type("exit\r")
        terminal.end()
    session = new.wait()[0]["session"]
    wait_for("a sealed session", 15, lambda: verify(session)[0] in (0, 10), 0.3)
    wait_for("old segments leave the store", 20, lambda: not leaving(), 0.3)


def flips_found(original):
    record_something()
    copy = f"{LAB}/damage"
    copy_still(original, copy)
    baseline, words = verify(copy)
    check(baseline not in (15, 16), f"before any damage: {words.strip()}")
    files = segments(copy)
    total = sum(os.path.getsize(f) for f in files)
    check(total > 1000, f"only {total} bytes of segments in {original}")
    chance = random.Random(os.environ.get("E2E_SEED", "1"))
    missed = []
    for _ in range(20 if os.environ.get("E2E_FAST") else FLIPS):
        place, bit = chance.randrange(total), 1 << chance.randrange(8)
        for path in files:
            if place < os.path.getsize(path):
                break
            place -= os.path.getsize(path)
        with open(path, "r+b") as f:
            f.seek(place)
            old = f.read(1)
            f.seek(place)
            f.write(bytes([old[0] ^ bit]))
            f.flush()
        code, words = verify(copy)
        named = os.path.basename(path) in words
        if code != 16 and not (code != 0 and code != baseline and named):
            missed.append(f"{os.path.basename(path)}:{place} bit {bit}: exit {code}")
        elif not named and not re.search(r"block|chunk|offset|sequence", words):
            missed.append(f"{os.path.basename(path)}:{place}: no place named: {words.strip()[:120]}")
        with open(path, "r+b") as f:
            f.seek(place)
            f.write(old)
    again, words = verify(copy)
    check(again == baseline, f"after mending all: {words.strip()}")
    check(not missed, f"{len(missed)} not found: {'; '.join(missed[:5])}")
    return f"{total} bytes"


def test_one_flipped_bit_in_the_spool_is_named():
    return flips_found(SPOOL)


def test_one_flipped_bit_in_the_store_is_named():
    return flips_found(STORE)


def restart_sealer():
    """A new segment begins with each start of the sealer."""
    victim = pids("itm-sealer")[0]
    os.kill(victim, signal.SIGKILL)
    wait_for("the sealer again", 5, lambda: [p for p in pids("itm-sealer") if p != victim])


def test_a_truncated_or_missing_segment_is_named():
    """The very end may always be missing (a power cut); what others follow may not."""
    for _ in range(2):
        record_something()
        restart_sealer()
    record_something()
    for damage in ("cut", "removed"):
        copy = f"{LAB}/{damage}"
        copy_still(SPOOL, copy)
        check(verify(copy)[0] not in (15, 16), "before any damage")
        files = segments(copy)
        check(len(files) >= 3, f"only {len(files)} segments")
        middle = files[len(files) // 2]
        if damage == "cut":
            os.truncate(middle, os.path.getsize(middle) * 2 // 3)
        else:
            os.remove(middle)
        code, words = verify(copy)
        check(code == 16, f"{middle} {damage}: exit {code}: {words.strip()}")
        check(re.search(r"seg-|block|segment|byte", words), f"no place named: {words.strip()}")


def test_a_cut_store_is_named():
    record_something()
    copy = f"{LAB}/cut-store"
    copy_still(STORE, copy)
    last = segments(copy)[-1]
    os.truncate(last, os.path.getsize(last) - 7)
    code, words = verify(copy)
    check(code == 16, f"{last} cut by 7 bytes: exit {code}: {words.strip()}")


for _test in (test_one_flipped_bit_in_the_spool_is_named, test_one_flipped_bit_in_the_store_is_named):
    _test.limit_s = 180
