{{/* The ServingRuntime's spec: KServe appends what the operator knows of a revision to the container's arguments */}}
{{- define "serinus.runtime" -}}
annotations:
  prometheus.kserve.io/port: "8080"
  prometheus.kserve.io/path: /metrics
supportedModelFormats:
- {name: serinus, version: "1", autoSelect: true}
- {name: mlflow, version: "3", autoSelect: false}
- {name: sklearn, version: "1", autoSelect: false}
protocolVersions: [v1, v2]
containers:
- name: kserve-container
  image: {{ include "serinus.image" (dict "image" .Values.servingRuntime.image "chart" .Chart) }}
  imagePullPolicy: {{ .Values.servingRuntime.image.pullPolicy }}
  command: [python, -m, serinus.predictor]
  args: [--model-dir=/mnt/models, --host=0.0.0.0, --port=8080]
  {{- with .Values.servingRuntime.logKeySecret }}
  {{- if .name }}
  env:
  - name: SERINUS_LOG_KEY
    valueFrom: {secretKeyRef: {name: {{ .name }}, key: {{ .key }}, optional: true}}
  {{- end }}
  {{- end }}
  ports:
  - {containerPort: 8080, protocol: TCP}
  startupProbe:
    httpGet: {path: /v2/health/ready, port: 8080}
    periodSeconds: 2
    failureThreshold: 90
  livenessProbe:
    httpGet: {path: /v2/health/live, port: 8080}
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: 6
  readinessProbe:
    httpGet: {path: /v2/health/ready, port: 8080}
    periodSeconds: 5
    timeoutSeconds: 5
  resources: {{- toYaml .Values.servingRuntime.resources | nindent 4 }}
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    runAsNonRoot: true
    capabilities: {drop: [ALL]}
    seccompProfile: {type: RuntimeDefault}
  volumeMounts:
  - {name: tmp, mountPath: /tmp}
volumes:
- name: tmp
  emptyDir: {}
{{- end -}}
