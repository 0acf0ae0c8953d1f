"""Exit with 0 if the service in this container is alive, for a container engine."""

import http.client
import os
import sys

TIMEOUT_S = 4.0


def main() -> int:
    """Request /healthz; return 0 if it answers OK, else 1."""
    # Compose passes a setting on as an empty text where .env has none.
    port = int(os.environ.get("MONITOR_PORT") or 0) or int(os.environ.get("PORT") or 8080)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        return 0 if connection.getresponse().status == 200 else 1
    except OSError as error:
        print(f"port {port}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
