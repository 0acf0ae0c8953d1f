# What is installed is what poetry.lock says.  Two builds of one commit on one base image give the
# same layers: nothing in them has the time of the build, the mode bits of a checkout, or bytecode
# that depends on either.  Builds with BuildKit and without.
FROM python:3.12-slim-bookworm AS build

# The compiler is for small files (archive_service/storage/local/_smallfiles.c), and for libraries on
# architectures that they have no wheel for; it stays behind in this stage.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/poetry && /opt/poetry/bin/pip install --no-cache-dir --no-compile "poetry>=2,<3" "poetry-plugin-export>=1.9,<2"
WORKDIR /build
COPY pyproject.toml poetry.lock ./
# What of pyproject.toml's optional dependencies is wanted, separated by spaces: s3, redis, postgres, tracing.
ARG EXTRAS=
RUN /opt/poetry/bin/poetry export --format requirements.txt --output requirements.txt --extras "$EXTRAS" \
    && python -m venv --without-pip /opt/archive-service \
    && /opt/poetry/bin/pip --python /opt/archive-service/bin/python install \
        --no-cache-dir --no-compile --require-hashes --requirement requirements.txt
COPY server.py main.py tools/healthcheck.py app/
COPY archive_service app/archive_service
COPY tools/compile_smallfiles.py app/tools/
RUN python app/tools/compile_smallfiles.py && rm -r app/tools app/archive_service/storage/local/*.[ch]
# Bytecode that is never compared with its source needs no time of it.
# The volume of the index takes its mode from the directory: whoever the service runs as may write.
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/archive-service/lib app \
    && mkdir -p layers/libraries/opt layers/service/var/cache \
    && mv /opt/archive-service layers/libraries/opt/ \
    && mv app layers/service/ \
    && chmod -R u=rwX,go=rX layers \
    && mkdir --mode=1777 layers/service/var/cache/archive-service \
    && find layers -exec touch --no-dereference --date=@315532800 {} +

FROM python:3.12-slim-bookworm

# Whole trees from the root on: a directory that COPY has to make itself has the time of the build.
COPY --from=build /build/layers/libraries /
COPY --from=build /build/layers/service /
WORKDIR /app

ENV PATH=/opt/archive-service/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PHOTOS_DIR=/photos \
    CACHE_DIR=/var/cache/archive-service
# Numbers, not names: orchestrators check that the user is not root.
USER 10001:10001
EXPOSE 8080
VOLUME /var/cache/archive-service
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "healthcheck.py"]
STOPSIGNAL SIGTERM
CMD ["python", "server.py"]

ARG VERSION=1.0.0
ARG REVISION=
LABEL org.opencontainers.image.title="archive-service" \
      org.opencontainers.image.description="Streams the directories of a site as resumable zip archives, packed on the fly" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/library/python:3.12-slim-bookworm"
