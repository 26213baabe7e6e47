{{- define "weir.labels" -}}
app.kubernetes.io/name: weir
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "weir.own" -}}
app.kubernetes.io/name: weir
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* The jobs of this release, by their names. */}}
{{- define "weir.jobs" -}}
{{ .Values.judge.enabled | ternary "screen judge" "screen" }}
{{- end }}

{{- /* Who judges in the job that judges. */}}
{{- define "weir.engine" -}}
{{- $options := .Values.judge.enabled | ternary .Values.judge.options .Values.screen.options -}}
{{ dig "engine" (dig "engine" "exemplar" .Values.job) $options }}
{{- end }}

{{- /* How many may work at once in a job: {job, root}. */}}
{{- define "weir.parallelism" -}}
{{- $job := index .root.Values .job -}}
{{- $managers := (dig "scaling" "enabled" false $job) | ternary (dig "scaling" "most" 1 $job) $job.taskManagers -}}
{{ mul $managers $job.slots }}
{{- end }}

{{- /* job.yaml as `weir run --config` takes it: {job, root}. */}}
{{- define "weir.config" -}}
{{- $job := index .root.Values .job -}}
{{- $said := mergeOverwrite (deepCopy .root.Values.job) (deepCopy $job.options) -}}
{{- $beam := dict
  "flink-master" (printf "%s-%s-rest:8081" .root.Release.Name .job)
  "environment-type" "EXTERNAL"
  "environment-config" "127.0.0.1:50000"
  "parallelism" (include "weir.parallelism" . | int)
  "flink-job-server-jar" "/opt/apache/beam/jars/flink-job-server.jar" -}}
{{- $ours := dict
  "stages" (.root.Values.judge.enabled | ternary .job "all")
  "runner" "flink"
  "supervised" true
  "checkpoints" (printf "%s/%s" (trimSuffix "/" .root.Values.checkpoints) .job)
  "drain-seconds" .root.Values.submitter.drainSeconds
  "log-format" "json"
  "beam" (mergeOverwrite (deepCopy (dig "beam" dict $said)) $beam) -}}
{{ mergeOverwrite $said $ours | toYaml }}
{{- end }}

{{- define "weir.container" -}}
imagePullPolicy: {{ .Values.images.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
env:
  - {name: HOME, value: /tmp}
{{- with .Values.secrets.name }}
envFrom:
  - secretRef: {name: {{ . | quote }}}
{{- end }}
{{- end }}

{{- define "weir.pod" -}}
serviceAccountName: {{ .Release.Name }}-weir
automountServiceAccountToken: false
{{- with .Values.images.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "weir.flink" -}}
- name: flink-main-container
  env:
    - name: ENABLE_BUILT_IN_PLUGINS
      value: {{ printf "flink-%s-fs-hadoop-%s.jar" .Values.checkpointsBy (regexFind "[0-9]+\\.[0-9]+\\.[0-9]+" .Values.images.flink) }}
  ports:
    - {name: metrics, containerPort: 9249}
  securityContext:
    allowPrivilegeEscalation: false
    capabilities: {drop: [ALL]}
{{- end }}

{{- /* What reads a Secret starts again where this changes. */}}
{{- define "weir.secrets" -}}
{{ printf "%s %s" .Values.secrets.name .Values.secrets.rotated | sha256sum }}
{{- end }}
