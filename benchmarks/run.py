"""Measure the service beside its peers, and say which targets are reached.

    python benchmarks/run.py [--quick] [--rounds N] [--data DIR] [--only SCENARIO ...] [--write DIR]

This command does everything: it makes the data, installs what the Python and Node peers need into
the data directory, runs the service and its peers in turn on the same data, and prints the tables.
`--write docs/performance` also writes results.md, results.json and the plots; `--replot` makes
tables and plots of a results.json again.  Linux, with the project installed, and curl.

Other programs take part if they are installed, and are reported as absent otherwise:

    apt-get install nginx-light zip wrk nodejs npm

A full run takes about half an hour, 20 GB of disk and 6 GB of memory; `--quick`, which leaves the
object store out, less than two minutes once the peers are installed.  Measure on a machine that
is otherwise idle.
"""

import sys

from bench.cli import main

if __name__ == "__main__":
    sys.exit(main())
