"""docs/scaling.md has the figures of its script, which computes them from measurements."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import pytest
from harness.scaling import SCRIPT, scaling_module
from harness.server import REPOSITORY

scaling = scaling_module()
# Round figures, so that what follows can be computed by head.
FOUND = scaling.Measured(
    quick_cpu_s_per_gb=0.5,
    learning_cpu_s_per_gb=0,
    slow_cpu_s_per_gb=4,
    process_mb=100,
    download_kb=60,
    kernel_kb=140,
    process_gbit_per_s=20,
)


def planned(gbit_per_s: float, *, bytes_per_s: float = 1e6, cpu: float = 0.5) -> Any:  # noqa: ANN401 - of a module that is loaded
    return scaling.planned(FOUND, gbit_per_s, visitor_bytes_per_s=bytes_per_s, cpu_s_per_gb=cpu)


def test_the_document_shows_what_the_script_prints() -> None:
    printed = subprocess.run(
        [sys.executable, str(SCRIPT)], capture_output=True, check=True, text=True, encoding="utf-8"
    ).stdout
    text = (REPOSITORY / "docs" / "scaling.md").read_text(encoding="utf-8")
    _, begun, rest = text.partition("<!-- python benchmarks/scaling.py -->\n")
    assert begun
    assert rest.partition("<!-- end -->\n")[0] == printed


def test_eight_gbit_per_s_take_half_a_core_at_half_a_cpu_second_for_a_gigabyte() -> None:
    assert planned(8).cores == pytest.approx(0.5)
    assert planned(8).downloads == 1000


def test_replicas_follow_from_what_is_scarcest_and_one_is_spare() -> None:
    # 80 Gbit/s are 10 GB/s: 5 cores, which are 4.2 replicas of two at 60 %; 13.3 network cards.
    assert (planned(80).replicas, planned(80).bound_by) == (14 + 1, "lines")
    # At 4 CPU-s/GB 40 cores: 33.3 replicas.
    assert (planned(80, cpu=4).replicas, planned(80, cpu=4).bound_by) == (34 + 1, "cores")
    # A million visitors through one front with 28,232 ports: 35.4 replicas.
    crowd = planned(80, bytes_per_s=1e4)
    assert (crowd.replicas, crowd.bound_by) == (36 + 1, "ports of one front")


def test_each_download_takes_memory_of_the_process_and_of_the_kernel() -> None:
    more = scaling.memory_mb(FOUND, 1000) - scaling.memory_mb(FOUND, 0)
    assert more == pytest.approx(200)


def test_learning_costs_what_its_share_is() -> None:
    learning = dataclasses.replace(FOUND, learning_cpu_s_per_gb=1)
    plan = scaling.planned(learning, 8, visitor_bytes_per_s=1e6, cpu_s_per_gb=0.5)
    assert plan.cores == pytest.approx(0.5 + scaling.FIRST_SHARE)


def test_ceilings_come_lowest_first() -> None:
    found = [at for _, at in scaling.ceilings(FOUND)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(8 / FOUND.slow_cpu_s_per_gb)


def test_what_was_measured_is_read_from_the_benchmark() -> None:
    results = scaling.results()
    for outcome in results["outcomes"]:
        if outcome["name"] == "many slow clients":
            (sample,) = outcome["samples"]["service"]
            sample["RSS each, KB"] = 1.5
            outcome["title"] = "1,000 clients"
            sample["the system's TCP buffers, MB"] = 7.0
            sample["median client, KB/s"] = 100.0
            sample["server's CPU, % of a core"] = 50.0
    found = scaling.measured(results)
    assert (found.download_kb, found.kernel_kb) == (1.5, 7.0)
    assert found.slow_cpu_s_per_gb == pytest.approx(5)  # half a core for 0.1 GB/s
