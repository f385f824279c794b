#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants one offence at a time in a small clean tree and asks tidy.py for it: a check that cannot fail proves nothing."""
import argparse
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LICENCE = '/* SPDX-License-Identifier: MIT */\n'
ESSAY = LICENCE + '/*\n' + ' * words\n' * 10 + ' * Units: a. Owner: b. Locking: c. Errors: d. Time: e. Source: f.\n */\n'
GUARDED = LICENCE + '#ifndef G\n#define G\nint g(void);\n#endif\n'

CLEAN = {
    'src/lib/a.h': GUARDED,
    'src/lib/a.c': ESSAY + '#include "lib/a.h"\nint a(int x)\n{\n\treturn x + 1;\n}\n',
    'src/hw/b.c': ESSAY + '#include <string.h>\n#include "lib/a.h"\nint a(int x);\nint b(char *p)\n{\n\tmemset(p, 0, 1);\n'
                  '\treturn a(1);\n}\n',
    'src/hw/fp/f.c': ESSAY + 'double f(double x)\n{\n\treturn x * x;\n}\n',
    'include/osim/osim.h': GUARDED,
}

# rule, name of the planted thing, file, its text, a piece of the message
PLANTED = [
    ('includes', 'a floor above', 'src/lib/a.c', ESSAY + '#include "hw/b.h"\n', 'includes "hw/b.h" of floor 1'),
    ('includes', 'mm in mm/alloc', 'src/mm/alloc/p.c', ESSAY + '#include "mm/vma.h"\n', 'floor 3 includes'),
    ('includes', 'a host header', 'src/hw/b.c', ESSAY + '#include <stdlib.h>\n', '<stdlib.h> is the host'),
    ('includes', 'a file on no floor', 'src/utils/u.c', ESSAY, 'is on no floor'),
    ('includes', 'an inner header in a public one', 'include/osim/osim.h', GUARDED + '#include "lib/a.h"\n', 'public header'),
    ('headers', 'a header that needs another', 'src/lib/a.h', LICENCE + 'u32 x(void);\n', 'does not compile alone'),
    ('headers', 'a header without a guard', 'src/lib/a.h', LICENCE + 'struct s {\n\tint x;\n};\n', 'does not compile alone'),
    ('headers', 'a public header that is not C++', 'include/osim/osim.h', GUARDED.replace('int g(void)', 'int g(int new)'),
     'c++17'),
    ('headers', 'a header that includes everything', 'src/lib/a.h',
     LICENCE + '#ifndef G\n#define G\n' + '#include "lib/a.h"\n' * 13 + '#endif\n', 'more than a dozen'),
    ('essays', 'no licence', 'src/lib/a.h', 'int g(void);\n', 'does not start'),
    ('essays', 'no essay', 'src/lib/a.c', LICENCE + 'int a;\n', 'no essay'),
    ('essays', 'a missing word', 'src/lib/a.c', ESSAY.replace('Locking', 'Lock'), 'no "Locking:"'),
    ('essays', 'words out of order', 'src/lib/a.c', ESSAY.replace('Units: a. Owner: b.', 'Owner: b. Units: a.'), 'Owner:'),
    ('text', 'a path of this machine', 'src/lib/a.c', ESSAY + '/* {SOURCE}/src */\n', 'names'),
    ('text', 'a space at the end', 'src/lib/a.c', ESSAY + 'int a; \n', 'space at the end'),
    ('text', 'no newline', 'src/lib/a.c', ESSAY + 'int a;', 'no newline'),
    ('floating_point', 'a double', 'src/hw/b.c', ESSAY + 'double d(void);\n', 'double outside'),
    ('floating_point', 'a literal', 'src/hw/b.c', ESSAY + 'int d(void)\n{\n\treturn 2.5 > 2;\n}\n', '2.5 outside'),
    ('floating_point', 'an instruction', 'src/hw/b.c',
     ESSAY + '__attribute__((target("sse2"))) void d(void)\n{\n\t__asm__ volatile("addsd %xmm0, %xmm1");\n}\n', 'addsd'),
    ('writable_data', 'a static variable', 'src/hw/b.c', ESSAY + 'int b(void)\n{\n\tstatic int n;\n\treturn n++;\n}\n', 'writable'),
    ('writable_data', 'an initialised table', 'src/hw/b.c', ESSAY + 'int table[] = { 1, 2 };\n', 'table (8 bytes)'),
    ('writable_data', 'a thread-local', 'src/hw/b.c', ESSAY + '_Thread_local int t;\nint b(void)\n{\n\treturn t;\n}\n', '.tbss'),
    ('undefined_symbols', 'a host call', 'src/hw/b.c', ESSAY + 'void *malloc(unsigned long);\nvoid *b(void)\n{\n\treturn malloc(1);\n}\n',
     'calls malloc'),
    ('undefined_symbols', 'a call upward', 'src/lib/a.c', ESSAY + 'int b(char *);\nint a(void)\n{\n\treturn b(0);\n}\n', 'calls b'),
    ('recursion', 'a function that calls itself', 'src/hw/b.c',
     ESSAY + 'int b(int n)\n{\n\treturn n ? b(n - 1) + b(n - 2) : 1;\n}\n', 'recursion: b'),
    ('recursion', 'two that call each other', 'src/hw/b.c',
     ESSAY + 'int c(int);\nint b(int n)\n{\n\treturn n ? c(n - 1) + 1 : 1;\n}\n'
     '__attribute__((noinline)) int c(int n)\n{\n\treturn n ? b(n - 2) + 3 : 2;\n}\n', 'recursion: b c'),
]


