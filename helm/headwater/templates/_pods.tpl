{{- define "headwater.podSecurity" -}}
runAsNonRoot: true
runAsUser: 9999
runAsGroup: 9999
fsGroup: 9999
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "headwater.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* By these a pod is made anew when what it read at its start has changed. */}}
{{- define "headwater.podAnnotations" -}}
headwater.dev/secrets-revision: {{ .Values.secrets.revision | quote }}
{{- end -}}

{{/* Settings that all processes of a view share. */}}
{{- define "headwater.environment" -}}
- {name: HEADWATER_KAFKA_BOOTSTRAP_SERVERS, value: {{ .Values.kafka.bootstrapServers | quote }}}
- {name: HEADWATER_REGISTRY_URL, value: {{ .Values.registryUrl | quote }}}
- {name: HEADWATER_LOG_FORMAT, value: json}
- {name: HEADWATER_LOG_LEVEL, value: {{ .Values.logLevel }}}
{{- if .Values.kafka.properties }}
- {name: HEADWATER_KAFKA_PROPERTIES, value: {{ .Values.kafka.properties | toJson | quote }}}
{{- end }}
{{- if include "headwater.settingsSecret" . }}
- {name: HEADWATER_SETTINGS_FILE, value: /etc/headwater/settings/settings.env}
{{- end }}
{{- end -}}

{{/* By these pyarrow and delta-rs find the object store. */}}
{{- define "headwater.storeEnvironment" -}}
{{- with .Values.storage.s3 }}
{{- if .region }}
- {name: AWS_REGION, value: {{ .region | quote }}}
{{- end }}
{{- if .endpoint }}
- {name: AWS_ENDPOINT_URL, value: {{ .endpoint | quote }}}
{{- if hasPrefix "http://" .endpoint }}
- {name: AWS_ALLOW_HTTP, value: "true"}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
Called with (dict "root" $ "view" view), as is what follows; without a view there is no plan. "secret" may name another
Secret than the release's own.
*/}}
{{- define "headwater.volumes" -}}
{{- with .view }}
- name: plan
  configMap: {name: {{ .name }}-plan}
{{- end }}
- name: tmp
  emptyDir: {sizeLimit: {{ .tmpSize | default "1Gi" }}}
{{- with .secret | default (include "headwater.settingsSecret" .root) }}
- name: settings
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items: [{key: {{ $.root.Values.secrets.key }}, path: settings.env}]
{{- end }}
{{- with .root.Values.ca.existingSecret }}
- name: ca
  secret:
    secretName: {{ . }}
    items: [{key: {{ $.root.Values.ca.key }}, path: ca.crt}]
{{- end }}
{{- if and (eq (.part | default "") "compute") .view.compute.internalTls.existingSecret }}
- name: internal-tls
  secret:
    secretName: {{ .view.compute.internalTls.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{- define "headwater.mounts" -}}
{{- if .view }}
- {name: plan, mountPath: /etc/headwater/plan, readOnly: true}
{{- end }}
- {name: tmp, mountPath: /tmp}
{{- if include "headwater.settingsSecret" .root }}
- {name: settings, mountPath: /etc/headwater/settings, readOnly: true}
{{- end }}
{{- if .root.Values.ca.existingSecret }}
- {name: ca, mountPath: /etc/headwater/tls, readOnly: true}
{{- end }}
{{- if and (eq (.part | default "") "compute") .view.compute.internalTls.existingSecret }}
- {name: internal-tls, mountPath: /etc/headwater/internal-tls, readOnly: true}
{{- end }}
{{- end -}}

{{/* Called with (dict "root" $ "labels" labels). */}}
{{- define "headwater.scheduling" -}}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .root.Values.scheduling }}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: {{ .topologyKey }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- $.labels | nindent 8 }}
{{- end }}
{{- end -}}

{{/* The pod of materialize, archive or watch. Called with (dict "root" $ "view" view "part" part "environment" text "grace" seconds). */}}
{{- define "headwater.workerPod" -}}
{{- $labels := include "headwater.partLabels" . -}}
metadata:
  labels:
    {{- $labels | nindent 4 }}
  annotations:
    headwater.dev/plan-sha256: {{ .view.planSha256 }}
    {{- include "headwater.podAnnotations" .root | nindent 4 }}
spec:
  serviceAccountName: {{ include "headwater.fullname" .root }}-{{ .part }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .grace }}
  securityContext: {{- include "headwater.podSecurity" . | nindent 4 }}
  {{- include "headwater.scheduling" (dict "root" .root "labels" $labels) | nindent 2 }}
  containers:
    - name: {{ .part }}
      image: {{ include "headwater.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: [{{ .part }}, --plan, /etc/headwater/plan/plan.json]
      env:
        {{- include "headwater.environment" .root | nindent 8 }}
        - {name: HEADWATER_METRICS_HOST, value: 0.0.0.0}
        - {name: HEADWATER_METRICS_PORT, value: "9404"}
        - name: HEADWATER_INSTANCE
          valueFrom: {fieldRef: {fieldPath: metadata.name}}
        {{- .environment | nindent 8 }}
      ports: [{name: metrics, containerPort: 9404}]
      # That the process has its settings and answers. Whether it gets on is told by its metrics, since a process that
      # waits for Kafka or Redis must not be killed for it.
      startupProbe:
        httpGet: {path: /metrics, port: metrics}
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /metrics, port: metrics}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      resources: {{- toYaml (index .view .part).resources | nindent 8 }}
      securityContext: {{- include "headwater.containerSecurity" . | nindent 8 }}
      volumeMounts: {{- include "headwater.mounts" . | nindent 8 }}
  volumes: {{- include "headwater.volumes" . | nindent 4 }}
{{- end -}}

{{- define "headwater.partLabels" -}}
{{ include "headwater.selector" .root }}
app.kubernetes.io/component: {{ .part }}
headwater.dev/view: {{ .view.view }}
headwater.dev/generation: {{ .view.generation | quote }}
{{- end -}}
