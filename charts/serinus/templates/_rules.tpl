{{/* What the operator may do in a namespace that it serves */}}
{{- define "serinus.rules" -}}
- apiGroups: [serinus.dev]
  resources: [modeldeployments]
  verbs: [get, list, watch]
- apiGroups: [serinus.dev]
  resources: [modeldeployments/status]
  verbs: [patch, update]
- apiGroups: [serving.kserve.io]
  resources: [inferenceservices]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [gateways]
  verbs: [get, list, watch]
- apiGroups: [serving.kserve.io]
  resources: [servingruntimes]
  verbs: [get, list, watch]
- apiGroups: [serving.knative.dev]
  resources: [revisions]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- if .Values.retraining.enabled }}
# The training files.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
{{- end }}
{{- end -}}

{{/* The operator's service account as the subject of a binding */}}
{{- define "serinus.subjects" -}}
- kind: ServiceAccount
  name: {{ include "serinus.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
