{{- define "mcpauthkit.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "mcpauthkit.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "mcpauthkit.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "mcpauthkit.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "mcpauthkit.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "mcpauthkit.name" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed where serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "mcpauthkit.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* Keys of the Secret that are mounted, each once; empty where there are none. */ -}}
{{- define "mcpauthkit.secretItems" -}}
{{- range concat (values .Values.secrets.files) (values .Values.secrets.paths) | compact | uniq | sortAlpha }}
- key: {{ . }}
  path: {{ . }}
{{- end }}
{{- end -}}

{{- define "mcpauthkit.environment" -}}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
- name: MCPAUTHKIT_REPLICAS
  value: {{ ternary .Values.autoscaling.maxReplicas .Values.replicas .Values.autoscaling.enabled | quote }}
- name: FASTMCP_STATELESS_HTTP
  value: {{ eq .Values.sessions "stateless" | quote }}
{{- range $name, $key := .Values.secrets.files }}
{{- if $key }}
- name: {{ $name }}_FILE
  value: /etc/mcpauthkit/secrets/{{ $key }}
{{- end }}
{{- end }}
{{- range $name, $key := .Values.secrets.paths }}
{{- if $key }}
- name: {{ $name }}
  value: /etc/mcpauthkit/secrets/{{ $key }}
{{- end }}
{{- end }}
{{- if .Values.decryptionKeys.existingSecret }}
- name: MCP_KEY_FILE_PATH
  value: /etc/mcp/secrets/key.json
{{- end }}
{{- if .Values.policies.existingConfigMap }}
- name: MCPAUTHKIT_POLICIES
  value: /etc/mcpauthkit/policies
{{- end }}
{{- end -}}
