{{/* Names and labels. */}}

{{- define "ai-gateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "ai-gateway.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "ai-gateway.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "ai-gateway.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "ai-gateway.selector" -}}
app.kubernetes.io/name: {{ include "ai-gateway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "ai-gateway.labels" -}}
{{ include "ai-gateway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "ai-gateway.serviceAccount" -}}
{{- default (include "ai-gateway.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "ai-gateway.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* "true" where Redis is named, else nothing. */}}
{{- define "ai-gateway.shared" -}}
{{- if or .Values.redis.url .Values.redis.urlFrom -}}true{{- end -}}
{{- end -}}

{{/* "true" where there may be more than one replica, else nothing. */}}
{{- define "ai-gateway.several" -}}
{{- if .Values.autoscaling.enabled -}}
{{- if gt (int .Values.autoscaling.maxReplicas) 1 -}}true{{- end -}}
{{- else if gt (int .Values.replicaCount) 1 -}}true{{- end -}}
{{- end -}}

{{- define "ai-gateway.scheme" -}}
{{- if .Values.tls.secretName -}}HTTPS{{- else -}}HTTP{{- end -}}
{{- end -}}

{{/* Every secret that is mounted: of `secrets`, and Redis's URL. */}}
{{- define "ai-gateway.secrets" -}}
{{- $secrets := deepCopy .Values.secrets -}}
{{- with .Values.redis.urlFrom -}}{{- $_ := set $secrets "REDIS_URL" . -}}{{- end -}}
{{- toYaml $secrets -}}
{{- end -}}

{{/* What would start and then do wrong is not rendered. */}}
{{- define "ai-gateway.check" -}}
{{- if and (include "ai-gateway.several" .) (not (include "ai-gateway.shared" .)) -}}
{{- fail "more than one replica, and no Redis: each would keep books of its own, and a team could spend its budget once on each. Set redis.urlFrom or redis.url, or replicaCount: 1 without autoscaling." -}}
{{- end -}}
{{- if and .Values.redis.url .Values.redis.urlFrom -}}
{{- fail "redis.url and redis.urlFrom are both set: keep one" -}}
{{- end -}}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) -}}
{{- fail "autoscaling.minReplicas is over autoscaling.maxReplicas" -}}
{{- end -}}
{{- range $name := list "GATEWAY_BIND" "GATEWAY_STATE_DIR" "GATEWAY_CONFIG" "GATEWAY_SHUTDOWN_GRACE_S" "GATEWAY_TLS_CERT" "GATEWAY_TLS_KEY" "LOG_FORMAT" "METRICS_OPEN" "REDIS_URL" -}}
{{- if or (hasKey $.Values.env $name) (hasKey $.Values.secrets $name) -}}
{{- fail (printf "%s is set by the chart: take it out of env and secrets, and use the chart's own value for it" $name) -}}
{{- end -}}
{{- end -}}
{{- range $name, $_ := .Values.secrets -}}
{{- if hasKey $.Values.env $name -}}
{{- fail (printf "%s stands in env and in secrets: keep one" $name) -}}
{{- end -}}
{{- end -}}
{{- if not (or .Values.secrets.GATEWAY_API_KEYS .Values.secrets.GATEWAY_ADMIN_KEY) -}}
{{- fail "nobody could call: name a secret in secrets.GATEWAY_API_KEYS or secrets.GATEWAY_ADMIN_KEY" -}}
{{- end -}}
{{- end -}}
