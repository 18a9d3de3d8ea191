/**
 * Defaults of a pod's spec, for pods and for every pod template.
 *
 * Same values as Kubernetes' `pkg/apis/core/v1/defaults.go`. Invariant: applying twice changes nothing,
 * and a value somebody set is kept. What only a Pod gets (requests from limits, service links, host
 * ports) is `applyPodOnlyDefaults`; what admission adds is in `pod-admission.ts`.
 */
import type {
  V1Container,
  V1ContainerPort,
  V1EnvVar,
  V1HTTPGetAction,
  V1PodSpec,
  V1PodTemplateSpec,
  V1Probe,
  V1Volume,
} from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'
import { applyClaimSpecDefaults } from './persistent-volume-claim-defaults.ts'
import { applyPodLevelDefaults } from './pod-level-resources.ts'
import { canonicalizeQuantities, canonicalQuantity } from './resource-list.ts'
import { applySourceDefaults } from './volume-source-defaults.ts'

export type PodSpec = Wire<V1PodSpec>
export type PodTemplate = Wire<V1PodTemplateSpec>
export type Container = Wire<V1Container>
export type Volume = Wire<V1Volume>
type Lifecycle = NonNullable<Container['lifecycle']>

/** 0644: the mode of files in Secret, ConfigMap, downward-API and projected volumes. */
const DEFAULT_FILE_MODE = 420
const HOUR_SECONDS = 3600

export const applyPodSpecDefaults = (spec: PodSpec): void => {
  // Groups of pods that are scheduled together are off by default in 1.36.
  if (spec.schedulingGroup) delete spec.schedulingGroup
  spec.dnsPolicy ||= 'ClusterFirst'
  spec.restartPolicy ||= 'Always'
  spec.securityContext ??= {}
  spec.terminationGracePeriodSeconds ??= 30
  spec.schedulerName ||= 'default-scheduler'
  // `serviceAccount` is the old name of the same field; both are always shown and equal.
  spec.serviceAccountName ||= spec.serviceAccount
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName
  else {
    delete spec.serviceAccountName
    delete spec.serviceAccount
  }
  for (const volume of spec.volumes ?? []) applyVolumeDefaults(volume)
  for (const container of spec.initContainers ?? []) applyContainerDefaults(container)
  for (const container of spec.containers ?? []) applyContainerDefaults(container)
  for (const container of spec.ephemeralContainers ?? []) applyContainerDefaults(container)
  if (spec.overhead) canonicalizeQuantities(spec.overhead)
  if (spec.resources?.limits) canonicalizeQuantities(spec.resources.limits)
  if (spec.resources?.requests) canonicalizeQuantities(spec.resources.requests)
}

/** What Kubernetes defaults in a Pod and not in a template, after `applyPodSpecDefaults`. */
export const applyPodOnlyDefaults = (spec: PodSpec): void => {
  for (const container of spec.containers ?? []) requestsFromLimits(container)
  for (const container of spec.initContainers ?? []) requestsFromLimits(container)
  if (spec.resources) applyPodLevelDefaults(spec)
  spec.enableServiceLinks ??= true
  if (!spec.hostNetwork) return
  for (const container of spec.containers ?? []) hostPortsFromContainerPorts(container.ports)
  for (const container of spec.initContainers ?? []) hostPortsFromContainerPorts(container.ports)
}

const requestsFromLimits = ({ resources }: Container): void => {
  if (!resources?.limits) return
  resources.requests ??= {}
  for (const name in resources.limits) {
    if (resources.requests[name] === undefined) {
      resources.requests[name] = resources.limits[name] as string
    }
  }
}

const hostPortsFromContainerPorts = (ports: Wire<V1ContainerPort>[] | undefined): void => {
  for (const port of ports ?? []) port.hostPort ||= port.containerPort
}

/** `Always` for the tag `latest`, given or implied; a digest pins the image, so it implies no tag. */
const pullPolicyOf = (image: string | undefined): string => {
  if (!image) return 'IfNotPresent'
  const at = image.indexOf('@')
  const name = at < 0 ? image : image.slice(0, at)
  const colon = name.lastIndexOf(':')
  const tag = colon > name.lastIndexOf('/') ? name.slice(colon + 1) : ''
  return tag === 'latest' || (tag === '' && at < 0) ? 'Always' : 'IfNotPresent'
}

