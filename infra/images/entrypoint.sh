#!/bin/sh
# What both images start. Who asks is told apart by the arguments; Dataflow appends its own to an
# entry point, for a worker the addresses that Beam's boot needs, and none that a launcher has alone:
# the image of a template says by FLEX_TEMPLATE_PYTHON_PY_FILE that it is one.
set -eu

boot=${WEIR_BOOT:-/opt/apache/beam/boot}
launcher=${WEIR_LAUNCHER:-/opt/google/dataflow/python_template_launcher}

say() {
  cat <<'END'
This is an image of Weir. Give it one of:

  weir COMMAND ...          any command of Weir's: weir --help lists them
  worker-pool [--port=N]    a pool of workers for Flink, on loopback (50000), beside a task manager
  --id=... and the rest     what Beam gives a worker: starts Beam's boot
  nothing, in a template    starts the launcher of Dataflow's flex templates
END
}

# Beam's pool listens on every interface, and who reaches it runs code in its workers.
pool() {
  port=50000
  case "${1-}" in
    '') ;;
    --port=*[!0-9]* | --port=) refuse "$1: give a port, such as --port=50000" ;;
    --port=*) port=${1#--port=} ;;
    *) refuse "worker-pool knows no $1" ;;
  esac
  set -- python -m apache_beam.runners.worker.worker_pool_main --service_port="$port"
  [ "${WEIR_OPEN_PORTS-}" = 1 ] || set -- python -m weir.infra.local.loopback "$@"
  exec "$@"
}

refuse() {
  echo "weir: $1" >&2
  say >&2
  exit 2
}

case "${1-}" in
  weir) exec "$@" ;;
  worker-pool) shift && pool "$@" ;;
  help | -h | --help) say && exit 0 ;;
esac
for argument; do
  case $argument in
    -id=* | --id=* | -id | --id | *-control_endpoint* | *-provision_endpoint* | *-worker_pool*)
      exec "$boot" "$@"
      ;;
  esac
done
if [ -n "${FLEX_TEMPLATE_PYTHON_PY_FILE-}" ]; then
  exec "$launcher" "$@"
fi
if [ $# -eq 0 ]; then
  say && exit 0
fi
refuse "$1 is nothing that this image does"
