#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command line as it is promised in README.md: options, defaults, exit codes, what goes to which stream.

usage: cli_test.py OSIM [-v] [NAME...]
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

BUSYBOX = "/bin/busybox"
OSIM = ""
TMP = ""


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err
        self.lines = err.decode("utf-8", "replace").splitlines()

    def __repr__(self):
        return f"code {self.code} stdout {self.out[-300:]!r} stderr {self.err[-600:]!r}"


def osim(*args, timeout=120, input=None, env=None, cwd=None):
    p = subprocess.run([OSIM, *args], input=b"" if input is None else input, capture_output=True, timeout=timeout, env=env, cwd=cwd)
    return Result(p.returncode, p.stdout, p.stderr)


def sh(script, *options, **kw):
    return osim("run", *options, "--", BUSYBOX, "sh", "-c", script, **kw)


def check(ok, what):
    if not ok:
        raise AssertionError(what)


def same(got, want, what=""):
    check(got == want, f"{what}: got {got!r}, want {want!r}")


def digest_of(r):
    for line in r.lines:
        m = re.fullmatch(r"digest ([0-9a-f]{16}) events (\d+) time_ns (\d+)", line)
        if m:
            return m.group(1)
    raise AssertionError(f"no digest line: {r}")


def one_error(r, code, pattern):
    same(r.code, code, f"exit code, of {r}")
    same(r.out, b"", "stdout")
    same(len(r.lines), 1, f"lines of {r}")
    check(re.fullmatch("osim: .+: .+", r.lines[0]), r.lines[0])
    check(re.search(pattern, r.lines[0]), f"{r.lines[0]!r} does not say {pattern!r}")


