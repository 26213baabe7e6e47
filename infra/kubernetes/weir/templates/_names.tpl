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

{{- /* An option of the job that judges, "" where it is not said: {name, root}. */}}
{{- define "weir.judging" -}}
{{- $options := .root.Values.judge.enabled | ternary .root.Values.judge.options .root.Values.screen.options -}}
{{ get $options .name | default (get .root.Values.job .name) }}
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
  {{- include "weir.env" . | nindent 2 }}
{{- with .Values.secrets.name }}
envFrom:
  - secretRef: {name: {{ . | quote }}}
{{- end }}
{{- end }}

{{- define "weir.env" -}}
{{- range $name, $value := .Values.pods.env }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{- /* Where pods find what pods.files names. */}}
{{- define "weir.mounts" -}}
{{- range $name, $of := .Values.pods.files }}
- {name: {{ $name }}, mountPath: /mnt/{{ $name }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "weir.volumes" -}}
{{- range $name, $of := .Values.pods.files }}
- name: {{ $name }}
  {{- with $of.secret }}
  secret: {secretName: {{ . | quote }}}
  {{- end }}
  {{- with $of.configMap }}
  configMap: {name: {{ . | quote }}}
  {{- end }}
  {{- with $of.tokenFor }}
  projected: {sources: [{serviceAccountToken: {path: token, audience: {{ . | quote }}}}]}
  {{- end }}
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

{{- /* "1.19.3", of the name of Flink's image. */}}
{{- define "weir.flinkVersion" -}}
{{ regexFind "[0-9]+\\.[0-9]+\\.[0-9]+" (regexFind ":[^/:@]+(@|$)" .Values.images.flink) }}
{{- end }}

{{- define "weir.flink" -}}
- name: flink-main-container
  env:
    # Flink's own plugin for gs:// or s3://, of those in its image.
    - name: ENABLE_BUILT_IN_PLUGINS
      value: {{ printf "flink-%s-fs-hadoop-%s.jar" (regexFind "^[a-z0-9]+" .Values.checkpoints) (include "weir.flinkVersion" .) }}
    {{- include "weir.env" . | nindent 4 }}
  {{- with .Values.secrets.flink }}
  envFrom:
    - secretRef: {name: {{ . | quote }}}
  {{- end }}
  ports:
    - {name: metrics, containerPort: 9249}
  {{- with include "weir.mounts" . }}
  volumeMounts: {{- . | nindent 4 }}
  {{- end }}
  securityContext:
    # The image's user flink; it names none, so that it would begin as root, which is refused.
    runAsUser: 9999
    allowPrivilegeEscalation: false
    capabilities: {drop: [ALL]}
{{- end }}

{{- /* What reads a Secret starts again where this changes. */}}
{{- define "weir.secrets" -}}
{{ printf "%s %s" .Values.secrets.name .Values.secrets.rotated | sha256sum }}
{{- end }}

{{- /* The ports that pods may reach anywhere: https, those that a job's addresses name, and more. */}}
{{- define "weir.ports" -}}
{{- $said := toJson (list .Values.job.brokers (get .Values.job "endpoint-url") (get .Values.job "traces-endpoint") (get .Values.job "schema-registry") (get .Values.job "sasl-token-url") (get .Values.screen.options "endpoint-url") (get .Values.judge.options "endpoint-url")) -}}
{{- $ports := list "443" -}}
{{- range regexFindAll ":[0-9]+[,/\"]" $said -1 }}{{ $ports = append $ports (regexFind "[0-9]+" .) }}{{ end -}}
{{- if regexMatch "http://[^:/\"]+[/\"]" $said }}{{ $ports = append $ports "80" }}{{ end -}}
{{- range .Values.network.ports }}{{ $ports = append $ports (toString .) }}{{ end -}}
{{ uniq $ports | join " " }}
{{- end }}
