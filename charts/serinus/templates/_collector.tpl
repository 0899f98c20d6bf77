{{- define "serinus.collector.fullname" -}}
{{ include "serinus.fullname" . }}-collector
{{- end -}}

{{/* A name of its own, so that what selects the operator's pods never selects the collector's */}}
{{- define "serinus.collector.selector" -}}
app.kubernetes.io/name: {{ include "serinus.name" . | trunc 53 | trimSuffix "-" }}-collector
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "serinus.collector.labels" -}}
{{ include "serinus.collector.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/* The environment variable of a setting: sampleRate is SERINUS_COLLECTOR_SAMPLE_RATE */}}
{{- define "serinus.collector.setting" -}}
SERINUS_COLLECTOR_{{ . | snakecase | upper }}
{{- end -}}

{{/* A setting's value as the environment has it: lists by commas, maps as JSON, whole numbers without an exponent */}}
{{- define "serinus.collector.value" -}}
{{- if kindIs "map" . -}}{{ toJson . }}
{{- else if kindIs "slice" . -}}{{ join "," . }}
{{- else if and (kindIs "float64" .) (eq . (floor .)) -}}{{ printf "%.0f" . }}
{{- else -}}{{ toString . }}
{{- end -}}
{{- end -}}

{{/* Where the token of questions is mounted, in the collector's pod and in the operator's */}}
{{- define "serinus.collector.tokenFolder" -}}
/var/run/secrets/serinus/collector
{{- end -}}

{{/* The token's volume, of the Secret's name and key */}}
{{- define "serinus.collector.tokenVolume" -}}
- name: collector-token
  secret:
    secretName: {{ .name }}
    items: [{key: {{ .key }}, path: token}]
{{- end -}}

{{/* Where predictors, the operator and whoever has labels reach the collector; empty without one */}}
{{- define "serinus.collector.url" -}}
{{- if .Values.collector.enabled -}}
http://{{ include "serinus.collector.fullname" . }}.{{ .Release.Namespace }}:8090
{{- end -}}
{{- end -}}
