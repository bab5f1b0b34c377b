# Tidegate in a container: `docker build -t tidegate .`
# Two stages: the first installs, the second holds only what runs.

FROM python:3.13-slim AS build
RUN pip install --no-cache-dir "uv>=0.9,<1"
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/tidegate
WORKDIR /build
# What Tidegate needs changes less often than Tidegate: a layer of its own.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-dev --all-extras --no-install-project
COPY src src
RUN uv sync --frozen --no-dev --all-extras --no-editable
# Packages with providers of your own (docs/adding-a-provider.md).
COPY extensions extensions
RUN for package in extensions/*/; do \
        [ ! -d "$package" ] || uv pip install --no-cache --python /opt/tidegate/bin/python "$package"; \
    done

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home --home-dir /data tidegate
COPY --from=build /opt/tidegate /opt/tidegate
# Loopback of a container reaches nobody, so here everything else than loopback is the default; HOST and
# PORT (TIDEGATE_HOST, TIDEGATE_PORT) still count. Beyond loopback, Tidegate starts only with keys for its
# clients: give it TIDEGATE_API_KEYS.
ENV PATH=/opt/tidegate/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TIDEGATE_DEFAULT_HOST=0.0.0.0
USER 10001
# A tidegate.toml or .env that is mounted here is found.
WORKDIR /data
EXPOSE 8000
# Open requests get `[server] grace_s` to finish; give the container a little more (see compose.yaml).
STOPSIGNAL SIGTERM
# It reads the same settings as the server. Only a port of the command line (`serve --port`) it cannot know.
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s --retries=3 CMD ["tidegate", "health"]
ENTRYPOINT ["tidegate"]
CMD ["serve"]
