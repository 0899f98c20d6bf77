{{/*
The groups of recording rules, by (dict "minRows" ...). Increments are taken once; everything else is derived from them.

PSI and TVD are those of operator/src/serinus/core/drift.py, which says where they come from. Bins that are empty on both sides
do not count. Fewer than minRows rows are no data, because smoothing alone would give them a PSI; and so is an empty reference.
*/}}
{{- define "serinus.recordingRules" -}}
- name: serinus-requests
  rules:
  {{- range $window := list "5m" "1h" }}
  - record: serinus:requests_by_code:increase{{ $window }}
    expr: sum by (deployment, revision, code) (increase(serinus_requests_total[{{ $window }}]))
  - record: serinus:requests:increase{{ $window }}
    expr: sum by (deployment, revision) (serinus:requests_by_code:increase{{ $window }})
  - record: serinus:errors:increase{{ $window }}
    expr: |
      sum by (deployment, revision) (
        serinus:requests_by_code:increase{{ $window }}{code=~"[45]..", code!~"401|403|429"}
      ) or 0 * serinus:requests:increase{{ $window }}
  - record: serinus:error_ratio:{{ $window }}
    expr: serinus:errors:increase{{ $window }} / (serinus:requests:increase{{ $window }} > 0)
  - record: serinus:request_seconds_bucket:increase{{ $window }}
    expr: sum by (deployment, revision, le) (increase(serinus_request_seconds_bucket[{{ $window }}]))
  - record: serinus:slow_ratio:{{ $window }}
    expr: |
      1 - (
        serinus:request_seconds_bucket:increase{{ $window }}{le!="+Inf"}
        / on (deployment, revision) group_left ()
        (serinus:request_seconds_bucket:increase{{ $window }}{le="+Inf"} > 0)
      )
  {{- range $quantile, $name := dict "0.5" "p50" "0.95" "p95" "0.99" "p99" }}
  - record: serinus:request_seconds:{{ $name }}_{{ $window }}
    expr: |
      histogram_quantile({{ $quantile }}, serinus:request_seconds_bucket:increase{{ $window }})
      and on (deployment, revision) (serinus:request_seconds_bucket:increase{{ $window }}{le="+Inf"} > 0)
  {{- end }}
  {{- end }}
- name: serinus-drift
  interval: 1m
  rules:
  {{- $features := dict "of" "feature" "labels" "deployment, revision, feature" "reference" "reference" }}
  {{- $predictions := dict "of" "prediction" "labels" "deployment, revision" "reference" "reference_prediction" }}
  {{- range list $features $predictions }}
  - record: serinus:{{ .reference }}_rows
    expr: max by ({{ .labels }}, bin) (serinus_{{ .reference }}_rows)
  - record: serinus:{{ .of }}_bin:increase1h
    expr: sum by ({{ .labels }}, bin) (increase(serinus_{{ .of }}_bin_total[1h]))
  # The last 24 full hours. A range a second short holds 24 of them, whether or not its ends belong to it.
  - record: serinus:{{ .of }}_bin:increase24h
    expr: sum_over_time(serinus:{{ .of }}_bin:increase1h[23h59m59s:1h])
  {{- $kind := . }}
  {{- range $window := list "1h" "24h" }}
  {{- include "serinus.driftRules" (mergeOverwrite (dict "window" $window "minRows" $.minRows) $kind) | nindent 2 }}
  {{- end }}
  {{- end }}
  - record: serinus:answer_bin:increase1h
    expr: sum by (deployment, revision, bin) (increase(serinus_answer_bin_total[1h]))
{{- end -}}

{{/* Rows, PSI, TVD and what chance explains, of features or of the prediction, in one window. */}}
{{- define "serinus.driftRules" -}}
{{- $counted := printf "serinus:%s_bin:increase%s" .of .window -}}
{{- $rows := printf "serinus:%s_rows:increase%s" .of .window -}}
{{- $bins := printf "serinus:%s_bins:%s" .of .window -}}
{{- $reference := printf "serinus:%s_rows" .reference -}}
{{- $per := printf "/ on (%s) group_left ()" .labels -}}
{{- $referenceRows := printf "sum by (%s) (%s)" .labels $reference -}}
{{- $enough := printf "and on (%s) (%s >= %v) and on (%s) (%s > 0)" .labels $rows .minRows .labels $referenceRows -}}
- record: {{ $rows }}
  expr: sum by ({{ .labels }}) ({{ $counted }})
- record: {{ $bins }}
  expr: count by ({{ .labels }}) ({{ $counted }} + {{ $reference }} > 0)
- record: serinus:{{ .of }}_share:{{ .window }}
  expr: ({{ $counted }} + 0.5) {{ $per }} ({{ $rows }} + 0.5 * {{ $bins }})
- record: serinus:{{ .reference }}_share:{{ .window }}
  expr: ({{ $reference }} + 0.5) {{ $per }} ({{ $referenceRows }} + 0.5 * {{ $bins }})
- record: serinus:{{ .of }}_psi:{{ .window }}
  expr: |
    sum by ({{ .labels }}) (
      (serinus:{{ .of }}_share:{{ .window }} - serinus:{{ .reference }}_share:{{ .window }})
      * ln(serinus:{{ .of }}_share:{{ .window }} / serinus:{{ .reference }}_share:{{ .window }})
      and ({{ $counted }} + {{ $reference }} > 0)
    ) {{ $enough }}
- record: serinus:{{ .of }}_tvd:{{ .window }}
  expr: |
    0.5 * sum by ({{ .labels }}) (abs(
      {{ $counted }} {{ $per }} {{ $rows }}
      - {{ $reference }} {{ $per }} {{ $referenceRows }}
    )) {{ $enough }}
# What PSI exceeds without drift in fewer than one of 31,000 looks: the chi-squared quantile at 4 standard deviations, by Wilson
# and Hilferty, "The distribution of chi-square", Proceedings of the National Academy of Sciences 17 (1931), at most 9 % too high.
- record: serinus:{{ .of }}_psi_chance:{{ .window }}
  expr: |
    ({{ $bins }} - 1) * (1 - 2 / (9 * ({{ $bins }} - 1)) + 4 * sqrt(2 / (9 * ({{ $bins }} - 1)))) ^ 3
    * (1 / {{ $rows }} + 1 / ({{ $referenceRows }})) {{ $enough }}
{{- end -}}
