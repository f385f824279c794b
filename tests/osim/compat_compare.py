#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Build each compat/*.c statically, run it natively (as root, in a directory of its own) and on the machine with 1 and 2 CPUs;
stdout and exit status must agree: the same system calls, given to Linux and to osim.

usage: compat_compare.py OSIM [NAME...] [-v] [--keep DIR]

Exit status 77 (ctest: skipped) when nothing here can link statically, the caller is not root, or no PID namespace can be made.
"""
import difflib
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ENV = {"PATH": "/bin", "HOME": "/root", "TERM": "dumb"}
SKIP = 77
TIMEOUT_S = 240


def find_compiler(tmp):
    src = os.path.join(tmp, "probe.c")
    with open(src, "w") as f:
        f.write("#include <stdio.h>\nint main(void) { return puts(\"x\") < 0; }\n")
    for cc in ("musl-gcc", "gcc"):
        cmd = [cc, "-static", "-o", os.path.join(tmp, "probe"), src]
        try:
            if not subprocess.run(cmd, capture_output=True).returncode:
                return cc
        except FileNotFoundError:
            pass
    return None


def build(cc, src, exe):
    cmd = [cc, "-std=gnu11", "-O1", "-static", "-w", "-pthread", "-o", exe, src, "-lm"]
    p = subprocess.run(cmd, capture_output=True, text=True)
    if p.returncode:
        raise SystemExit(f"{' '.join(cmd)}\n{p.stderr}")


def plain_start():
    """Nothing of how this script was started (nice, nohup) may show on the native side."""
    os.setpriority(os.PRIO_PROCESS, 0, 0)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for s in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(s, signal.SIG_DFL)


def result(argv, cwd=None):
    p = subprocess.Popen(argv, cwd=cwd, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         start_new_session=True, preexec_fn=plain_start)
    try:
        out, err = p.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        out, err = p.communicate()
        return out, "timeout", err
    return out, p.returncode if p.returncode >= 0 else 128 - p.returncode, err


def isolation():
    """The native side gets a PID namespace of its own: no signal of it can reach the host, and it ends with its first process."""
    cmd = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]
    try:
        return cmd if not subprocess.run(cmd + ["true"], capture_output=True).returncode else None
    except FileNotFoundError:
        return None


def native(isolated, exe, name):
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # tmpfs: the nearest to the machine's ramfs
    with tempfile.TemporaryDirectory(dir=shm) as root:
        os.chmod(root, 0o755)
        os.mkdir(os.path.join(root, "bin"))
        os.mkdir(os.path.join(root, "work"))
        prog = os.path.join(root, "bin", name)
        shutil.copy(exe, prog)
        os.chmod(prog, 0o755)
        return result(isolated + [prog], cwd=os.path.join(root, "work"))


def simulated(osim, exe, name, cpus):
    with tempfile.TemporaryDirectory() as root:
        for d in ("bin", "work", "tmp", "dev", "proc"):
            os.mkdir(os.path.join(root, d))
        prog = os.path.join(root, "bin", name)
        shutil.copy(exe, prog)
        os.chmod(prog, 0o755)
        env = [a for k, v in ENV.items() for a in ("--env", f"{k}={v}")]
        return result([osim, "run", "--root", root, "--cwd", "/work", "--cpus", str(cpus), "--limit-time", "60s", *env, "--",
                       f"/bin/{name}"])


def main():
    args = sys.argv[1:]
    verbose = "-v" in args
    args = [a for a in args if a != "-v"]
    keep = None
    if "--keep" in args:
        at = args.index("--keep")
        keep = args[at + 1]
        del args[at:at + 2]
    osim, wanted = args[0], args[1:]
    if os.geteuid():
        print("compat: skipped: the native side has to run as root")
        return SKIP
    isolated = isolation()
    if not isolated:
        print("compat: skipped: no PID namespace can be made here (unshare)")
        return SKIP
    os.umask(0o022)
    failed = passed = 0
    with tempfile.TemporaryDirectory() as tmp:
        cc = find_compiler(tmp)
        if not cc:
            print("compat: skipped: neither musl-gcc nor gcc links statically here")
            return SKIP
        for src in sorted(glob.glob(os.path.join(HERE, "compat", "*.c"))):
            name = os.path.basename(src)[:-2]
            if wanted and name not in wanted:
                continue
            exe = os.path.join(keep or tmp, name)
            build(cc, src, exe)
            want_out, want_st, _ = native(isolated, exe, name)
            for cpus in (1, 2):
                out, st, err = simulated(osim, exe, name, cpus)
                if (out, st) == (want_out, want_st):
                    passed += 1
                    if verbose:
                        print(f"ok {name} --cpus {cpus}: {len(out.splitlines())} lines")
                    continue
                failed += 1
                print(f"NOT ok {name} --cpus {cpus}: status native {want_st}, osim {st}")
                diff = difflib.unified_diff(want_out.decode(errors="replace").splitlines(), out.decode(errors="replace").splitlines(),
                                            "native", "osim", lineterm="", n=1)
                for line in list(diff)[:200]:
                    print("  " + line)
                if err:
                    print("  osim stderr: " + err[-800:].decode(errors="replace"))
                break
    print(f"{passed} passed, {failed} failed ({cc})")
    return 1 if failed or not passed else 0


sys.exit(main())
