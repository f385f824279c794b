#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
tidy.py RULE --source DIR --build DIR --cc CC [FLOOR=ARCHIVE ...]: one machine-checked house rule; see docs/ARCHITECTURE.md.

Prints one line per offence, `file:line: what`, and exits 1 when there is any. A rule looks at the text of the sources or at the
object code of the floors' archives; the second kind is what the compiler really made, so a macro cannot hide from it.
"""
import argparse
import os
import re
import subprocess
import sys

# --- the house -------------------------------------------------------------------------------------------------------

# Folder prefix of src/ -> floor; the longest prefix wins. A file includes its own floor and those below.
FLOORS = {
    'host': 0, 'lib': 0,
    'hw': 1,
    'kernel/trace': 2, 'kernel/irq': 2, 'kernel/time': 2, 'kernel/percpu': 2,
    'mm/alloc': 3,
    'sched': 4, 'kernel/locking': 4,
    'mm': 5,
    'vfs': 6,
    'ipc': 7,
    'kernel/entry': 8, 'kernel/proc': 8, 'kernel/exec': 8, 'kernel/signal': 8,
    'kernel/module': 8, 'kernel/security': 8, 'kernel/cgroup': 8,
    'osim': 9,
}

# lib is below host although both are floor 0: it must not touch the host at all.
LIB_MAY_INCLUDE = ('lib/',)

# System headers that are pure: types, macros, and functions of their arguments only.
PURE_HEADERS = {
    'stdbool.h', 'stddef.h', 'stdint.h', 'stdarg.h', 'stdnoreturn.h', 'stdalign.h', 'limits.h', 'inttypes.h', 'string.h',
    'strings.h', 'stdio.h', 'endian.h', 'stdatomic.h', 'xxhash.h', 'immintrin.h',
    'emmintrin.h', 'x86intrin.h', 'cpuid.h',
}

# What floors other than host may leave undefined for libc and friends.
MAY_BE_UNDEFINED = re.compile(r'''^(
    mem(cpy|move|set|cmp|chr|rchr|mem|pcpy) | str(n?len|n?cmp|n?cpy|chr|rchr|str|spn|cspn|n?cat|pbrk|chrnul|sep) | stpcpy
  | rawmemchr | ffs | ffsl | ffsll | snprintf | vsnprintf | bcmp
  | XXH[0-9A-Za-z_]+ | Zy(dis|core|an)[A-Za-z0-9_]*
  | __(mem|str|stp)[a-z]+_chk | __v?snprintf_chk | __stack_chk_fail | __isoc99_[a-z]+
  | __(u?div|u?mod|mul|u?divmod|popcount|clz|ctz|ashl|ashr|lshr)[a-z]*[sdt]i[2-4]
  | _GLOBAL_OFFSET_TABLE_ | __gcov.*
)$''', re.X)

ESSAY_WORDS = ('Units', 'Owner', 'Locking', 'Errors', 'Time', 'Source')

# Cycles of the call graph that are there on purpose, each bounded; `name: why`. The cycle goes when one of its functions is named.
RECURSION_ALLOWED = {
    'lapic_raise': 'an error interrupt whose vector is itself illegal is not raised: depth 2',
    'machine_bug': 'a broken invariant found while stopping the machine: stop_forever() never comes back',
}

# Host functions that a header of a dependency brings in as unused static functions where nothing is optimised away.
DEAD_CALLERS = {'malloc': {'XXH_malloc'}, 'free': {'XXH_free'}}


def floor_of(path):
    """Floor of a path relative to src/, or None."""
    best = None
    for prefix, floor in FLOORS.items():
        if path.startswith(prefix + '/') or path == prefix + '.c':
            if best is None or len(prefix) > len(best[0]):
                best = (prefix, floor)
    return best[1] if best else None


def sources(root, exts, folders):
    for folder in folders:
        for where, dirs, names in os.walk(os.path.join(root, folder)):
            dirs.sort()
            for name in sorted(names):
                if name.endswith(exts):
                    yield os.path.relpath(os.path.join(where, name), root)


def read(root, path):
    with open(os.path.join(root, path), encoding='utf-8') as f:
        return f.read()


def without_comments(text):
    """The same text with comments and literals blanked, newlines kept."""
    def blank(m):
        return re.sub(r'[^\n]', ' ', m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def line_of(text, at):
    return text.count('\n', 0, at) + 1


# --- rules on text -----------------------------------------------------------------------------------------------------

def rule_includes(a):
    """Includes go down the floors only, and only host includes the host's headers."""
    for path in sources(a.source, ('.c', '.h', '.S'), ['src']):
        inside = path[len('src/'):]
        mine = floor_of(inside)
        if mine is None:
            yield f'{path}:1: is on no floor (see FLOORS in tidy.py)'
            continue
        text = read(a.source, path)
        for m in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', text, re.M):
            at, quote, name = line_of(text, m.start()), m.group(1), m.group(2)
            if quote == '"':
                its = floor_of(name)
                if its is None:
                    yield f'{path}:{at}: include "{name}" is not written relative to src/'
                elif its > mine:
                    yield f'{path}:{at}: floor {mine} includes "{name}" of floor {its}'
                elif inside.startswith('lib/') and not name.startswith(LIB_MAY_INCLUDE):
                    yield f'{path}:{at}: lib includes "{name}"'
            elif name.startswith('osim/'):
                if mine < 9:
                    yield f'{path}:{at}: floor {mine} includes the public <{name}>'
            elif not inside.startswith('host/') and name not in PURE_HEADERS and not name.startswith('Zydis/'):
                yield f'{path}:{at}: <{name}> is the host\'s: only src/host/ touches it'
    for path in sources(a.source, ('.h',), ['include']):
        text = read(a.source, path)
        for m in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', text, re.M):
            yield f'{path}:{line_of(text, m.start())}: a public header includes "{m.group(1)}"'


