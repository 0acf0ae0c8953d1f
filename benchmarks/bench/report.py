"""The report as Markdown: the targets, then every figure."""

from __future__ import annotations

from collections.abc import Sequence

from bench.results import (
    BOTH_CPU,
    RATE,
    REQUESTS,
    REQUESTS_PER_CPU,
    WALL,
    Outcome,
    Report,
    Sample,
    figure,
    ratio,
)

_COMPARED = (RATE, REQUESTS, REQUESTS_PER_CPU, BOTH_CPU, WALL)
_INTRODUCTION = """\
Made by `python benchmarks/run.py`.
Each figure is the median over the rounds, with the least and the most in brackets."""
_WORDS = {True: "reached", False: "**not reached**", None: "not measured"}


def to_markdown(report: Report) -> str:
    """Return the whole report."""
    sections = [
        "# Results",
        _INTRODUCTION,
        "  \n".join(report.machine),
        targets_table(report.outcomes),
        *_absent(report),
        *(section for outcome in report.outcomes for section in _section(outcome)),
    ]
    return "\n\n".join(sections) + "\n"


def targets_table(outcomes: Sequence[Outcome]) -> str:
    """Return the targets, and whether they were reached."""
    rows = [
        (outcome.name, target.what, target.measured, _WORDS[target.is_reached])
        for outcome in outcomes
        for target in outcome.targets
    ]
    rows += [
        (outcome.name, "", outcome.not_run, "not measured")
        for outcome in outcomes
        if outcome.not_run
    ]
    return _table(("scenario", "target", "measured", ""), rows)


def _absent(report: Report) -> list[str]:
    absent = {name: why for outcome in report.outcomes for name, why in outcome.absent.items()}
    return [f"Absent: {', '.join(f'{name} ({why})' for name, why in absent.items())}."] * bool(
        absent
    )


def _section(outcome: Outcome) -> list[str]:
    if outcome.not_run:
        return []
    figures = _figures(outcome)
    compared = [name for name in figures if name in _COMPARED and outcome.ours]
    head = ("", *figures, *(f"{outcome.ours} ÷ it: {name}" for name in compared))
    rows = [
        (
            name,
            *(str(figure(rounds, column)) if column in rounds[0] else "" for column in figures),
            *_ratios(outcome, rounds, compared),
        )
        for name, rounds in outcome.samples.items()
    ]
    notes = ["\n".join(f"- {note}" for note in outcome.notes)] if outcome.notes else []
    return [
        f"## {outcome.name}",
        f"{outcome.title}.",
        _table(head, rows),
        *notes,
        *_profile(outcome),
    ]


def _profile(outcome: Outcome) -> list[str]:
    if not outcome.profile:
        return []
    lines = "\n".join(f"    {line}" for line in outcome.profile)
    return [
        "Not reached; where the service's time goes, waiting left out, by innermost function:",
        lines,
    ]


def _figures(outcome: Outcome) -> list[str]:
    """Return the columns; the time says nothing new where there is a rate."""
    names = dict.fromkeys(name for rounds in outcome.samples.values() for name in rounds[0])
    return [name for name in names if name != WALL or RATE not in names]


def _ratios(outcome: Outcome, theirs: Sequence[Sample], compared: Sequence[str]) -> list[str]:
    ours = outcome.samples.get(outcome.ours, ())
    if theirs is ours or len(theirs) != len(ours):
        return [""] * len(compared)
    return [str(ratio(ours, theirs, name)) for name in compared]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
