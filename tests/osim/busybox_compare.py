#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run each line of busybox_lines.txt as `busybox sh -c LINE` natively and on the machine; stdout and exit status must agree.

usage: busybox_compare.py OSIM [FIRST [LAST]] [-v]
"""
import os
import shutil
import subprocess
import sys
import tempfile

BUSYBOX = "/bin/busybox"
HERE = os.path.dirname(os.path.abspath(__file__))


def build_tree(root):
    work = os.path.join(root, "work")
    os.makedirs(os.path.join(root, "bin"))
    os.makedirs(os.path.join(root, "tmp"))
    os.makedirs(os.path.join(root, "dev"))
    os.makedirs(os.path.join(root, "proc"))
    os.makedirs(os.path.join(work, "sub/deep"))
    shutil.copy(BUSYBOX, os.path.join(root, "bin/busybox"))
    for name in ("sh", "env", "sleep"):
        os.symlink("busybox", os.path.join(root, "bin", name))
    with open(os.path.join(work, "words"), "w") as f:
        for i in range(40):
            f.write(["the", "quick", "brown", "fox", "jumps", "over", "the lazy", "dog"][i * 5 % 8] + f" {i % 7}\n")
    with open(os.path.join(work, "table"), "w") as f:
        for i in range(12):
            f.write(f"row{chr(97 + i * 5 % 12)} {i * 37 % 101}\n")
    for n in (1, 2):
        with open(os.path.join(work, f"sorted{n}"), "w") as f:
            for i in range(0, 30, n + 1):
                f.write(f"{i:02d}\n")
    with open(os.path.join(work, "sub/deep/file"), "w") as f:
        f.write("deep\n" * 100)
    with open(os.path.join(work, "sub/empty"), "w"):
        pass
    return work


def run(argv, cwd=None, timeout=120, path="/bin"):
    env = {"PATH": path, "HOME": "/root", "TERM": "dumb"}
    p = subprocess.run(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
    return p.stdout, p.returncode if p.returncode >= 0 else 128 - p.returncode, p.stderr


def main():
    args = [a for a in sys.argv[1:] if a != "-v"]
    verbose = "-v" in sys.argv
    osim = args[0]
    with open(os.path.join(HERE, "busybox_lines.txt")) as f:
        lines = [l.rstrip("\n") for l in f if l.strip() and not l.startswith("#")]
    first = int(args[1]) if len(args) > 1 else 1
    last = int(args[2]) if len(args) > 2 else (first if len(args) > 1 else len(lines))
    passed = failed = 0
    for n, line in enumerate(lines, 1):
        if not first <= n <= last:
            continue
        results = []
        for native in (True, False):
            with tempfile.TemporaryDirectory() as root:
                work = build_tree(root)
                if native:
                    results.append(run([BUSYBOX, "sh", "-c", line], cwd=work, path=os.path.join(root, "bin")))
                else:
                    results.append(run([osim, "run", "--root", root, "--cwd", "/work", "--env", "PATH=/bin",
                                        "--", BUSYBOX, "sh", "-c", line]))
        (out_n, st_n, _), (out_o, st_o, err_o) = results
        if out_n == out_o and st_n == st_o:
            passed += 1
            if verbose:
                print(f"ok {n}: {line}")
            continue
        failed += 1
        print(f"NOT ok {n}: {line}\n  native status {st_n}: {out_n[-400:]!r}\n  osim   status {st_o}: {out_o[-400:]!r}\n"
              f"  osim stderr: {err_o[-600:]!r}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