def compile_alone(cc, flags, path, text):
    p = subprocess.run([cc, *flags, '-fsyntax-only', '-'], input=text, text=True, capture_output=True)
    if p.returncode or p.stderr:
        yield f'{path}:1: does not compile alone with {cc} {flags[0]}:\n' + p.stderr.rstrip()


def rule_headers(a):
    """Every header compiles alone, and twice; the public ones as C++17 too. A header pulls in no more than a dozen others."""
    inc = ['-I' + os.path.join(a.source, 'src'), '-I' + os.path.join(a.source, 'include')]
    warn = ['-Wall', '-Wextra', '-Wno-unused-function']
    for path in sources(a.source, ('.h',), ['src', 'include']):
        name = path.split('/', 1)[1]
        quoted = f'<{name}>' if path.startswith('include/') else f'"{name}"'
        text = f'#include {quoted}\n#include {quoted}\nint tidy_main_;\n'
        yield from compile_alone(a.cc, ['-std=gnu11', *warn, *inc, '-xc'], path, text)
        if path.startswith('include/'):
            yield from compile_alone(a.cc, ['-std=c11', '-pedantic', *warn, *inc, '-xc'], path, text)
            yield from compile_alone(a.cc, ['-std=c++17', '-pedantic', *warn, *inc, '-xc++'], path, text)
        direct = len(re.findall(r'^[ \t]*#[ \t]*include[ \t]*"', read(a.source, path), re.M))
        if direct > 12:
            yield f'{path}:1: includes {direct} headers; more than a dozen is a design error'


def rule_essays(a):
    """Every .c of src/ opens with an essay that ends in the fixed words, in order; every file starts with its licence."""
    for path in sources(a.source, ('.c', '.h', '.S'), ['src', 'include', 'tools', 'examples', 'bench', 'tests']):
        text = read(a.source, path)
        if not text.startswith('/* SPDX-License-Identifier: MIT */\n'):
            yield f'{path}:1: does not start with /* SPDX-License-Identifier: MIT */'
        if not (path.startswith('src/') and path.endswith('.c')):
            continue
        m = re.match(r'/\* SPDX[^\n]*\n\s*/\*(.*?)\*/', text, re.S)
        if not m:
            yield f'{path}:2: no essay opens the file'
            continue
        at = 0
        for word in ESSAY_WORDS:
            found = re.search(rf'\b{word}(, [A-Z][a-z]+)*:', m.group(1)[at:]) # "Locking, Errors: none." is two
            if not found:
                yield f'{path}:2: the essay has no "{word}:" (in the order {", ".join(ESSAY_WORDS)})'
                break
            at += found.start() + len(word)
        length = m.group(1).count('\n')
        if length < 10:
            yield f'{path}:2: the essay has {length} lines'


