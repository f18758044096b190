#!/usr/bin/env python3
"""Checks the rules of the tree that a compiler doesn't: who may include whom,
one door for each library, banned calls, what a file may export, words that
mean unfinished work, and that each header compiles alone.

    tests/lint/lint.py [--build DIR]     DIR: a finished build, for exported names

Prints TAP: one line a rule.  File length is a warning, never a failure.
"""
import argparse
import os
import re
import subprocess
import sys

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))

# A folder may include headers of itself and of the folders named here.
LAYERS = {
    "base": [],
    "format": ["base"],
    "terminal": ["base", "format"],
    "policies": ["base", "format"],
    "local": ["base", "format"],
    "net": ["base", "format"],
    "store": ["base", "format", "terminal", "policies", "local", "net"],
    "view": ["base", "format", "terminal", "policies", "local", "net", "store"],
}
LIBRARIES = ["base", "format", "terminal", "policies", "local", "net", "store", "view"]
# Each program's folder: it may include the libraries and its own folder only.
PROGRAMS = ["pam_itm", "itm-shell/stub", "itm-shell/recorder", "agent/agentd", "agent/brokerd", "agent/sealer",
            "agent/forwardd", "agent/filed", "store/ingestd", "store/indexd", "store/server", "cli", "itm-replay"]

# Third-party headers and the only files that may include them.
DOORS = {
    r"nettle/.*": ["base/hash.c"],
    r"seccomp\.h": ["base/sandbox.c"],
    r"sodium(/.*)?\.h": ["format/sign.c", "format/seal.c", "tests/golden/vector.c"],
    r"zstd.*\.h": ["format/compress.c"],
    r"gnutls/(gnutls|abstract|crypto)\.h": ["net/tls.c", "net/certificate.c"],
    r"gnutls/x509.*\.h": ["net/certificate.c", "net/tls.c"],
    r"sqlite3.*\.h": ["store/sql.c"],
    r"utf8proc\.h": ["terminal/width.c"],
    r"pcre2\.h": ["store/regex.c"],
    r"security/.*": ["pam_itm/pam_itm.c", "tests/pam/cycles.c"],
    r"cmocka\.h|vterm\.h|libpamtest\.h": ["tests/"],
}
BANNED = ["strcpy", "sprintf", "vsprintf", "atoi", "atol", "system", "popen", "strtok", "strcat", "gets"]
UNFINISHED = ["TODO", "FIXME", "XXX", "HACK", "stubbed", "not implemented", "placeholder"]
VAGUE_NAMES = ["util", "utils", "misc", "common", "helper", "helpers"]
# Names the system asks for.
FIXED_EXPORTS = re.compile(r"^(main|pam_sm_\w+|_nss_itm_\w+|LLVMFuzzer\w+|__\w+|_\w+)$")
LINES_MAX = 500


def tracked(*patterns):
    listed = subprocess.run(["git", "-C", TOP, "ls-files", "-co", "--exclude-standard", "--", *patterns],
                            capture_output=True, text=True, check=True)
    return [p for p in listed.stdout.split("\n") if p and os.path.exists(os.path.join(TOP, p))]


