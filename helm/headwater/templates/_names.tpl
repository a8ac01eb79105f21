{{- define "headwater.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "headwater.selector" -}}
app.kubernetes.io/name: headwater
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "headwater.labels" -}}
{{ include "headwater.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "headwater.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest }}
{{- else -}}
{{ printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "headwater.settingsSecret" -}}
{{- if .Values.secrets.existingSecret -}}
{{ .Values.secrets.existingSecret }}
{{- else if .Values.secrets.externalSecret.storeName -}}
{{ include "headwater.fullname" . }}-settings
{{- end -}}
{{- end -}}

{{/*
One entry of `views`, as YAML: its plan's view, generation and partitions, the name of its resources, and compute,
materialize, archive and watch with what the entry says differently. Called with (list $ key entry).
*/}}
{{- define "headwater.view" -}}
{{- $root := index . 0 -}}
{{- $key := index . 1 -}}
{{- $entry := index . 2 -}}
{{- $plan := $entry.plan | fromJson -}}
{{- if or (hasKey $plan "Error") (ne (int $plan.format) 2) -}}
{{- fail (printf "views.%s.plan: not a plan of format 2; write one with `headwater compile`, and pass it by --set-file" $key) -}}
{{- end -}}
{{- $name := printf "%s-%s-g%d" (include "headwater.fullname" $root) ($plan.view | lower | replace "_" "-") (int $plan.generation) -}}
{{- if gt (len $name) 45 -}}
{{- fail (printf "views.%s: the name %s is longer than the 45 characters that the Flink operator takes; shorten fullnameOverride" $key $name) -}}
{{- end -}}
name: {{ $name }}
view: {{ $plan.view }}
generation: {{ int $plan.generation }}
partitions: {{ int $plan.log.partitions }}
planSha256: {{ $entry.plan | sha256sum }}
state: {{ printf "%s/%s-g%d" (trimSuffix "/" $root.Values.storage.checkpointDir) $plan.view (int $plan.generation) }}
{{- range $part := list "compute" "materialize" "archive" "watch" }}
{{ $part }}:
  {{- mergeOverwrite (deepCopy (index $root.Values $part)) (index $entry $part | default dict) | toYaml | nindent 2 }}
{{- end }}
{{- end -}}