def build(cc, tree):
    archives = []
    for floor, folders in (('lib', ['lib']), ('hw', ['hw', 'hw/fp'])):
        objects = []
        for folder in folders:
            for name in sorted(os.listdir(os.path.join(tree, 'src', folder))):
                if name.endswith('.c'):
                    obj = os.path.join(tree, name + '.o')
                    subprocess.run([cc, '-std=gnu11', '-O1', '-fPIC', '-fno-inline', '-I' + tree + '/src', '-c', '-o', obj,
                                    os.path.join(tree, 'src', folder, name)], check=True, stderr=subprocess.DEVNULL)
                    objects.append(obj)
        lib = os.path.join(tree, f'{floor}.a')
        if os.path.exists(lib):
            os.remove(lib)
        subprocess.run(['ar', 'rcs', lib, *objects], check=True)
        archives.append(f'{floor}={lib}')
    return archives


def ask(rule, cc, tree, archives):
    p = subprocess.run([sys.executable, os.path.join(HERE, 'tidy.py'), rule, '--source', tree, '--build', tree + '-none',
                        '--cc', cc, *archives], capture_output=True, text=True)
    if p.returncode not in (0, 1) or p.stderr:
        sys.exit(f'{rule}: tidy.py failed:\n{p.stdout}{p.stderr}')
    return p.returncode, p.stdout


def write(tree, path, text):
    full = os.path.join(tree, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, 'w', encoding='utf-8') as f:
        f.write(text.replace('{SOURCE}', os.path.realpath(tree)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--cc', default='gcc')
    a = p.parse_args()
    failed = 0
    object_rules = ('floating_point', 'writable_data', 'undefined_symbols', 'recursion')

    with tempfile.TemporaryDirectory() as tree:
        for path, text in CLEAN.items():
            write(tree, path, text)
        archives = build(a.cc, tree)
        for rule in sorted({r[0] for r in PLANTED}):
            rc, out = ask(rule, a.cc, tree, archives)
            if rc:
                print(f'{rule}: found something in the clean tree:\n{out}')
                failed += 1

    for rule, what, path, text, message in PLANTED:
        with tempfile.TemporaryDirectory() as tree:
            for clean, clean_text in CLEAN.items():
                write(tree, clean, clean_text)
            write(tree, path, text)
            archives = build(a.cc, tree) if rule in object_rules else []
            rc, out = ask(rule, a.cc, tree, archives)
            if rc != 1 or message not in out:
                print(f'{rule}: missed {what}:\n{out}')
                failed += 1
    print(f'{len(PLANTED)} offences planted, {failed} failures')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