def text_of(path):
    with open(os.path.join(TOP, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def code_only(text):
    """The text with comments and string contents blanked, line numbers kept."""
    def blank(match):
        found = match.group(0)
        if found.startswith("/"):
            return re.sub(r"[^\n]", " ", found)
        return found[0] + re.sub(r"[^\n]", " ", found[1:-1]) + found[-1]
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank, text, flags=re.S)


def home_of(path):
    """The program folder or layer a file belongs to; None for tests and the like."""
    for program in PROGRAMS:
        if path.startswith(program + "/"):
            return program
    top = path.split("/")[0]
    return top if top in LIBRARIES else None


def check_layers(sources):
    for path in sources:
        home = home_of(path)
        if home is None:
            continue
        for number, line in enumerate(text_of(path).split("\n"), 1):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not match or match.group(1) == "config.h":
                continue
            target = match.group(1)
            if "/" not in target:
                yield f"{path}:{number}: include \"{target}\" without its layer"
                continue
            to = home_of(target)
            if to is None:
                yield f"{path}:{number}: \"{target}\" is in no known layer"
            elif to != home and to not in (LAYERS[home] if home in LAYERS else LIBRARIES):
                yield f"{path}:{number}: {home} may not include {to} (\"{target}\")"


def check_doors(sources):
    for path in sources:
        for number, line in enumerate(text_of(path).split("\n"), 1):
            match = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
            if not match:
                continue
            for header, doors in DOORS.items():
                if re.fullmatch(header, match.group(1)) and not any(path.startswith(d) for d in doors):
                    yield f"{path}:{number}: <{match.group(1)}> belongs in {' or '.join(doors)} alone"


def check_banned(sources):
    pattern = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
    for path in sources:
        for number, line in enumerate(code_only(text_of(path)).split("\n"), 1):
            match = pattern.search(line)
            if match:
                yield f"{path}:{number}: {match.group(1)}() is banned"


def check_names(files):
    for path in files:
        stem = os.path.basename(path).rsplit(".", 1)[0]
        if path.endswith((".c", ".h")) and stem in VAGUE_NAMES:
            yield f"{path}: a name that says nothing"


def check_unfinished(files):
    pattern = re.compile(r"\b(" + "|".join(UNFINISHED) + r")\b")
    for path in files:
        if path == "tests/lint/lint.py":
            continue
        for number, line in enumerate(text_of(path).split("\n"), 1):
            match = pattern.search(line)
            if match:
                yield f"{path}:{number}: says {match.group(1)}"


def check_guards_and_comment(headers):
    for path in headers:
        if home_of(path) and not text_of(path).startswith("/*"):
            yield f"{path}: a header opens with one sentence of purpose"


def check_headers_alone(headers):
    flags = subprocess.run(["pkg-config", "--cflags", "libsodium", "gnutls", "sqlite3"], capture_output=True, text=True)
    for path in headers:
        if home_of(path) is None:
            continue
        done = subprocess.run(["gcc", "-std=c17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-I", TOP, "-x", "c",
                               os.path.join(TOP, path)] + flags.stdout.split(), capture_output=True, text=True)
        errors = [x for x in done.stderr.split("\n") if "error:" in x]
        if done.returncode != 0:
            yield f"{path}: does not compile alone: {errors[0] if errors else done.stderr[:200]}"


def allowed_prefixes(path):
    """foo for foo.c; foo_part.c may define foo_* too; and bar_* where foo.h declares a struct or enum bar."""
    folder, stem = os.path.dirname(path), os.path.basename(path)[:-2].replace("-", "_")
    first = stem.split("_")[0]
    prefixes = {stem, first}
    for name in (stem, first):
        header = os.path.join(folder, name + ".h")
        if os.path.exists(os.path.join(TOP, header)):
            prefixes |= set(re.findall(r"\b(?:struct|enum) (\w+)", code_only(text_of(header))))
    return prefixes


def check_exports(sources, build):
    """Every global a foo.c defines is called foo_*."""
    found_any = False
    objects = []
    for folder, _, names in os.walk(build):
        objects += [os.path.join(folder, n) for n in names if n.endswith(".o")]
    for path in sources:
        if home_of(path) is None or not path.endswith(".c"):
            continue
        stem = os.path.basename(path)[:-2]
        folder = os.path.join(build, os.path.dirname(path))
        candidates = [o for o in objects if os.path.dirname(o) == folder and
                      (os.path.basename(o) == stem + ".o" or os.path.basename(o).endswith(f"-{stem}.o"))]
        prefixes = allowed_prefixes(path)
        for found in candidates[:1]:
            found_any = True
            listed = subprocess.run(["nm", "-g", "--defined-only", found], capture_output=True, text=True).stdout
            for line in listed.split("\n"):
                name = line.split(" ")[-1]
                if name and not FIXED_EXPORTS.match(name) and \
                   not any(name == p or name.startswith(p + "_") for p in prefixes):
                    yield f"{path}: exports {name}, not {stem}_*"
    if not found_any:
        yield f"{build}: no object files there"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--build")
    options = options.parse_args()
    sources = tracked("*.c", "*.h")
    headers = [p for p in sources if p.endswith(".h")]
    texts = [p for p in tracked() if p.endswith((".c", ".h", ".py", ".sh", ".am", ".ac", ".md", ".1", ".5", ".7", ".8"))
             or p in ("README", "CHANGES", "quickstart", "check")]
    rules = [
        ("layers: base <- format <- libraries <- store <- programs", check_layers(sources)),
        ("doors: one file for each library", check_doors(sources)),
        ("banned calls", check_banned(sources)),
        ("file names that say something", check_names(sources)),
        ("no words of unfinished work", check_unfinished(texts)),
        ("headers open with their purpose", check_guards_and_comment(headers)),
        ("headers compile alone", check_headers_alone(headers)),
    ]
    if options.build:
        rules.append(("foo.c exports foo_* alone", check_exports(sources, options.build)))
    failed = 0
    for number, (name, findings) in enumerate(rules, 1):
        findings = list(findings)
        failed += bool(findings)
        print(f"{'not ok' if findings else 'ok'} {number} - lint: {name}")
        for finding in findings:
            print(f"#   {finding}")
    for path in sources:
        lines = text_of(path).count("\n")
        if lines > LINES_MAX:
            print(f"# warning: {path} has {lines} lines: which second idea does it hold?")
    print(f"1..{len(rules)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
