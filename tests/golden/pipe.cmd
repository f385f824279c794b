# Two native tasks over a pipe: committed bytes only, so it has a golden digest.
"$BUILD/tests/package/example_pipe"
