# Tidegate in a container: `docker build -t tidegate .`
# Two stages: the first installs, the second holds only what runs.

FROM python:3.13-slim AS build
RUN pip install --no-cache-dir uv
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/tidegate
WORKDIR /build
# What Tidegate needs changes less often than Tidegate: a layer of its own.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-dev --no-install-project
COPY src src
RUN uv sync --frozen --no-dev --no-editable

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home --home-dir /data tidegate
COPY --from=build /opt/tidegate /opt/tidegate
# Loopback of a container reaches nobody. Beyond loopback, Tidegate starts only with keys for its
# clients: give it TIDEGATE_API_KEYS.
ENV PATH=/opt/tidegate/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TIDEGATE_HOST=0.0.0.0 \
    TIDEGATE_PORT=8000
USER 10001
# A tidegate.toml or .env that is mounted here is found.
WORKDIR /data
EXPOSE 8000
# Open requests get `[server] grace_s` to finish; give the container a little more (see compose.yaml).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"TIDEGATE_PORT\"]}/health/live', timeout=2)"]
ENTRYPOINT ["tidegate"]
CMD ["serve"]
