{{/* Whom to reach by which ports. Called with an entry of networkPolicy. */}}
{{- define "headwater.flow" }}
- ports:
    {{- range .ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with .to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- define "headwater.dns" }}
- to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ .Values.networkPolicy.dnsNamespace }}}}}]
  ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- end }}
{{- define "headwater.scrape" }}
{{- with .root.Values.networkPolicy.monitoringNamespace }}
- from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ . }}}}}]
  ports: [{port: {{ $.port }}, protocol: TCP}]
{{- end }}
{{- end }}
