"""Speaks to the agent's sockets as a user may: forge.py HOW [ARGUMENT].
Prints "FORGE answered ..." when something other than an end came back."""
import array
import os
import random
import resource
import socket
import struct
import sys
import time

SHELL_SOCKET = "/run/itm/shell.sock"


def shell_message(argv=b"bash\0", term=b"xterm", tty_mask=7):
    return struct.pack("<BBHBBB", 4, 1, 0, tty_mask, 1, 1) + struct.pack("<H", len(term)) + term + \
        struct.pack("<I", len(argv)) + argv


def connect(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(3)
    s.connect(path)
    return s


def send(s, data, fds=()):
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    s.sendmsg([data], ancillary)


def answer(s):
    try:
        data, fds, _, _ = s.recvmsg(65536, socket.CMSG_LEN(64))
    except OSError:
        return b""
    return data


def report(answers):
    real = [a for a in answers if a and a[0] != 6]  # a KNOCK's echo says nothing
    print(f"FORGE answered {real[0][:60]!r}" if real else "FORGE refused", flush=True)


def forged():
    """A SHELL message from something that is not the stub."""
    results = []
    pipe = os.pipe()
    pair = socket.socketpair()
    file = os.open("/tmp", os.O_TMPFILE | os.O_RDWR)
    tty = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
    for fds in ([0, 1, 2], [pipe[0], pipe[1], pipe[1]], [pair[0].fileno()] * 3, [file] * 3, [tty] * 3, []):
        for data in (shell_message(), shell_message(b"x\0" * 20000), shell_message(tty_mask=0)):
            try:
                s = connect(SHELL_SOCKET)
                send(s, data, fds)
                results.append(answer(s))
                s.close()
            except OSError:
                pass
    report(results)


def garbage():
    """Every type with every length, truncated, giant, and with too many descriptors."""
    results, rng = [], random.Random(1)
    whole = shell_message()
    tries = [whole[:n] for n in range(0, len(whole), 3)] + [bytes([t, 1, 0, 0]) + rng.randbytes(40) for t in range(64)]
    tries += [bytes([4, v, 0, 0]) + whole[4:] for v in (0, 2, 255)] + [b"\0" * 200000, whole + b"x" * 70000]
    for data in tries:
        for count in (0, 3, 60):
            try:
                s = connect(SHELL_SOCKET)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 400000)
                send(s, data, [0] * count)
                results.append(answer(s))
                s.close()
            except OSError:
                pass
    report(results)


def others(path):
    results = []
    for data in (bytes([1, 1, 0, 0]) + b"\0" * 300, bytes([3, 1, 0, 0]) + b"\1\0", bytes([30, 1, 0, 0]) + b"broker",
                 bytes([33, 1, 0, 0]) + b"\0\6broker", b"\0" * 70000):
        try:
            s = connect(path)
            send(s, data, [0, 1])
            results.append(answer(s))
            s.close()
        except OSError:
            pass
    report(results)


def idle(count):
    """Connections that say nothing, half of them with a descriptor in their queue."""
    held = []
    for i in range(int(count)):
        try:
            s = connect(SHELL_SOCKET)
            if i % 2:
                send(s, b"\4", [0, 1, 2])
            held.append(s)
        except OSError:
            pass
    print(f"FORGE holds {len(held)}", flush=True)
    sys.stdin.read()


def churn(seconds):
    """As many connections as the kernel gives, each dropped at once."""
    end = time.monotonic() + float(seconds)
    print("FORGE churns", flush=True)
    while time.monotonic() < end:
        try:
            connect(SHELL_SOCKET).close()
        except OSError:
            pass


def inflight(count):
    """So many descriptors in sockets that nobody reads: the kernel counts them
    against the user, and others of his may then send none (unix(7))."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    pairs, held = [socket.socketpair()], 0
    while held < int(count) and len(pairs) < 200:
        try:
            pairs[-1][0].setblocking(False)
            send(pairs[-1][0], b"x", [0] * 200)
            held += 200
        except BlockingIOError:
            pairs.append(socket.socketpair())
    print(f"FORGE holds {held}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    {"forged": forged, "garbage": garbage, "others": others, "idle": idle, "churn": churn,
     "inflight": inflight}[sys.argv[1]](*sys.argv[2:])