def rule_text(a):
    """No path of the machine it was written on, no tabs or spaces at line ends, a newline at the end, Unix lines."""
    machine = {os.path.realpath(a.source), os.path.realpath(a.build), os.path.expanduser('~')}
    machine = {m for m in machine if m.count('/') >= 2} | {os.path.realpath(a.source) + '/'}
    listed = subprocess.run(['git', '-C', a.source, 'ls-files', '-co', '--exclude-standard'], capture_output=True, text=True)
    if listed.returncode == 0:
        paths = [p for p in listed.stdout.split('\n') if p]
    else: # a tarball: no repository
        paths = list(sources(a.source, ('.c', '.h', '.S', '.md', '.txt', '.sh', '.py', '.cmake'),
                             ['src', 'include', 'tests', 'tools', 'bench', 'examples', 'docs', 'scripts', 'cmake']))
    for path in paths:
        full = os.path.join(a.source, path)
        if os.path.islink(full) or not os.path.isfile(full):
            continue
        with open(full, 'rb') as f:
            data = f.read()
        if b'\0' in data or not data:
            continue
        text = data.decode('utf-8', errors='replace')
        for m in machine:
            if m in text:
                yield f'{path}:{line_of(text, text.index(m))}: names {m}'
        if '\r' in text:
            yield f'{path}:1: carriage returns'
        if not text.endswith('\n'):
            yield f'{path}:{line_of(text, len(text))}: no newline at the end'
        if path.endswith(('.c', '.h', '.S', '.py', '.cmake')):
            for m in re.finditer(r'[ \t]+$', text, re.M):
                yield f'{path}:{line_of(text, m.start())}: space at the end of the line'


def rule_floating_point(a):
    """No float, double or floating literal in src/ outside hw/fp; and no such instruction in the objects."""
    for path in sources(a.source, ('.c', '.h'), ['src']):
        if path.startswith('src/hw/fp/'):
            continue
        text = without_comments(read(a.source, path))
        for m in re.finditer(r'\b(float|double|_Float\w+|__float\w+)\b|\b\d+\.\d*(?:[eE][-+]?\d+)?[fFlL]?\b', text):
            yield f'{path}:{line_of(text, m.start())}: {m.group(0)} outside src/hw/fp/'
    fp = re.compile(r'\t(v?(?:add|sub|mul|div|sqrt|min|max)[sp][sd]|v?u?comis[sd]|v?cvt\w+|v?round[sp][sd]|'
                    r'f(?:add|sub|mul|div|sqrt|ild|ist)\w*)\s')
    for floor, archive in a.archives:
        text = run('objdump', '-d', '--no-show-raw-insn', '-w', archive)
        for m in fp.finditer(text): # the object and the function: what was named last before it
            head = text.rindex(':     file format', 0, m.start())
            obj = text[text.rfind('\n', 0, head) + 1:head]
            if not fp_object(a, floor, obj):
                start = text.rindex('>:\n', 0, m.start())
                yield f'{floor}:{obj}:{text[text.rindex("<", 0, start) + 1:start]}: {m.group(1)}'


def fp_object(a, floor, obj):
    """Does the object come from src/hw/fp/? Archives keep only the file's name."""
    return floor == 'hw' and os.path.exists(os.path.join(a.source, 'src/hw/fp', obj[:-2] if obj.endswith('.o') else obj))


# --- rules on objects ---------------------------------------------------------------------------------------------------

def run(*cmd):
    return subprocess.run(cmd, check=True, capture_output=True, text=True, errors='replace').stdout


def disassembly(archive):
    """(object, function, instruction line), relocations merged into the line of their instruction."""
    obj = function = '?'
    held = None
    for line in run('objdump', '-d', '-r', '--no-show-raw-insn', '-w', archive).split('\n'):
        m = re.match(r'(\S+):\s+file format', line)
        if m:
            if held:
                yield held
            held, obj = None, m.group(1)
            continue
        m = re.match(r'[0-9a-f]+ <(.+)>:$', line)
        if m:
            if held:
                yield held
            held, function = None, m.group(1)
            continue
        m = re.match(r'\s+[0-9a-f]+:\s+(R_X86_64_\S+\s+\S+)', line)
        if m and held:
            held = (held[0], held[1], held[2] + ' ' + m.group(1))
            continue
        m = re.match(r'\s*[0-9a-f]+:\t(.*)', line)
        if m:
            if held:
                yield held
            held = (obj, function, '\t' + m.group(1))
    if held:
        yield held


def rule_writable_data(a):
    """No writable static data and no thread-locals in any floor. (.data.rel.ro is constant once loaded.)"""
    for floor, archive in a.archives:
        obj = '?'
        for line in run('objdump', '-t', '-w', archive).split('\n'):
            m = re.match(r'(\S+):\s+file format', line)
            if m:
                obj = m.group(1)
                continue
            m = re.match(r'[0-9a-f]+ .{7} (\S+)\s+([0-9a-f]+)\s+(.*)', line)
            if not m:
                continue
            section, size, name = m.group(1), int(m.group(2), 16), m.group(3)
            writable = re.match(r'\.(data|bss|tdata|tbss|ldata|lbss)(\.|$)|\*COM\*', section)
            if writable and not section.startswith('.data.rel.ro') and size:
                yield f'{floor}:{obj}: {name} ({size} bytes) is writable static data in {section}'


