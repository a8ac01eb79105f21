{{/* What the schema cannot say: combinations that cannot work, each refused with what to do. */}}
{{- define "headwater.checks" -}}
{{- $values := .Values -}}
{{- if and $values.secrets.existingSecret $values.secrets.externalSecret.storeName -}}
{{- fail "secrets: existingSecret and externalSecret.storeName are both set; choose one" -}}
{{- end -}}
{{- if and $values.secrets.externalSecret.storeName (not $values.secrets.externalSecret.remoteKey) -}}
{{- fail "secrets.externalSecret.remoteKey: name the secret to read from the store" -}}
{{- end -}}
{{- range $name, $_ := $values.kafka.properties -}}
{{- if regexMatch "password|secret|jaas|username|\\.pem$|\\.key$" $name -}}
{{- fail (printf "kafka.properties: %s is a secret; put HEADWATER_KAFKA_PROPERTIES into the secret settings instead" $name) -}}
{{- end -}}
{{- end -}}
{{- $declared := dict -}}
{{- with $values.apply.rollout -}}
{{- $rollout := . | fromJson -}}
{{- if or (hasKey $rollout "Error") (ne (int $rollout.format) 1) -}}
{{- fail "apply.rollout: not what `headwater plan --out` writes; pass that file by --set-file" -}}
{{- end -}}
{{- range $rollout.views -}}
{{- if .refusals -}}
{{- fail (printf "apply.rollout: %s cannot be deployed: %s" .view (first .refusals)) -}}
{{- end -}}
{{- $_ := set $declared .view .declared -}}
{{- end -}}
{{- end -}}
{{- if and $values.apply.contracts.subjects (not $values.apply.rollout) -}}
{{- fail "apply.contracts: only the job registers them that apply.rollout makes" -}}
{{- end -}}
{{- if and $values.apply.contracts.subjects (not $values.apply.contracts.terms) -}}
{{- fail "apply.contracts.terms: pass subjects.toml, which has the level of each subject, by --set-file" -}}
{{- end -}}
{{- $names := dict -}}
{{- range $key, $entry := $values.views -}}
{{- $view := include "headwater.view" (list $ $key $entry) | fromYaml -}}
{{- if hasKey $names $view.name -}}
{{- fail (printf "views.%s and views.%s are the same generation of one view; raise generation= in the view" (get $names $view.name) $key) -}}
{{- end -}}
{{- $_ := set $names $view.name $key -}}
{{- if and $values.apply.rollout (not (hasKey $declared $view.view)) -}}
{{- fail (printf "apply.rollout: it says nothing of %s, the view of views.%s; plan with all views" $view.view $key) -}}
{{- end -}}
{{- if and $view.compute.restoreFrom.savepoint (not $view.compute.restoreFrom.nonce) -}}
{{- fail "compute.restoreFrom.nonce: another number than the last time, 1 or more; by it the operator knows that it is to be done" -}}
{{- end -}}
{{- range $part, $root := dict "compute" "checkpointDir" "archive" "offlineRoot" -}}
{{- if and (index $view $part).enabled (not (index $values.storage $root)) -}}
{{- fail (printf "storage.%s: %s of views.%s needs it; name a place such as s3://bucket/path" $root $part $key) -}}
{{- end -}}
{{- end -}}
{{- if and $values.prometheusRule.enabled (not $entry.rules) -}}
{{- fail (printf "views.%s.rules: write them with `headwater slo generate`, and pass them by --set-file, or set prometheusRule.enabled to false" $key) -}}
{{- end -}}
{{- if not $values.kafka.bootstrapServers -}}
{{- fail "kafka.bootstrapServers: name the brokers, host:port separated by commas" -}}
{{- end -}}
{{- if not $values.registryUrl -}}
{{- fail "registryUrl: name the schema registry, the base URL of its Confluent API" -}}
{{- end -}}
{{- if and (or $view.materialize.enabled $view.watch.enabled) (not (include "headwater.settingsSecret" $)) -}}
{{- fail "secrets: materialize and watch need HEADWATER_REDIS_URL from secrets.existingSecret or secrets.externalSecret" -}}
{{- end -}}
{{- if and $view.watch.enabled (not $values.storage.offlineRoot) -}}
{{- fail (printf "storage.offlineRoot: watch of views.%s needs it; name a place such as s3://bucket/path" $key) -}}
{{- end -}}
{{- with $view.materialize -}}
{{- if and (eq .scaling "keda") (not .keda.prometheusAddress) -}}
{{- fail "materialize.keda.prometheusAddress: name the Prometheus that has headwater_log_lag_rows" -}}
{{- end -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- fail "materialize: minReplicas is greater than maxReplicas" -}}
{{- end -}}
{{- $most := eq .scaling "none" | ternary .replicas .maxReplicas | int -}}
{{- if gt $most (int $view.partitions) -}}
{{- fail (printf "materialize: %d replicas for views.%s, whose log has %d partitions; the others would have nothing to do" $most $key (int $view.partitions)) -}}
{{- end -}}
{{- end -}}
{{- $ours := include "headwater.flinkConfiguration" (dict "root" $ "view" $view) | fromYaml -}}
{{- range $name, $_ := $view.compute.flinkConfiguration -}}
{{- if or (hasKey $ours $name) (regexMatch "^(execution|pipeline|parallelism|restart-strategy|state\\.backend|job\\.autoscaler|jobmanager\\.scheduler|scheduler-mode)\\b" $name) -}}
{{- fail (printf "compute.flinkConfiguration: %s is set by the chart or by the job itself" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
