"""Typed in, printed out: flood.py PASTED PRINTED reads one number of bytes
from its raw terminal while it writes another, then says whether all came."""
import hashlib
import os
import sys
import termios
import threading
import tty

pasted, printed = int(sys.argv[1]), int(sys.argv[2])
modes = termios.tcgetattr(0)
tty.setraw(0)
os.write(1, b"FLOOD ready\r\n")


def printer():
    line, left = b"o" * 998 + b"\r\n", printed
    while left > 0:
        left -= os.write(1, line[:left])


thread = threading.Thread(target=printer)
thread.start()
digest, left = hashlib.sha256(), pasted
while left > 0:
    data = os.read(0, min(left, 65536))
    if not data:
        break
    digest.update(data)
    left -= len(data)
thread.join()
termios.tcsetattr(0, termios.TCSANOW, modes)
print(f"\r\nFLOOD {pasted - left} {digest.hexdigest()[:16]}", flush=True)