def path(name, data=None, mode=None):
    p = os.path.join(TMP, name)
    os.makedirs(os.path.dirname(p), exist_ok=True)
    if data is not None:
        with open(p, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
    if mode is not None:
        os.chmod(p, mode)
    return p


# --- osim run ---

def guest_status_is_the_commands():
    for n in (0, 1, 2, 42, 127, 255):
        same(sh(f"exit {n}").code, n)
    for name, n in (("TERM", 15), ("KILL", 9), ("SEGV", 11), ("HUP", 1)):
        same(sh(f"kill -{name} $$").code, 128 + n, name)


def a_program_that_is_not_there_is_127_and_one_that_cannot_run_126():
    one_error(osim("run", "/no/such/program"), 127, "/no/such/program: No such file or directory")
    one_error(osim("run", "/etc/passwd/x"), 127, "Not a directory")
    one_error(osim("run", TMP), 126, "Is a directory")
    one_error(osim("run", path("plain", "hello", 0o644)), 126, "Permission denied")
    one_error(osim("run", path("text", "hello", 0o755)), 126, "Exec format error")
    one_error(osim("run", path("empty", "", 0o755)), 126, "Exec format error")
    with open(BUSYBOX, "rb") as f:
        elf = f.read()
    one_error(osim("run", path("cut", elf[:100], 0o755)), 126, "Exec format error")
    root = tree("r126")
    one_error(osim("run", "--root", root, "--", "nothing"), 127, "nothing: No such file or directory")
    one_error(osim("run", "--root", root, "--", "/bin/nothing"), 127, "No such file or directory")
    one_error(osim("run", "--root", root, "--", "/bin"), 126, "Permission denied|Is a directory")


def usage_errors_are_2():
    for args, pattern in [
        ([], "usage"), (["fly"], "fly"), (["run"], "no program"), (["run", "--"], "no program"),
        (["run", "--nope", "x"], "--nope"), (["run", "-x", "x"], "-x"), (["run", "-xyz", "x"], "-x"), (["run", "--cpus"], "--cpus"),
        (["run", "--digest=1", "x"], "--digest=1"),
        *[(["run", "--cpus", v, "x"], "--cpus: bad value") for v in ("0", "-1", "1.5", "", "two", "99999999999999999999", "1025")],
        *[(["run", "--ram", v, "x"], "--ram: bad value") for v in ("", "M", "-1M", "1T", "1.5G", "99999999999999999999", "99999999999G")],
        *[(["run", "--seed", v, "x"], "--seed: bad value") for v in ("", "x", "-1", "99999999999999999999")],
        *[(["run", "--limit-time", v, "x"], "--limit-time: bad value") for v in ("", "5", "s", "-1s", "1m", "1 s", "99999999999999s")],
        *[(["run", "--stats", v, "x"], "--stats: bad value") for v in ("", "xml", "json:", "jsonx")],
        *[(["run", "--env", v, "x"], "NAME=VALUE") for v in ("", "A", "=b")],
        (["run", "--costs", "z80", "x"], "--costs: bad value"), (["run", "--hz", "60", "x"], "--hz: bad value"),
        (["sched"], "workload"), (["sched", "a", "b"], "workload"), (["sched", "--cpus", "0", "x"], "--cpus: bad value"),
        (["sched", "--hz", "50", "x"], "--hz: bad value"), (["sched", "--costs", "z80", "x"], "--costs: bad value"),
        *[(["sched", "--duration", v, "x"], "--duration: bad value") for v in ("", "x", "-1", "1s", "999999999")],
        (["sched", "--strace", "x"], "--strace"),
    ]:
        one_error(osim(*args), 2, re.escape(pattern))


def bad_input_is_3():
    one_error(osim("run", "--ram", "1M", BUSYBOX), 3, "ram")
    one_error(osim("run", "--ram", "16777217", BUSYBOX), 3, "ram")
    one_error(osim("run", "--ram", "16000000G", BUSYBOX), 3, "machine")
    one_error(osim("run", "--root", "/no/such", "x"), 3, "/no/such: No such file")
    one_error(osim("run", "--root", path("nocpio", "x" * 300), "x"), 3, "offset 0")
    one_error(osim("run", "--stdin", "/no/such", BUSYBOX), 3, "/no/such: No such file")
    one_error(osim("run", "--stdin", TMP, BUSYBOX), 3, "Is a directory")
    one_error(osim("run", "--trace", "/no/such/x", BUSYBOX), 3, "/no/such/x: No such file")
    one_error(sh("true", "--stats=json:/no/such/x"), 3, "/no/such/x: No such file")
    one_error(osim("run", "--stdin", "a\nb", BUSYBOX), 3, "a b: No such file")


def a_limit_reached_is_5():
    for text, ns in (("3ms", 3000000), ("2500us", 2500000), ("1999999ns", 1999999)):
        r = sh("while :; do :; done", "--limit-time", text, "--stats=json", "--digest")
        same(r.code, 5)
        at = int(re.fullmatch(r"osim: limit: virtual time reached (\d+) ns", r.lines[0]).group(1))
        check(ns <= at < ns + 20000, f"{text}: {at}")  # the kernel finishes what it is at
        stats = json.loads(r.lines[-1])
        same((stats["stop"], stats["time_ns"]), ("limit", at))
    one_error(sh("sleep 100", "--limit-time", "1s"), 5, "1000000000 ns")
    r = sh("sleep 100; echo up", "--limit-time", "200s")
    same((r.code, r.out), (0, b"up\n"))
    for costs in ("zero", "zen4", "skylake"):
        same(sh("while :; do :; done", "--limit-time", "1ms", "--costs", costs).code, 5, costs)
    same(sh("cat", "--limit-time", "1s", "--stdin", path("in1m", b"x" * (1 << 20)), timeout=60).code in (0, 5), True)


def a_program_that_waits_for_nothing_is_a_deadlock():
    r = sh("mkfifo /tmp/p; read x < /tmp/p", "--stats=json")
    same(r.code, 4)
    check(r.lines[0].startswith("osim: deadlock: "), r)
    same(json.loads(r.lines[-1])["stop"], "deadlock")


def streams_are_separate():
    r = sh("echo out; echo err >&2; echo out2")
    same((r.code, r.out, r.err), (0, b"out\nout2\n", b"err\n"))
    p = subprocess.run([OSIM, "run", "--", BUSYBOX, "sh", "-c", "for i in 1 2 3; do echo o$i; echo e$i >&2; done"],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=60)
    same(p.stdout, b"o1\ne1\no2\ne2\no3\ne3\n", "order in one file")
    data = bytes(range(256)) * 64
    r = sh("cat", "--stdin", path("bytes", data))
    same(r.out == data, True, "binary output")


def stdin_is_empty_unless_given():
    same(sh("cat", input=b"from the host\n").out, b"")
    same(sh("read x; echo $?", input=b"from the host\n").out, b"1\n")
    same(sh("cat", "--stdin", path("in", "abc\n"), input=b"other").out, b"abc\n")
    same(sh("read a; read b; echo $b-$a", "--stdin", path("in", "1\n2\n")).out, b"2-1\n")
    same(sh("cat", "--stdin", "/dev/null").out, b"")


def large_stdin_passes_the_ring():
    data = b"".join(b"%d line\n" % i for i in range(100000))[:1 << 20]
    p = path("big", data)
    r = sh("cat", "--stdin", p)
    same((r.code, len(r.out), r.out == data), (0, len(data), True))
    for n in (1, 65535, 65536, 65537, 98304, 131072):
        r = osim("run", "--stdin", path("n", data[:n]), "--", BUSYBOX, "wc", "-c")
        same(r.out.strip(), b"%d" % n)
    # A reader is served while another program keeps the machine busy, and one that never reads does not stop it.
    r = sh("while :; do :; done & wc -c; kill $!", "--stdin", p, "--limit-time", "60s")
    same((r.code, r.out.strip()), (0, b"%d" % len(data)))
    same(sh("echo done", "--stdin", p).out, b"done\n")
    a, b = (osim("run", "--digest", "--cpus", "2", "--stdin", p, "--", BUSYBOX, "md5sum") for _ in range(2))
    same(a.out, b.out)
    same(digest_of(a), digest_of(b))


def environment_and_directory():
    env = dict(os.environ, OSIM_LEAK="1", TERM="vt52")
    r = osim("run", "--", BUSYBOX, "env", env=env)
    same(sorted(r.out.decode().split()),
         sorted(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=vt52"]))
    r = osim("run", "--env", "A=1", "--env", "HOME=/h", "--env", "A=2=3", "--env", "EMPTY=", "--env", "PATH=/x", "--", BUSYBOX, "env", env=env)
    same(sorted(r.out.decode().split()), sorted(["A=2=3", "HOME=/h", "EMPTY=", "PATH=/x", "TERM=vt52"]))
    same(sh("pwd").out, b"/\n")
    same(sh("pwd", "--cwd", "/tmp").out, b"/tmp\n")
    one_error(sh("pwd", "--cwd", "/nowhere"), 126, "/nowhere: No such file or directory")
    same(sh("id -u; id -g; echo $$ $PPID").out.split(), [b"0", b"0", b"2", b"1"])
    same(sh("date -u +%s").out, b"1704067200\n")
    same(sh("ls -d /dev /proc /tmp; ls /tmp | wc -l").out.split(), [b"/dev", b"/proc", b"/tmp", b"0"])


def a_program_without_a_root_is_at_its_absolute_path():
    p = path("sub/prog", None)
    shutil.copy(BUSYBOX, p)
    os.rename(p, p[:-4] + "busybox")
    for name in ("sub/busybox", "./sub/busybox", "sub/../sub/busybox"):
        r = osim("run", name, "ls", "/" + p[1:-4] + "busybox", cwd=TMP)
        same((r.code, r.out.decode()), (0, p[:-4] + "busybox\n"), name)


def tree(name):
    root = path(name + "/.", None)
    os.makedirs(os.path.join(root, "bin"), exist_ok=True)
    os.makedirs(os.path.join(root, "usr/bin"), exist_ok=True)
    if not os.path.exists(os.path.join(root, "bin/busybox")):
        shutil.copy(BUSYBOX, os.path.join(root, "bin/busybox"))
        os.symlink("busybox", os.path.join(root, "bin/sh"))
        os.symlink("../../bin/busybox", os.path.join(root, "usr/bin/cat"))
        path(name + "/etc/motd", "welcome\n", 0o640)
        os.link(os.path.join(root, "etc/motd"), os.path.join(root, "etc/same"))
        os.symlink("/nowhere", os.path.join(root, "etc/dangling"))
        os.mkfifo(os.path.join(root, "etc/fifo"))
        os.makedirs(os.path.join(root, "a dir/ü"), exist_ok=True)
        path(name + "/a dir/ü/file", "x" * 5000)
        os.utime(os.path.join(root, "etc/motd"), (1000000000, 1000000000))
    return os.path.dirname(root) if root.endswith("/.") else root


def a_directory_is_the_root():
    root = tree("root")
    r = osim("run", "--root", root, "--", "sh", "-c", "cat /etc/motd; ls -1 /etc; cat '/a dir/ü/file' | wc -c; stat -c '%a %Y' /etc/motd; pwd")
    same((r.code, r.err), (0, b""))
    same(r.out.decode(), "welcome\ndangling\nfifo\nmotd\nsame\n5000\n640 1000000000\n/\n")
    same(osim("run", "--root", root, "--", "cat", "/etc/motd").out, b"welcome\n", "PATH")
    same(osim("run", "--root", root + "/", "--", "cat", "/etc/motd").out, b"welcome\n", "PATH")
    one_error(osim("run", "--root", root, "--env", "PATH=/etc", "--", "cat", "/etc/motd"), 127, "cat")
    one_error(osim("run", "--root", root, "--env", "PATH=/etc", "--", "motd"), 126, "motd: Permission denied")
    same(osim("run", "--root", root, "--cwd", "/etc", "--", "/bin/busybox", "cat", "motd").out, b"welcome\n")
    same(osim("run", "--root", root, "--cwd", "/etc", "--", "../bin/busybox", "cat", "motd").out, b"welcome\n")
    sh_write = osim("run", "--root", root, "--", "sh", "-c", "echo changed > /etc/motd; cat /etc/motd")
    same(sh_write.out, b"changed\n")
    with open(os.path.join(root, "etc/motd")) as f:
        same(f.read(), "welcome\n", "the host's file")


def cpio_entry(name, mode, data=b"", ino=1, nlink=1, magic=b"070701", mtime=5, uid=0, namesize=None, filesize=None):
    raw = name.encode() + b"\0"
    h = magic + b"".join(b"%08x" % v for v in (ino, mode, uid, 0, nlink, mtime, len(data) if filesize is None else filesize, 0, 0, 0, 0,
                                               len(raw) if namesize is None else namesize, 0))
    out = h + raw
    out += b"\0" * (-len(out) % 4) + data
    return out + b"\0" * (-len(out) % 4)


TRAILER = cpio_entry("TRAILER!!!", 0)


def busybox_cpio(*more):
    with open(BUSYBOX, "rb") as f:
        elf = f.read()
    return (cpio_entry("bin", 0o40755) + cpio_entry("bin/busybox", 0o100755, elf, ino=2) + cpio_entry("bin/sh", 0o120777, b"busybox", ino=3) +
            b"".join(more) + TRAILER)


def a_cpio_archive_is_the_root():
    p = path("good.cpio", busybox_cpio(cpio_entry("etc", 0o40700), cpio_entry("etc/motd", 0o100600, b"hi\n", ino=4),
                                       cpio_entry("./etc/dot", 0o100644, b"dot", ino=9),
                                       cpio_entry("hard1", 0o100644, b"", ino=5, nlink=2), cpio_entry("hard2", 0o100644, b"linked", ino=5, nlink=2)))
    r = osim("run", "--root", p, "--", "sh", "-c", "cat /etc/motd /etc/dot; cat /hard1; stat -c '%h %a %Y' /hard2")
    same((r.code, r.out.decode(), r.err), (0, "hi\ndotlinked2 644 5\n", b""))
    same(osim("run", "--root", p, "--", "busybox", "echo", "x").out, b"x\n")


def hostile_archives_are_3():
    def bad(data, where=None):
        one_error(osim("run", "--root", path("bad.cpio", data), "--", "sh"), 3, "cpio: entry at offset" + (f" {where}:" if where is not None else ""))
    bad(b"")
    bad(b"070701")
    bad(cpio_entry("a", 0o100644, b"x"), None)
    first = cpio_entry("a", 0o100644, b"x")
    bad(first + cpio_entry("b", 0o100644, b"y", filesize=0xffffffff) + TRAILER, len(first))
    bad(first + cpio_entry("b", 0o100644, b"y", namesize=0xffffffff) + TRAILER, len(first))
    bad(first + cpio_entry("b", 0o100644, b"y", namesize=0) + TRAILER, len(first))
    bad(first + cpio_entry("b", 0o100644, b"y", namesize=1) + TRAILER, len(first))
    bad(first + first[:100], len(first))
    bad(first + b"x" * 200, len(first))
    bad(first + cpio_entry("b", 0o100644, b"y", magic=b"070707"), len(first))
    bad(first + cpio_entry("a/b", 0o100644, b"y") + TRAILER, len(first))
    bad(first + cpio_entry("n" * 300, 0o100644, b"y") + TRAILER, len(first))
    bad(first + cpio_entry("d", 0o40755, b"data") + TRAILER, len(first))
    bad(first + cpio_entry("t", 0o170644) + TRAILER, len(first))
    bad(first + first[:6] + b"zzzzzzzz" + first[14:], len(first))
    # Names that lead outside stay inside; the machine runs.
    for name in ("../../etc/up", "/../up", "bin/../../up"):
        r = osim("run", "--root", path("up.cpio", busybox_cpio(cpio_entry(name, 0o100644, b"up"))), "--", "sh", "-c", "echo ok")
        check(r.code in (0, 3), r)
    # A link that loops, a link whose target is long, an entry that replaces the console.
    r = osim("run", "--root", path("loop.cpio", busybox_cpio(cpio_entry("l", 0o120777, b"l"), cpio_entry("m", 0o120777, b"x" * 4000))), "--",
             "sh", "-c", "cat /l; cat /m; echo ok")
    same(r.out, b"ok\n")
    big = busybox_cpio(cpio_entry("big", 0o100644, b"z" * (24 << 20)))
    one_error(osim("run", "--ram", "16M", "--root", path("big.cpio", big), "--", "sh"), 3, "No space|Cannot allocate|memory")


def stats_json_has_the_documented_keys():
    r = sh("true | cat; echo err >&2", "--cpus", "2", "--stats=json", "--digest", "--strace")
    same(r.code, 0)
    stats = json.loads(r.lines[-1])
    same(list(stats), ["time_ns", "digest", "stop", "tasks", "cpus"])
    same(stats["digest"], digest_of(r))
    same(stats["stop"], "exit")
    same([t["pid"] for t in stats["tasks"]], list(range(1, len(stats["tasks"]) + 1)))
    same(stats["tasks"][0]["name"], "init")
    same(len(stats["cpus"]), 2)
    for t in stats["tasks"]:
        same(list(t), ["name", "pid", "runtime_ns", "run_delay_ns", "pcount", "nr_voluntary_switches", "nr_involuntary_switches", "nr_migrations"])
        check(0 <= t["runtime_ns"] <= stats["time_ns"], t)
    for c in stats["cpus"]:
        same(list(c)[:2], ["switches", "idle_ns"])
        check(0 <= c["idle_ns"] <= stats["time_ns"], c)
    total = sum(t["runtime_ns"] for t in stats["tasks"]) + sum(c["idle_ns"] for c in stats["cpus"])
    check(abs(total - 2 * stats["time_ns"]) < 60000, f"run {total} of {2 * stats['time_ns']}")
    out = path("stats.json")
    r = sh("echo x", f"--stats=json:{out}")
    same((r.out, r.err), (b"x\n", b""))
    with open(out, "rb") as f:
        text = f.read()
    same(text.count(b"\n"), 1)
    same(json.loads(text)["stop"], "exit")
    r = osim("run", "--stats", "json", "--", BUSYBOX, "true")
    same(json.loads(r.lines[-1])["stop"], "exit")


def observers_change_no_digest():
    script = "i=0; while [ $i -lt 40 ]; do i=$((i+1)); done; echo $i | cat; ls /proc > /dev/null"
    for cpus in range(1, 9):
        want = digest_of(sh(script, "--cpus", str(cpus), "--digest"))
        same(digest_of(sh(script, "--cpus", str(cpus), "--digest")), want, f"again, {cpus} CPUs")
        if cpus in (1, 2, 4):
            trace = path("trace.txt")
            same(digest_of(sh(script, "--cpus", str(cpus), "--digest", "--strace")), want, "strace")
            same(digest_of(sh(script, "--cpus", str(cpus), "--digest", "--trace", trace)), want, "trace")
            same(digest_of(sh(script, "--cpus", str(cpus), "--digest", "--trace", trace, "--strace", "--stats=json")), want, "all")
    with open(trace) as f:
        lines = f.read().splitlines()
    check(lines[0].startswith("# tracer: nop"), lines[0])
    form = re.compile(r"\s*.+-\d+\s+\[\d{3}\]\s+\S+\s+\d+\.\d{6,9}: \w+:")
    for line in lines:
        check(line.startswith("#") or form.match(line), line)
    check(sum("sched_switch:" in line for line in lines) > 3 and sum("sys_enter" in line for line in lines) > 20, "records")


def the_host_changes_no_digest():
    script = "echo $((6*7)) | cat; ls -l /proc/self/maps > /dev/null"
    want = digest_of(sh(script, "--digest", "--cpus", "2", env={"TERM": "dumb"}))
    many = {f"V{i}": "x" * 1000 for i in range(100)}
    same(digest_of(sh(script, "--digest", "--cpus", "2", env=dict(many, TERM="dumb"))), want, "environment")
    same(digest_of(sh(script, "--digest", "--cpus", "2", env={"TERM": "dumb"}, cwd="/")), want, "directory")
    if subprocess.run(["setarch", "-R", "true"], capture_output=True).returncode == 0:
        p = subprocess.run(["setarch", "-R", OSIM, "run", "--digest", "--cpus", "2", "--", BUSYBOX, "sh", "-c", script], env={"TERM": "dumb"},
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        same(digest_of(Result(p.returncode, p.stdout, p.stderr)), want, "ASLR")


def configurations_differ_where_they_should():
    for ram, mib in (("16M", 16), ("64M", 64), ("1G", 1024), ("16777216", 16), ("32768K", 32)):
        r = sh("grep MemTotal /proc/meminfo", "--ram", ram)
        same(r.code, 0, ram)
        kib = int(r.out.split()[1])
        check(mib * 1024 * 0.75 < kib <= mib * 1024, f"{ram}: {kib} KiB")
    check(200 * 1024 < int(sh("grep MemTotal /proc/meminfo").out.split()[1]) <= 256 * 1024, "the default is 256M")
    digests = [digest_of(sh("echo hi", "--digest", *o)) for o in
               ([], ["--cpus", "2"], ["--costs", "zero"], ["--costs", "skylake"], ["--ram", "128M"])]
    check(len(set(digests[:4])) == 4, digests)
    same(digest_of(sh("echo hi", "--digest", "--cpus", "1", "--costs", "zen4", "--ram", "256M", "--seed", "1")), digests[0], "the defaults")
    rnd = "dd if=/dev/urandom bs=8 count=1 2>/dev/null | hexdump -C"
    same(sh(rnd, "--seed", "7").out, sh(rnd, "--seed", "7").out)
    check(sh(rnd, "--seed", "7").out != sh(rnd, "--seed", "8").out, "the seed does not reach /dev/urandom")
    same(sh(rnd).out, sh(rnd, "--seed", "1").out, "the default seed")
    same(sh(rnd, "--seed", "0x10").out, sh(rnd, "--seed", "16").out)


def strace_goes_to_stderr():
    r = sh("echo hi", "--strace")
    same(r.out, b"hi\n")
    form = re.compile(r"\[pid \d+\] \w+\(.*\)\s+= ")
    check(sum(bool(form.match(line)) for line in r.lines) > 5, r)
    check(any('write(1, "hi\\n", 3)' in line for line in r.lines), r)


def a_reader_that_goes_away_ends_the_command():
    for tail in ("", " 2>&1 >/dev/null"):
        opts = "--strace" if tail else ""
        p = subprocess.run(["sh", "-c", f"{OSIM} run {opts} -- {BUSYBOX} yes{tail} | head -1"], capture_output=True, timeout=60,
                           stdin=subprocess.DEVNULL)
        same(len(p.stdout.splitlines()), 1, repr(p))
    p = subprocess.Popen([OSIM, "run", "--", BUSYBOX, "yes"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    p.stdout.readline()
    p.stdout.close()
    same(p.wait(60), -signal.SIGPIPE)
    same(p.stderr.read(), b"")
    p.stderr.close()
    with open("/dev/full", "wb") as full:
        p = subprocess.run([OSIM, "run", "--", BUSYBOX, "echo", "x"], stdout=full, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=60)
    same((p.returncode, p.stderr), (3, b"osim: stdout: No space left on device\n"))
    r = sh("echo x", "--trace", "/dev/full")
    same((r.code, r.lines[-1]), (3, "osim: /dev/full: No space left on device"))


def the_rest_is_killed_when_the_program_ends():
    r = sh("sleep 1000 & (while :; do :; done) & echo bye", "--stats=json", "--cpus", "2")
    same((r.code, r.out), (0, b"bye\n"))
    check(json.loads(r.lines[-1])["time_ns"] < 10**9, r)


# --- osim sched ---

def sched(text, *options, **kw):
    return osim("sched", path("w.json", text), *options, **kw)


def a_workload_gives_a_table_or_json():
    w = '{"tasks": {"a": {"run": 1000, "loop": 5}, "b": {"priority": 5, "run": 500, "sleep": 500, "loop": 5}}}'
    r = sched(w)
    same((r.code, r.err), (0, b""))
    text = r.out.decode()
    check(re.search(r"^a\[2\] ", text, re.M) and re.search(r"^b\[3\] ", text, re.M) and re.search(r"^CPU 0 ", text, re.M), text)
    j = sched(w, "--stats=json", "--digest")
    same(j.out.count(b"\n"), 1, "JSON instead of the table")
    stats = json.loads(j.out)
    same([t["name"] for t in stats["tasks"]], ["init", "a", "b"])
    same((stats["stop"], stats["digest"]), ("exit", digest_of(j)))
    check(5000000 <= stats["tasks"][1]["runtime_ns"] < 5400000, stats)
    check(stats["digest"] in text, "the table's digest")
    out = path("sched.json")
    r = sched(w, f"--stats=json:{out}")
    same(r.out.decode(), text, "the table stays when the stats have a file")
    with open(out) as f:
        same(json.load(f), stats)
    for option in (["--trace", path("t.txt")], ["--hz", "1000"], ["--seed", "1"], ["--costs", "zen4"], ["--cpus", "1"]):
        same(json.loads(sched(w, "--stats=json", *option).out)["digest"], stats["digest"], option)
    check(json.loads(sched(w, "--stats=json", "--hz", "100").out)["digest"] != stats["digest"], "--hz changes nothing")
    same(osim("sched", "--cpus", "2", path("w.json", w), "--stats=json").code, 0)


def duration_ends_a_workload():
    hogs = '{"global": {"duration": %s}, "tasks": {"hog": {"instance": 2, "run": 10000}}}'
    r = sched(hogs % 1, "--stats=json")
    stats = json.loads(r.out)
    same((r.code, r.err, stats["stop"], stats["time_ns"]), (0, b"", "limit", 10**9))
    same([t["name"] for t in stats["tasks"]], ["init", "hog-0", "hog-1"])
    total = sum(t["runtime_ns"] for t in stats["tasks"]) + stats["cpus"][0]["idle_ns"]
    check(abs(total - 10**9) < 200000, f"{total} of 1e9")
    same(json.loads(sched(hogs % 1, "--duration", "2", "--stats=json").out)["time_ns"], 2 * 10**9)
    check(json.loads(sched(hogs % 1, "--duration", "0", "--stats=json").out)["time_ns"] < 10**6, "boot's own time at most")
    for body in ('"run": 0', '"sleep": 0', '"yield": 0', '"phases": {"p": {}}', '"phases": {"p": {"loop": -1}}', '"phases": {"p": {"loop": 0, "run": 1}}',
                 '"runtime": 0', '"timer": {"ref": "x", "period": 0}'):
        for costs in ("zero", "zen4"):
            r = sched('{"global": {"duration": 0}, "tasks": {"a": {%s}}}' % body, "--costs", costs, "--stats=json")
            same((r.code, r.err), (0, b""), body)
    r = sched('{"tasks": {"a": {"phases": {"p": {"loop": -1}}}}}', "--costs", "zero", "--duration", "1", "--stats=json")
    same(json.loads(r.out)["time_ns"], 10**9, "a loop in which nothing happens")


def bad_workloads_are_3_and_say_where():
    deep = "[" * 200000
    for text, pattern in [
        ("", "line 1 column 1"), ("{", "line 1 column 2"), ("null", "null"), ("[]", "object"), ("3", "object"), ("{} x", "line 1 column 4"),
        ('{\n "tasks": {\n  "a": {"run" 5}\n }\n}', "line 3 column 15"), ('{"tasks": {"a": }}', "line 1 column 17"), (deep, "nesting"),
        ('{"tasks": {"a": {"run": 1}}} {"tasks": 1}', "line 1 column 30"), (b"\xff\xfe\x00", "line 1 column 1"),
        ("{}", "tasks: is missing"), ('{"tasks": {}}', "tasks"), ('{"tasks": null}', "tasks"), ('{"tasks": []}', "tasks"),
        ('{"tasks": {"a": {}}}', "tasks.a: has no events"), ('{"tasks": {"a": []}}', "tasks.a"), ('{"tasks": {"a": null}}', "tasks.a"),
        ('{"task": {}}', "task: unknown key"), ('{"resources": {}, "tasks": {}}', "resources"),
        ('{"global": [], "tasks": {"a": {"run": 1}}}', "global"), ('{"global": {"x": 1}, "tasks": {"a": {"run": 1}}}', "global.x: unknown key"),
        ('{"global": {"duration": "1"}, "tasks": {"a": {"run": 1}}}', "global.duration: must be an integer"),
        ('{"global": {"duration": 1e9}, "tasks": {"a": {"run": 1}}}', "global.duration"),
        ('{"global": {"duration": 100000}, "tasks": {"a": {"run": 1}}}', "global.duration: 100000 is not in"),
        ('{"global": {"default_policy": "SCHED_X"}, "tasks": {"a": {"run": 1}}}', "SCHED_X"),
        *[('{"tasks": {"a": {"run": %s}}}' % v, "tasks.a.run") for v in ('"x"', "-1", "1e400", "99999999999999999999999", "null", "[]", "1.5")],
        ('{"tasks": {"a": {"run": 1, "frob": 2}}}', "tasks.a.frob: unknown key"), ('{"tasks": {"a": {"lock": "m"}}}', "tasks.a.lock"),
        ('{"tasks": {"a": {"run": 1, "priority": 20}}}', "tasks.a.priority"), ('{"tasks": {"a": {"run": 1, "priority": -21}}}', "priority"),
        ('{"tasks": {"a": {"run": 1, "policy": "SCHED_FIFO"}}}', "priority"),
        ('{"tasks": {"a": {"run": 1, "policy": "SCHED_FIFO", "priority": 0}}}', "priority"),
        ('{"tasks": {"a": {"run": 1, "policy": 3}}}', "policy"), ('{"tasks": {"a": {"run": 1, "loop": -2}}}', "loop"),
        ('{"tasks": {"a": {"run": 1, "instance": 0}}}', "instance"), ('{"tasks": {"a": {"run": 1, "instance": 99999}}}', "tasks"),
        ('{"tasks": {"a": {"run": 1, "cpus": []}}}', "cpus"), ('{"tasks": {"a": {"run": 1, "cpus": [1]}}}', "CPU 1"),
        ('{"tasks": {"a": {"run": 1, "cpus": [-1]}}}', "cpus"), ('{"tasks": {"a": {"run": 1, "cpus": "0"}}}', "cpus"),
        ('{"tasks": {"a": {"timer": 5}}}', "timer"), ('{"tasks": {"a": {"timer": {"ref": "x"}}}}', "timer"),
        ('{"tasks": {"a": {"phases": {"p": {"x": 1}}}}}', "tasks.a.phases.p.x"), ('{"tasks": {"a": {"phases": {"p": 1}}}}', "tasks.a.phases.p"),
        ('{"tasks": {"a": {"phases": {"p": {"run": 1}}, "run": 1}}}', "phases"),
    ]:
        one_error(sched(text, "--duration", "1"), 3, re.escape(pattern))
    one_error(osim("sched", "/no/such.json"), 3, "/no/such.json: No such file")
    one_error(osim("sched", TMP), 3, "Is a directory")


def comments_and_rt_apps_own_settings_are_read():
    r = sched('/* c */ {\n// line\n"global": {"duration": -1, "calibration": "CPU0", "logdir": "/tmp", "ftrace": false, "gnuplot": true},\n'
              '"tasks": {"a": {"loop": 2, /* inside */ "run0": 100, "run1": 200, "timer0": {"ref": "unique", "period": 1000}}}} // end\n/* more */\n')
    same((r.code, r.err), (0, b""))


# --- all ---

def main():
    global OSIM, TMP
    args = [a for a in sys.argv[1:] if a != "-v"]
    verbose = "-v" in sys.argv
    OSIM = os.path.abspath(args[0])
    tests = [(n, f) for n, f in list(globals().items())
             if callable(f) and getattr(f, "__module__", "") == "__main__" and "_" in n and n not in ("digest_of", "one_error", "cpio_entry", "busybox_cpio")]
    failed = 0
    for name, fn in tests:
        if args[1:] and name not in args[1:]:
            continue
        with tempfile.TemporaryDirectory(prefix="osim-cli-") as TMP:
            try:
                fn()
                if verbose:
                    print(f"ok {name}", flush=True)
            except (AssertionError, subprocess.TimeoutExpired, ValueError, IndexError, KeyError) as e:
                failed += 1
                line = sys.exc_info()[2].tb_next.tb_lineno
                print(f"NOT ok {name} (line {line}): {type(e).__name__}: {e}", flush=True)
    print(f"{len(tests)} tests, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