/** Also for ephemeral containers, which have the same fields. */
const applyContainerDefaults = (container: Container): void => {
  container.imagePullPolicy ||= pullPolicyOf(container.image)
  container.terminationMessagePath ||= '/dev/termination-log'
  container.terminationMessagePolicy ||= 'File'
  container.resources ??= {}
  if (container.resources.limits) canonicalizeQuantities(container.resources.limits)
  if (container.resources.requests) canonicalizeQuantities(container.resources.requests)
  for (const port of container.ports ?? []) port.protocol ||= 'TCP'
  for (const variable of container.env ?? []) applyEnvDefaults(variable)
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
    if (probe) applyProbeDefaults(probe)
  }
  if (container.lifecycle) applyLifecycleDefaults(container, container.lifecycle)
}

const applyLifecycleDefaults = (container: Container, lifecycle: Lifecycle): void => {
  if (lifecycle.postStart?.httpGet) applyHttpGetDefaults(lifecycle.postStart.httpGet)
  if (lifecycle.preStop?.httpGet) applyHttpGetDefaults(lifecycle.preStop.httpGet)
  if (lifecycle.stopSignal == null) return
  // Signals of one's own are off by default in 1.36.
  delete lifecycle.stopSignal
  if (!lifecycle.postStart && !lifecycle.preStop) delete container.lifecycle
}

const applyEnvDefaults = ({ valueFrom }: Wire<V1EnvVar>): void => {
  if (valueFrom?.fieldRef) valueFrom.fieldRef.apiVersion ||= 'v1'
  if (valueFrom?.resourceFieldRef) {
    valueFrom.resourceFieldRef.divisor = canonicalQuantity(
      valueFrom.resourceFieldRef.divisor || '0',
    )
  }
  if (valueFrom?.fileKeyRef) valueFrom.fileKeyRef.optional ??= false
}

const applyProbeDefaults = (probe: Wire<V1Probe>): void => {
  probe.timeoutSeconds ||= 1
  probe.periodSeconds ||= 10
  probe.successThreshold ||= 1
  probe.failureThreshold ||= 3
  if (probe.httpGet) applyHttpGetDefaults(probe.httpGet)
  if (probe.grpc) probe.grpc.service ??= ''
}

const applyHttpGetDefaults = (action: Wire<V1HTTPGetAction>): void => {
  action.path ||= '/'
  action.scheme ||= 'HTTP'
}

const hasSource = (volume: Volume): boolean => {
  for (const field in volume) {
    if (field !== 'name' && volume[field as keyof Volume] != null) return true
  }
  return false
}

const applyVolumeDefaults = (volume: Volume): void => {
  if (!hasSource(volume)) volume.emptyDir = {}
  if (volume.emptyDir?.sizeLimit != null) {
    volume.emptyDir.sizeLimit = canonicalQuantity(volume.emptyDir.sizeLimit)
  }
  applySourceDefaults(volume)
  if (volume.secret) volume.secret.defaultMode ??= DEFAULT_FILE_MODE
  if (volume.configMap) volume.configMap.defaultMode ??= DEFAULT_FILE_MODE
  if (volume.image) volume.image.pullPolicy ||= pullPolicyOf(volume.image.reference)
  if (volume.ephemeral?.volumeClaimTemplate) {
    volume.ephemeral.volumeClaimTemplate.spec ??= {}
    applyClaimSpecDefaults(volume.ephemeral.volumeClaimTemplate.spec)
  }
  if (volume.downwardAPI) {
    volume.downwardAPI.defaultMode ??= DEFAULT_FILE_MODE
    applyDownwardDefaults(volume.downwardAPI.items)
  }
  if (volume.projected) {
    volume.projected.defaultMode ??= DEFAULT_FILE_MODE
    for (const source of volume.projected.sources ?? []) {
      // Both are off by default in 1.36.
      delete source.clusterTrustBundle
      delete source.podCertificate
      applyDownwardDefaults(source.downwardAPI?.items)
      if (source.serviceAccountToken) {
        source.serviceAccountToken.expirationSeconds ??= HOUR_SECONDS
      }
    }
  }
}

const applyDownwardDefaults = (
  items: NonNullable<NonNullable<Volume['downwardAPI']>['items']> | undefined,
): void => {
  for (const { fieldRef, resourceFieldRef } of items ?? []) {
    if (fieldRef) fieldRef.apiVersion ||= 'v1'
    if (resourceFieldRef) {
      resourceFieldRef.divisor = canonicalQuantity(resourceFieldRef.divisor || '0')
    }
  }
}
