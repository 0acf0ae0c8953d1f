FROM python:3.12-slim-bookworm AS build

WORKDIR /build
RUN python -m venv /opt/poetry && /opt/poetry/bin/pip install --no-cache-dir "poetry>=2,<3" "poetry-plugin-export>=1.9,<2"
COPY pyproject.toml poetry.lock ./
RUN /opt/poetry/bin/poetry export --format requirements.txt --output requirements.txt \
    && python -m venv /opt/archive-service \
    && /opt/archive-service/bin/pip install --no-cache-dir --require-hashes --requirement requirements.txt
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY archive_service archive_service
COPY tools/compile_smallfiles.py tools/
RUN python tools/compile_smallfiles.py

FROM python:3.12-slim-bookworm

# The volume of the index takes its mode from this directory: whoever the service runs as may write.
RUN install --directory --mode=1777 /var/cache/archive-service
COPY --from=build /opt/archive-service /opt/archive-service
WORKDIR /app
COPY server.py main.py link.py ./
COPY --from=build /build/archive_service archive_service
COPY test_photos test_photos

ENV PATH=/opt/archive-service/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CACHE_DIR=/var/cache/archive-service
# Numbers, not names: orchestrators check that the user is not root.
USER 10001:10001
EXPOSE 8080
# The index page answers as long as the event loop turns.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8080') + '/', timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["python", "server.py"]
