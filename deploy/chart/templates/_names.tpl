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
{{- /* Whether who asks is none of those who give devices. */ -}}
{{- define "byOthers" -}}
{{- $tests := list "request.userInfo.username.startsWith('system:node:')" "(has(request.userInfo.groups) && 'system:masters' in request.userInfo.groups)" -}}
{{- range append .Values.records.writers .Release.Namespace | uniq }}{{ $tests = append $tests (printf "request.userInfo.username.startsWith('system:serviceaccount:%s:')" .) }}{{ end -}}
{{- printf "!(%s)" (join " || " $tests) -}}
{{- end }}
{{- /* Whether no record of the pod's is changed, taken off or put there. */ -}}
{{- define "keepsRecords" -}}
{{ .before }}.all(k, !({{ include "isRecord" . }}) || (k in {{ .after }} && {{ .after }}[k] == {{ .before }}[k])) && {{ .after }}.all(k, !({{ include "isRecord" . }}) || k in {{ .before }})
{{- end }}
{{- define "scheduler.configuration" -}}
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: true, resourceNamespace: {{ .Release.Namespace }}, resourceName: reeve-scheduler}
# All nodes are looked at: which of them is best is decided over the whole cluster.
percentageOfNodesToScore: 100
profiles:
  - schedulerName: {{ .Values.scheduler.name }}
extenders:
  - urlPrefix: https://reeve-agent-acting.{{ .Release.Namespace }}.svc:443/extender
    filterVerb: filter
    prioritizeVerb: prioritize
    preemptVerb: preempt
    bindVerb: bind
    weight: 1
    enableHTTPS: true
    tlsConfig:
      caFile: /etc/reeve/ca.crt
      serverName: reeve-agent.{{ .Release.Namespace }}.svc
      {{- if .Values.scheduler.clientCertificate }}
      certFile: /etc/reeve/client.crt
      keyFile: /etc/reeve/client.key
      {{- end }}
    httpTimeout: 10s
    nodeCacheCapable: true
    ignorable: false
    managedResources:
    {{- range .Values.resourceNames.counted }}
      - {name: {{ . }}, ignoredByScheduler: false}
    {{- end }}
    {{- range .Values.resourceNames.amounts }}
      - {name: {{ . }}, ignoredByScheduler: true}
    {{- end }}
{{- end }}
