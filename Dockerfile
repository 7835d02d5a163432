# One image for every command: the dashboard unless another one is given. deploy/docker/build.sh
# builds it, compose.yaml runs it, docs/deploy/docker.md walks through it.

FROM debian:12-slim AS build
# Debian keeps only the newest version of a package, so none can be named here.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
# The dependencies are a layer of their own, made again when one of these files has changed.
COPY constraints.txt setup.cfg pyproject.toml README.md LICENSE ./
COPY db/__init__.py db/
ENV PIP_CONSTRAINT=/source/constraints.txt
RUN python3 -m venv /opt/inventory-hub \
    && /opt/inventory-hub/bin/pip install --no-cache-dir .
COPY . .
RUN /opt/inventory-hub/bin/pip install --no-cache-dir --no-deps --force-reinstall . \
    && /opt/inventory-hub/bin/pip uninstall --yes pip setuptools


FROM debian:12-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 inventory-hub \
    && useradd --uid 10001 --gid inventory-hub --no-log-init --no-create-home --home-dir /data \
       --shell /usr/sbin/nologin inventory-hub \
    && install --directory --owner inventory-hub --group inventory-hub --mode 750 /data
COPY --from=build /opt/inventory-hub /opt/inventory-hub
ENV PATH=/opt/inventory-hub/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/data \
    HOST=0.0.0.0
# By number: Kubernetes cannot tell from a name that it is not root.
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8050
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["python3", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:%s/api/health' % (os.environ.get('TATUSCAN_PORT') or os.environ.get('PORT') or 8050), timeout=8)"]
CMD ["inventory-hub", "serve"]
