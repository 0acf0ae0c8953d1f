"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from platformdirs import user_cache_path

from bench.install import install_peers
from bench.machine import machine
from bench.plan import CannotRun, Plan
from bench.plots import plots
from bench.report import targets_table, to_markdown
from bench.results import Outcome, Report, load
from bench.scenarios import SCENARIOS, against
from bench.scenarios.against import ROW_NAMES


def main() -> int:
    """Run the scenarios that the arguments select."""
    options = _options()
    if options.replot:
        report = load(options.replot)
        _write(report, options.write or options.replot.parent)
        return 0
    python, absent = ("", {}) if options.against else install_peers(_made(options.data))
    plan = Plan(
        options.data,
        options.quick,
        options.rounds or (2 if options.quick else 5),
        python,
        absent,
        options.against,
    )
    _made(plan.photos)
    outcomes = _outcomes(plan, options)
    report = Report(machine(plan), outcomes)
    print(to_markdown(report))
    if options.write:
        _write(report, options.write)
    return int(any(outcome.not_run.startswith("failed") for outcome in outcomes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the service beside its peers.")
    parser.add_argument(
        "--quick", action="store_true", help="less data and no store, under two minutes"
    )
    parser.add_argument("--rounds", type=int, help="default 5, with --quick 2")
    default = user_cache_path("archive-service-benchmark")
    parser.add_argument(
        "--data", type=Path, default=default, help=f"directory to keep the data in ({default})"
    )
    names = list(dict.fromkeys([*SCENARIOS, *ROW_NAMES]))
    parser.add_argument(
        "--only", nargs="+", choices=names, metavar="SCENARIO", help=", ".join(SCENARIOS)
    )
    parser.add_argument(
        "--against",
        type=Path,
        metavar="WORKTREE",
        help=f"compare with another checkout instead of peers: {', '.join(ROW_NAMES)}",
    )
    parser.add_argument("--write", type=Path, help="directory for results.md, .json and plots")
    parser.add_argument(
        "--replot", type=Path, metavar="JSON", help="make the files of results.json again"
    )
    options = parser.parse_args()
    options.data = options.data.resolve()
    options.against = options.against and options.against.resolve()
    return options


def _outcomes(plan: Plan, options: argparse.Namespace) -> list[Outcome]:
    if options.against:
        rows = against.rows(plan)
        return [_against(plan, name, rows[name]) for name in options.only or rows]
    return [_outcome(plan, name) for name in options.only or _all(plan)]


def _against(plan: Plan, name: str, row: Callable[[Plan], Outcome]) -> Outcome:
    print(f"{name} …", file=sys.stderr, flush=True)
    try:
        return row(plan)
    except CannotRun as reason:
        return Outcome(name, name, not_run=f"can't be run here: {reason}")
    except RuntimeError as failure:
        return Outcome(name, name, not_run=f"failed: {failure}")


def _all(plan: Plan) -> list[str]:
    # Starting a store takes a third of the time of a quick run.
    return [name for name in SCENARIOS if not plan.is_quick or name != "store"]


def _outcome(plan: Plan, name: str) -> Outcome:
    began_s = time.monotonic()
    print(f"{name} …", file=sys.stderr, flush=True)
    try:
        scenario = SCENARIOS[name]
        outcome = scenario.run(plan)
        if outcome.is_short_of_a_target and not plan.is_quick:
            outcome = replace(outcome, profile=scenario.profile(plan))
    except CannotRun as reason:
        return Outcome(name, name, not_run=f"can't be run here: {reason}")
    except RuntimeError as failure:  # the figures of the other scenarios stay valid
        return Outcome(name, name, not_run=f"failed: {failure}")
    took_s = time.monotonic() - began_s
    print(f"{targets_table([outcome])}\n({took_s:.0f} s)", file=sys.stderr, flush=True)
    return outcome


def _write(report: Report, directory: Path) -> None:
    _made(directory)
    (directory / "results.md").write_text(to_markdown(report))
    report.save(directory / "results.json")
    for name, drawing in plots(report).items():
        (directory / f"{name}.svg").write_text(drawing)


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory
