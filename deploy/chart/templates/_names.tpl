{{- define "labels" -}}
app.kubernetes.io/name: reeve-agent
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- define "scheduler.image" -}}
{{ .Values.scheduler.image }}:{{ .Values.scheduler.tag | default (printf "v%s.%s.0" .Capabilities.KubeVersion.Major (trimSuffix "+" .Capabilities.KubeVersion.Minor)) }}
{{- end }}
{{- /* Whether a container of the list asks for something of our domains. */ -}}
{{- define "asks" -}}
{{- $tests := list -}}
{{- range .domains }}{{ $tests = append $tests (printf "k.startsWith('%s/')" .) }}{{ end -}}
{{- printf "(has(object.spec.%s) && object.spec.%s.exists(c, has(c.resources) && ((has(c.resources.limits) && c.resources.limits.exists(k, %s)) || (has(c.resources.requests) && c.resources.requests.exists(k, %s)))))" .list .list (join " || " $tests) (join " || " $tests) -}}
{{- end }}
{{- define "isRecord" -}}
k.startsWith('hami.io/') || k in ['reeve.io/plan', 'reeve.io/receipt', 'volcano.sh/vgpu-ids-new', 'volcano.sh/devices-to-allocate']
{{- end }}
