"""The checks of `archive-service check` on the ports."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from http import HTTPStatus

from archive_service.cli.doctor.findings import Finding, Severity
from archive_service.cli.sockets import NoSuchHost, NotListening, listening
from archive_service.config.settings import Settings

_ANSWER_TIMEOUT_S = 2.0
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # nosec B104 # noqa: S104 - compared, not bound


def port_findings(settings: Settings) -> Iterator[Finding]:
    """Check that the service can listen, or answers already."""
    yield _port(settings.host, settings.port, "--host and --port", asked_port=settings.monitor_port)
    if settings.monitor_port:
        flags = "--monitor-host and --monitor-port"
        yield _port(settings.monitor_host, settings.monitor_port, flags, asked_port=0)


def _port(host: str, port: int, flags: str, *, asked_port: int) -> Finding:
    where = f"{host}:{port}"
    try:
        for listener in listening(host, port, flags=flags):
            listener.close()
    except NoSuchHost as error:
        return Finding(Severity.WRONG, "port", f"{host} is {error}: choose another with {flags}")
    except NotListening as error:
        if _answers(host, asked_port or port):
            return Finding(Severity.GOOD, "port", f"{where}, where the service answers")
        return Finding(Severity.WRONG, "port", str(error))
    return Finding(Severity.GOOD, "port", f"{where} is free")


def _answers(host: str, port: int) -> bool:
    address = _ANY_ADDRESS.get(host, host)
    connection = http.client.HTTPConnection(address, port, timeout=_ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
