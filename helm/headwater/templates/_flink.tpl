{{/*
Flink's configuration of a view's cluster. What belongs to the job, such as its checkpoint interval and restart
strategy, the job brings with it (pipelines/submission.py), and that counts. Called with (dict "root" $ "view" view).
*/}}
{{- define "headwater.flinkConfiguration" -}}
{{- $fullname := include "headwater.fullname" .root -}}
{{- $compute := .view.compute -}}
{{- $checkpoints := trimSuffix "/" .root.Values.storage.checkpointDir -}}
blob.server.port: "6124"
classloader.parent-first-patterns.additional: dev.headwater.;org.apache.flink.connector.kafka.;org.apache.flink.kafka.shaded.;org.apache.flink.streaming.connectors.kafka.;com.github.luben.
env.java.opts.jobmanager: -XX:+UseSerialGC --add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.util=ALL-UNNAMED --add-opens=java.base/java.time=ALL-UNNAMED
env.java.opts.taskmanager: -XX:+Use{{ $compute.garbageCollector }}
execution.checkpointing.dir: {{ .view.state }}
# To go back to, where the newest is of no use: pipelines/unusable.py.
execution.checkpointing.num-retained: "3"
execution.checkpointing.savepoint-dir: {{ .view.state }}/savepoints
{{- if .root.Values.storage.s3.credentialsProvider }}
fs.s3a.aws.credentials.provider: {{ .root.Values.storage.s3.credentialsProvider }}
{{- end }}
high-availability.storageDir: {{ $checkpoints }}/high-availability
high-availability.type: kubernetes
io.tmp.dirs: /tmp
# Its parts must all have one parallelism, which heartbeats count on; the autoscaler gives each its own.
job.autoscaler.enabled: "false"
# Room for the Python program that builds the job.
jobmanager.memory.jvm-overhead.max: 512m
jobmanager.memory.jvm-overhead.min: 512m
jobmanager.rpc.port: "6123"
kubernetes.jobmanager.service-account: {{ $fullname }}-jobmanager
kubernetes.operator.job.upgrade.last-state-fallback.enabled: "false"
# The operator would delete all but the newest after a day; who goes back to one decides which are needed.
kubernetes.operator.savepoint.cleanup.enabled: "false"
kubernetes.taskmanager.service-account: {{ $fullname }}-taskmanager
metrics.reporter.prom.factory.class: org.apache.flink.metrics.prometheus.PrometheusReporterFactory
metrics.reporter.prom.port: "9249"
metrics.reporters: prom
python.client.executable: /opt/headwater/bin/python
rest.port: "8081"
restart-strategy.type: exponential-delay
{{- with .root.Values.storage.s3.endpoint }}
s3.endpoint: {{ . }}
{{- end }}
{{- if .root.Values.storage.s3.pathStyle }}
s3.path.style.access: "true"
{{- end }}
{{- if $compute.internalTls.existingSecret }}
# The passwords stand in flink.yaml beside them, which the image's entry point adds.
security.ssl.internal.enabled: "true"
security.ssl.internal.keystore: /etc/headwater/internal-tls/keystore.p12
security.ssl.internal.truststore: /etc/headwater/internal-tls/truststore.p12
{{- end }}
taskmanager.data.port: "6121"
{{- if eq $compute.stateBackend "hashmap" }}
taskmanager.memory.managed.size: 0m
{{- end }}
taskmanager.numberOfTaskSlots: {{ $compute.slotsPerTaskManager | quote }}
taskmanager.rpc.port: "6122"
{{- end -}}

{{/* The pod of a JobManager or TaskManager, onto which Flink puts its own. Called with those and "role", "port". */}}
{{- define "headwater.flinkPod" -}}
metadata:
  labels:
    {{- include "headwater.partLabels" . | nindent 4 }}
    headwater.dev/role: {{ .role }}
  annotations:
    headwater.dev/plan-sha256: {{ .view.planSha256 }}
    {{- include "headwater.podAnnotations" .root | nindent 4 }}
spec:
  enableServiceLinks: false
  securityContext: {{- include "headwater.podSecurity" . | nindent 4 }}
  {{- $labels := printf "%s\nheadwater.dev/role: %s" (include "headwater.partLabels" .) .role }}
  {{- include "headwater.scheduling" (dict "root" .root "labels" $labels) | nindent 2 }}
  containers:
    - name: flink-main-container
      env:
        {{- include "headwater.environment" .root | nindent 8 }}
        - {name: HEADWATER_CHECKPOINT_DIR, value: {{ .root.Values.storage.checkpointDir | quote }}}
        - {name: HEADWATER_CHECKPOINT_INTERVAL_MS, value: {{ .view.compute.checkpointIntervalMs | int | quote }}}
        - {name: HEADWATER_PARALLELISM, value: {{ .view.compute.parallelism | int | quote }}}
        - {name: HEADWATER_STATE_BACKEND, value: {{ .view.compute.stateBackend }}}
        - {name: HEADWATER_TRANSACTION_TIMEOUT_MS, value: {{ .view.compute.transactionTimeoutMs | int | quote }}}
        {{- if .view.compute.internalTls.existingSecret }}
        - {name: FLINK_CONF_EXTRA_FILE, value: /etc/headwater/internal-tls/flink.yaml}
        {{- end }}
        {{- include "headwater.storeEnvironment" .root | nindent 8 }}
      ports: [{name: metrics, containerPort: 9249}]
      # That the process listens. Flink itself knows whether its parts hear each other, and restarts the job.
      startupProbe:
        tcpSocket: {port: {{ .port }}}
        periodSeconds: 2
        failureThreshold: 90
      livenessProbe:
        tcpSocket: {port: {{ .port }}}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      securityContext: {{- include "headwater.containerSecurity" . | nindent 8 }}
      volumeMounts: {{- include "headwater.mounts" . | nindent 8 }}
  volumes: {{- include "headwater.volumes" (merge (dict "tmpSize" "10Gi") .) | nindent 4 }}
{{- end -}}
