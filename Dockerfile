# The container image of Specbus.
#
#   docker build -t specbus .
#   docker run --rm -p 8080:8080 specbus
#   docker run --rm -p 8080:8080 specbus --log-format json --history-size 1000
#   docker run --rm --entrypoint specbus specbus --help
#
# The image has the service with its pages and the client commands (extras `docs` and `client`). `specbus --help` in it marks the
# commands that need another extra: verify, sdk, bench.
#
# Every setting is an environment variable PUBSUB_*, and an option of the command (which the image's HEALTHCHECK cannot
# see: set the port by PUBSUB_PORT). `docker run --rm specbus --help` and README.md list them all with their defaults:
#
#   PUBSUB_HOST                0.0.0.0 here              PUBSUB_MAX_CONNECTIONS     WebSocket connections
#   PUBSUB_PORT                8080                      PUBSUB_HEARTBEAT_INTERVAL  seconds between info pings
#   PUBSUB_SPECS               folder of the documents   PUBSUB_PING_INTERVAL       seconds between WebSocket pings
#   PUBSUB_API_KEY             asked of clients if set   PUBSUB_PING_TIMEOUT        seconds to answer one
#   PUBSUB_MAX_QUEUE_SIZE      messages a subscription   PUBSUB_SHUTDOWN_DEADLINE   8 seconds here
#   PUBSUB_OVERFLOW_POLICY     drop_oldest, disconnect   PUBSUB_LOG_LEVEL           INFO
#   PUBSUB_HISTORY_SIZE        messages a topic retains  PUBSUB_LOG_FORMAT          text, json
#   PUBSUB_MAX_FRAME_BYTES     largest frame or body     PUBSUB_DEBUG               check what is sent, too
#   PUBSUB_MAX_TOPICS          topics                    PUBSUB_DOCS                references and console
#   PUBSUB_MAX_SUBSCRIPTIONS   subscriptions a conn.     PUBSUB_ROOT_PATH           path that a proxy takes away
#
# To run from documents of your own: -v "$PWD/specs:/specs:ro" -e PUBSUB_SPECS=/specs

FROM python:3.12-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# The dependencies first: this layer stays as it is while only the program changes.
COPY pyproject.toml ./
RUN python -m venv --without-pip /opt/specbus \
    && python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; extras = project['optional-dependencies']; print(*project['dependencies'], *extras['docs'], *extras['client'], sep='\n')" \
        > requirements.txt \
    && pip --python /opt/specbus/bin/python install --no-compile -r requirements.txt \
    # Swagger UI's source maps, and the builds of it that no page uses: 10 MB.
    && cd /opt/specbus/lib/python3.12/site-packages/swagger_ui_bundle/vendor/* \
    && find . -type f ! -name swagger-ui-bundle.js ! -name swagger-ui.css -delete

COPY LICENSE README.md ./
COPY generated generated
COPY service service
COPY specs specs
RUN pip wheel --no-deps --wheel-dir dist . \
    && pip --python /opt/specbus/bin/python install --no-compile --no-deps dist/*.whl \
    && pip --python /opt/specbus/bin/python check


FROM python:3.12-slim

LABEL org.opencontainers.image.title="specbus" \
      org.opencontainers.image.description="Self-hosted real-time publish/subscribe whose OpenAPI and AsyncAPI documents are the program."

# The base image's pip is of no use to a service.
RUN python -m pip uninstall --yes --quiet --root-user-action=ignore pip \
    && rm -rf /usr/local/lib/python3.12/ensurepip \
    && groupadd --system --gid 10001 specbus \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin specbus

COPY --from=build /opt/specbus /opt/specbus

# The base image comes without compiled modules, and the user cannot write them: each start would compile them anew, for
# a second. Here are those that run, the health check's too, and no others.
RUN /opt/specbus/bin/python -c "import http.client, specbus.cli.main, specbus.cli.serve, specbus.site.pages, uvicorn.lifespan.off, uvicorn.protocols.http.httptools_impl, uvloop"

# `docker stop` gives a container 10 seconds before it kills: a graceful stop must be over by then.
ENV PATH=/opt/specbus/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PUBSUB_HOST=0.0.0.0 \
    PUBSUB_PORT=8080 \
    PUBSUB_SHUTDOWN_DEADLINE=8

# By number, so that an orchestrator can tell that it is not root.
USER 10001:10001
WORKDIR /

EXPOSE 8080
STOPSIGNAL SIGTERM

# Not through urllib: it would go through a proxy that the environment names.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('localhost', int(os.environ['PUBSUB_PORT']), timeout=4); c.request('GET', '/health'); sys.exit(c.getresponse().status != 200)"]

ENTRYPOINT ["specbus", "serve"]
CMD []
