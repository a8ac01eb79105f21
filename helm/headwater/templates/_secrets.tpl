{{/* Called with (dict "root" $ "name" name), perhaps "annotations". */}}
{{- define "headwater.externalSecret" }}
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: {{ .name }}
  labels: {{- include "headwater.labels" .root | nindent 4 }}
  {{- with .annotations }}
  annotations: {{- . | nindent 4 }}
  {{- end }}
spec:
  {{- with .root.Values.secrets.externalSecret }}
  refreshInterval: {{ .refreshInterval }}
  secretStoreRef: {kind: {{ .storeKind }}, name: {{ .storeName }}}
  target: {name: {{ $.name }}}
  data:
    - secretKey: {{ $.root.Values.secrets.key }}
      remoteRef: {key: {{ .remoteKey | quote }}}
  {{- end }}
{{- end }}
