{{/* What an alert about one deployment says last: where to read on. */}}
{{- define "serinus.runbook" -}}
runbook_url: {{ printf "%s#%s" .url (lower .alert) | quote }}
{{- end -}}

{{/*
The groups of alerts, by (dict "metrics" JOB "collector" JOB-or-empty "namespace" ... "values" .Values.metrics.prometheusRule).

The operator's metrics about deployments keep their own label namespace (honorLabels), so they are told by the job alone. Replicas
that stand by tell of no deployment; `max by` takes together what one that was deposed said last and what its successor says.
*/}}
{{- define "serinus.alerts" -}}
{{- $job := printf "namespace=%q, job=%q" .namespace .metrics }}
{{- $of := printf "job=%q" .metrics }}
{{- $collector := printf "namespace=%q, job=%q" .namespace .collector }}
{{- $url := .values.runbookUrl }}
{{- $each := "max by (namespace, deployment)" }}
{{- $it := "ModelDeployment {{ $labels.deployment }} in {{ $labels.namespace }}" }}
{{- $explain := "`kubectl serinus explain {{ $labels.deployment }} -n {{ $labels.namespace }}` says why, and what to do." }}
- name: serinus-operator
  rules:
  - alert: SerinusOperatorDown
    expr: absent(up{ {{- $job -}} } == 1)
    for: 5m
    labels: {severity: warning}
    annotations:
      summary: No replica of the Serinus operator can be scraped.
      description: What serves goes on serving, but no rollout moves and no bad version is rolled back. Look at the operator's pods and logs.
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusOperatorDown") | nindent 6 }}
  - alert: SerinusNobodyWorks
    expr: sum(serinus_leader{ {{- $job -}} }) < 1
    for: 2m
    labels: {severity: warning}
    annotations:
      summary: No replica of the Serinus operator holds the Lease.
      description: What serves goes on serving, but no rollout moves and no bad version is rolled back. Look at the operator's logs.
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusNobodyWorks") | nindent 6 }}
  - alert: SerinusReconcilesFail
    expr: |
      sum(rate(serinus_reconcile_seconds_count{ {{- $job -}} , result!="ok"}[10m]))
        > 0.2 * sum(rate(serinus_reconcile_seconds_count{ {{- $job -}} }[10m]))
    for: 15m
    labels: {severity: warning}
    annotations:
      summary: More than a fifth of the reconciles fail.
      description: The operator's log says which ModelDeployment and why; most often the API server is away, or refuses something.
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusReconcilesFail") | nindent 6 }}
  - alert: SerinusIsRefused
    expr: sum by (verb, kind) (rate(serinus_api_requests_total{ {{- $job -}} , code="403"}[10m])) > 0
    for: 10m
    labels: {severity: warning}
    annotations:
      summary: {{ `"The API server forbids the operator to {{ $labels.verb }} {{ $labels.kind }}."` }}
      description: Compare its roles with those of the chart.
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusIsRefused") | nindent 6 }}
  - alert: SerinusFallsBehind
    expr: min_over_time(serinus_queue_depth{ {{- $job -}} }[15m]) > 10
    for: 5m
    labels: {severity: warning}
    annotations:
      summary: {{ `"At least {{ $value }} ModelDeployments have waited for a worker for 15 minutes."` }}
      description: Raise settings.workers and settings.requestsInFlight, and see whether the API server answers slowly.
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusFallsBehind") | nindent 6 }}
  - alert: SerinusRegistryUnreachable
    expr: |
      sum(increase(serinus_registry_questions_total{ {{- $job -}} , result="RegistryUnavailable"}[10m]))
        > 0.5 * sum(increase(serinus_registry_questions_total{ {{- $job -}} }[10m]))
    for: 10m
    labels: {severity: warning}
    annotations:
      summary: The model registry does not answer the Serinus operator.
      description: What serves goes on serving and rollouts go on, but no new version is seen and no alias is moved.
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusRegistryUnreachable") | nindent 6 }}
- name: serinus-rollouts
  rules:
  - alert: SerinusNothingServes
    expr: {{ $each }} (serinus_deployment_phase{ {{- $of -}} , phase="Failed"}) == 1
    for: 5m
    labels: {severity: critical}
    annotations:
      summary: {{ printf "%s has nothing that can serve." $it | quote }}
      description: {{ $explain | quote }}
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusNothingServes") | nindent 6 }}
  # The counter has it if somebody mends it at once, the phase if the operator was restarted just then.
  - alert: SerinusVersionTakenBack
    expr: |
      sum by (namespace, deployment) (increase(serinus_rollouts_finished_total{ {{- $of -}} , outcome="RolledBack"}[1h])) > 0
      or {{ $each }} (serinus_deployment_phase{ {{- $of -}} , phase="RolledBack"} == 1)
        and on (namespace, deployment) time() - {{ $each }} (serinus_phase_since_timestamp_seconds{ {{- $of -}} }) < 3600
    labels: {severity: info}
    annotations:
      summary: {{ printf "A version of %s was taken back within the last hour." $it | quote }}
      description: {{ printf "The stable version serves. %s" $explain | quote }}
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusVersionTakenBack") | nindent 6 }}
  - alert: SerinusRolloutStuck
    expr: |
      {{ $each }} (serinus_deployment_phase{ {{- $of -}} , phase=~"Deploying|Promoting|RollingBack"} == 1)
        and on (namespace, deployment) time() - {{ $each }} (serinus_phase_since_timestamp_seconds{ {{- $of -}} }) > 1800
      or {{ $each }} (serinus_deployment_phase{ {{- $of -}} , phase="Progressing"} == 1)
        and on (namespace, deployment)
          time() - {{ $each }} (serinus_rollout_started_timestamp_seconds{ {{- $of -}} })
          > 0.75 * (
            {{ $each }} (serinus_rollout_deadline_timestamp_seconds{ {{- $of -}} })
            - {{ $each }} (serinus_rollout_started_timestamp_seconds{ {{- $of -}} })
          )
    for: 5m
    labels: {severity: warning}
    annotations:
      summary: {{ printf "The rollout of %s does not get on." $it | quote }}
      description: {{ printf "It waits for readiness, for the route, for requests or for evidence. %s" $explain | quote }}
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusRolloutStuck") | nindent 6 }}
  - alert: SerinusWaitsForSomebody
    expr: max by (namespace, deployment, phase) (serinus_deployment_phase{ {{- $of -}} , phase=~"Paused|AwaitingApproval"}) == 1
    for: 4h
    labels: {severity: info}
    annotations:
      summary: {{ printf "%s has waited for a person for four hours." $it | quote }}
      description: {{ printf "Promote, resume or abort it before its deadline. %s" $explain | quote }}
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusWaitsForSomebody") | nindent 6 }}
  - alert: SerinusMetricsUnavailable
    expr: max by (namespace, deployment, reason) (serinus_trouble{ {{- $of -}} , reason=~"MetricsUnavailable|LatencyEdgeMissing"}) == 1
    for: 10m
    labels: {severity: warning}
    annotations:
      summary: {{ printf "The rollout of %s cannot be judged: {{ $labels.reason }}." $it | quote }}
      description: {{ printf "Its weight stays where it is. %s" $explain | quote }}
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusMetricsUnavailable") | nindent 6 }}
  - alert: SerinusInTrouble
    expr: max by (namespace, deployment, reason) (serinus_trouble{ {{- $of -}} , reason!~"MetricsUnavailable|LatencyEdgeMissing"}) == 1
    for: 15m
    labels: {severity: warning}
    annotations:
      summary: {{ printf "%s is in trouble: {{ $labels.reason }}." $it | quote }}
      description: {{ $explain | quote }}
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusInTrouble") | nindent 6 }}
- name: serinus-models
  rules:
  # The operator holds an alarm down until several looks agree.
  - alert: SerinusDrifted
    expr: {{ $each }} (serinus_drifted{ {{- $of -}} }) == 1
    for: 5m
    labels: {severity: warning}
    annotations:
      summary: {{ printf "What %s is asked has drifted from its training." $it | quote }}
      description: {{ printf "Its answers may have become worse. %s" $explain | quote }}
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusDrifted") | nindent 6 }}
  - alert: SerinusQualityFell
    expr: {{ $each }} (serinus_retraining_wanted{ {{- $of -}} , trigger="Quality"}) == 1
    labels: {severity: warning}
    annotations:
      summary: {{ printf "The loss of %s has grown by more than its trigger allows." $it | quote }}
      description: {{ printf "A sequential test over labelled answers says so; a retraining run is asked for. %s" $explain | quote }}
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusQualityFell") | nindent 6 }}
  - alert: SerinusModelStale
    expr: time() - {{ $each }} (serinus_stable_since_timestamp_seconds{ {{- $of -}} }) > {{ .values.staleAfterDays }} * 86400
    for: 1h
    labels: {severity: info}
    annotations:
      summary: {{ printf "%s has served the same version for more than %v days." $it .values.staleAfterDays | quote }}
      description: Train it anew, or give it a trigger MaxAge.
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusModelStale") | nindent 6 }}
  - alert: SerinusRetrainingKeepsFailing
    expr: |
      max by (namespace, deployment, reason) (
        serinus_retraining_reason{ {{- $of -}} , reason=~"NeedsPerson|RunnerUnavailable|RetrainingUnavailable|TrainingInvalid|TrainingUnavailable"}
      ) == 1
    for: 15m
    labels: {severity: warning}
    annotations:
      summary: {{ printf "Retraining of %s gets nowhere: {{ $labels.reason }}." $it | quote }}
      description: {{ printf "The old version goes on serving. %s" $explain | quote }}
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusRetrainingKeepsFailing") | nindent 6 }}
{{- if .collector }}
- name: serinus-collector
  rules:
  - alert: SerinusCollectorDown
    expr: absent(up{ {{- $collector -}} } == 1)
    for: 5m
    labels: {severity: warning}
    annotations:
      summary: The Serinus collector cannot be scraped.
      description: Models go on serving. Predictions wait in the predictors' memory, and the oldest are dropped there; labels must be sent again.
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusCollectorDown") | nindent 6 }}
  - alert: SerinusCollectorRefuses
    expr: sum by (reason) (rate(serinus_collector_refused_total{ {{- $collector -}} }[5m])) > 0
    for: 10m
    labels: {severity: warning}
    annotations:
      summary: {{ `"The Serinus collector has refused requests for ten minutes: {{ $labels.reason }}."` }}
      description: Senders try again for a while, then predictions are dropped. Quality is judged on fewer rows.
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusCollectorRefuses") | nindent 6 }}
  - alert: SerinusCollectorFails
    expr: sum by (work) (increase(serinus_collector_failures_total{ {{- $collector -}} }[30m])) > 0
    for: 15m
    labels: {severity: warning}
    annotations:
      summary: {{ `"Work of the Serinus collector fails: {{ $labels.work }}."` }}
      description: The collector's log says why; it tries again.
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusCollectorFails") | nindent 6 }}
  - alert: SerinusPredictionsDropped
    expr: sum by (deployment) (rate(serinus_prediction_events_dropped_total[5m])) > 0
    for: 10m
    labels: {severity: warning}
    annotations:
      summary: {{ `"Predictors of {{ $labels.deployment }} drop answers that should be logged."` }}
      description: The collector is away, or takes less than comes. Quality is judged on fewer rows.
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusPredictionsDropped") | nindent 6 }}
  - alert: SerinusLossHigher
    expr: |
      sum by (deployment, revision, loss) (increase(serinus_loss_sum_total{ {{- $collector -}} }[1d]))
        / on (deployment, revision) group_left ()
        (sum by (deployment, revision) (increase(serinus_labelled_total{ {{- $collector -}} }[1d])) > 1000)
      > 1.25 * (
        sum by (deployment, revision, loss) (increase(serinus_loss_sum_total{ {{- $collector -}} }[7d] offset 1d))
        / on (deployment, revision) group_left ()
        (sum by (deployment, revision) (increase(serinus_labelled_total{ {{- $collector -}} }[7d] offset 1d)) > 1000)
      )
    for: 1h
    labels: {severity: info}
    annotations:
      summary: {{ `"The mean {{ $labels.loss }} of {{ $labels.deployment }} is a quarter higher than in the week before."` }}
      description: Other requests than usual may do that too. A trigger Quality judges it with a bound on false alarms.
      {{- include "serinus.runbook" (dict "url" $url "alert" "SerinusLossHigher") | nindent 6 }}
{{- end }}
{{- end -}}
