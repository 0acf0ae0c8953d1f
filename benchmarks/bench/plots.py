from bench.results import Report


def plots(report: Report) -> dict[str, str]:
    return {}
