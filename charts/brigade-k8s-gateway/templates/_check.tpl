{{/*
The pod template of the Job that checks the filters.
*/}}
{{- define "gateway.checkPod" -}}
metadata:
  # Not the gateway's labels: Service and PodDisruptionBudget must not select it.
  labels:
    role: filter-check
    # A sidecar would keep the Job from completing.
    sidecar.istio.io/inject: "false"
  annotations:
    linkerd.io/inject: disabled
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with include "gateway.imagePullSecrets" . }}
  imagePullSecrets:
    {{- . | trim | nindent 4 }}
  {{- end }}
  {{- with .Values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: check
      image: {{ include "gateway.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy | default .Values.pullPolicy }}
      args:
        - check
        {{- if .Values.filterCheck.strict }}
        - --strict
        {{- end }}
        - /etc/k8s-gateway/filters.yaml
      # Copies the report into the pod's status.
      terminationMessagePolicy: FallbackToLogsOnError
      resources:
        requests:
          cpu: 50m
          memory: 32Mi
        limits:
          memory: 128Mi
      {{- with .Values.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - name: config
          mountPath: /etc/k8s-gateway
          readOnly: true
  volumes:
    - name: config
      configMap:
        name: {{ printf "%s-check" (include "gateway.fullname" .) | quote }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