def rule_undefined_symbols(a):
    """Every floor but host calls only floors below it and pure functions of libc, xxHash and Zydis."""
    below = set()
    for floor, archive in a.archives:
        defined, undefined = set(), {}
        obj = '?'
        for line in run('nm', '-P', archive).split('\n'):
            m = re.match(r'.*\[(.+)\]:$', line)
            if m:
                obj = m.group(1)
                continue
            f = line.split()
            if len(f) < 2:
                continue
            if f[1] in 'Uwv':
                undefined.setdefault(f[0], obj)
            elif f[1].isupper():
                defined.add(f[0])
        if floor != 'host':
            for name, obj in sorted(undefined.items()):
                if name in defined or name in below or MAY_BE_UNDEFINED.match(name):
                    continue
                if name not in DEAD_CALLERS or callers(archive, name) - DEAD_CALLERS[name]:
                    yield f'{floor}:{obj}: calls {name}, which no floor below defines and which is not pure'
        below |= defined


def callers(archive, name):
    """The functions whose code refers to name."""
    return {function for _, function, line in disassembly(archive) if re.search(rf'R_X86_64_\S+\s+{re.escape(name)}\b', line)}


def strongly_connected(graph):
    """Tarjan's algorithm, without recursion. Components with a cycle."""
    index, low, on, stack, out, count = {}, {}, set(), [], [], 0
    for root in sorted(graph):
        if root in index:
            continue
        work = [(root, iter(sorted(graph[root])))]
        index[root] = low[root] = count
        count += 1
        stack.append(root)
        on.add(root)
        while work:
            v, it = work[-1]
            for w in it:
                if w not in graph:
                    continue
                if w not in index:
                    index[w] = low[w] = count
                    count += 1
                    stack.append(w)
                    on.add(w)
                    work.append((w, iter(sorted(graph[w]))))
                    break
                if w in on:
                    low[v] = min(low[v], index[w])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[v])
                if low[v] == index[v]:
                    part = set()
                    while True:
                        w = stack.pop()
                        on.discard(w)
                        part.add(w)
                        if w == v:
                            break
                    if len(part) > 1 or v in graph[v]:
                        out.append(part)
    return out


def rule_recursion(a):
    """No cycle of direct calls. (Calls through hooks and ops tables are not seen: the floors bound those.)"""
    graph = {}
    statics = {}
    calls = []
    for floor, archive in a.archives:
        for obj, function, line in disassembly(archive):
            key = (floor, obj, function)
            graph.setdefault(key, set())
            m = re.match(r'\t(?:call|jmp)\w*\s+(.*)', line)
            if not m:
                continue
            reloc = re.search(r'R_X86_64_(?:PLT32|PC32|GOTPCREL\w*)\s+([\w.$]+)', line)
            direct = re.search(r'<([\w.$]+)(\+0x[0-9a-f]+)?>', m.group(1))
            if reloc and not reloc.group(1).startswith('.'):
                callee = reloc.group(1)
            elif direct and not reloc and not direct.group(2):
                callee = direct.group(1)
            else:
                continue
            # A jump to the own start is a loop the compiler made of a tail call: the stack does not grow.
            if not (callee == function and line.startswith('\tjmp')):
                calls.append((key, callee))
    for key in graph:
        statics.setdefault(key[2], []).append(key)
    for key, name in calls:
        there = statics.get(name, [])
        mine = [k for k in there if k[:2] == key[:2]]
        if mine or there:
            graph[key].add((mine or there)[0])
    for part in strongly_connected(graph):
        names = sorted({k[2] for k in part})
        if not any(n in RECURSION_ALLOWED for n in names):
            yield f'{sorted(part)[0][0]}:{sorted(part)[0][1]}: recursion: ' + ' '.join(names)


RULES = {name[len('rule_'):]: f for name, f in list(globals().items()) if name.startswith('rule_')}


def main(argv):
    p = argparse.ArgumentParser()
    p.add_argument('rule', choices=sorted(RULES))
    p.add_argument('--source', required=True)
    p.add_argument('--build', default='/nonexistent')
    p.add_argument('--cc', default='gcc')
    p.add_argument('archives', nargs='*')
    a = p.parse_intermixed_args(argv)
    a.archives = [tuple(x.split('=', 1)) for x in a.archives]
    offences = list(RULES[a.rule](a))
    for o in offences:
        print(o)
    print(f'{a.rule}: {len(offences)} offences')
    return 1 if offences else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
