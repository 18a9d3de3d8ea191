/**
 * What services, volume claims and device claims use of a quota.
 *
 * After Kubernetes' `pkg/quota/v1/evaluator/core` (`services.go`, `persistent_volume_claims.go`,
 * `resource_claims.go`). Pure.
 */
import type { PersistentVolumeClaim } from '../core/persistent-volume-claim.ts'
import { Pod } from '../core/pod.ts'
import type { Service } from '../core/service.ts'
import { controllerOf } from '../meta.ts'
import type { Quantity } from '../quantity.ts'
import { DeviceClass } from '../resource/device-class.ts'
import { ResourceClaim } from '../resource/resource-claim.ts'
import { type Amounts, addAmount, amountOf, parseAmount } from './amounts.ts'
import { type Evaluator, hasScopeValue, type Objects, type UsageContext } from './evaluator.ts'
import { isExtendedQuota, podEvaluator } from './pod-usage.ts'

type Mutable = Record<string, Quantity>

const ONE = amountOf(1)
const ZERO = amountOf(0)
const SERVICE_RESOURCES = new Set([
  'count/services',
  'services',
  'services.nodeports',
  'services.loadbalancers',
])

const isMainWrite = (operation: string, subresource: string | undefined): boolean =>
  subresource === undefined && operation !== 'DELETE'

export const serviceEvaluator: Evaluator = {
  mayHandle: isMainWrite,
  matching: (names) => names.filter((name) => SERVICE_RESOURCES.has(name)),
  usage: (object) => {
    const { type, ports = [], allocateLoadBalancerNodePorts } = (object as Service).spec ?? {}
    const isBalanced = type === 'LoadBalancer'
    // Node ports may not be handed out yet: what is wanted counts.
    const nodePorts =
      isBalanced && allocateLoadBalancerNodePorts === false
        ? ports.filter(({ nodePort }) => nodePort).length
        : isBalanced || type === 'NodePort'
          ? ports.length
          : 0
    return {
      'count/services': ONE,
      services: ONE,
      'services.loadbalancers': isBalanced ? ONE : ZERO,
      'services.nodeports': amountOf(nodePorts),
    }
  },
}

const OF_STORAGE_CLASS = '.storageclass.storage.k8s.io/'
const VOLUME_RESOURCES = ['persistentvolumeclaims', 'requests.storage']
const BETA_STORAGE_CLASS = 'volume.beta.kubernetes.io/storage-class'

export const volumeClaimEvaluator: Evaluator = {
  mayHandle: (operation, subresource) =>
    isMainWrite(operation, subresource) || (subresource === 'status' && operation === 'UPDATE'),
  matching: (names) =>
    names.filter(
      (name) =>
        name === 'count/persistentvolumeclaims' ||
        VOLUME_RESOURCES.includes(name) ||
        VOLUME_RESOURCES.some((resource) => name.endsWith(`${OF_STORAGE_CLASS}${resource}`)),
    ),
  usage: (object) => volumeUsage(object as PersistentVolumeClaim),
  isInScope: (requirement, object) =>
    requirement.scopeName === 'VolumeAttributesClass' &&
    hasScopeValue(requirement, attributesClasses(object as PersistentVolumeClaim)),
}

const volumeUsage = (claim: PersistentVolumeClaim): Amounts => {
  const amounts: Mutable = { persistentvolumeclaims: ONE, 'count/persistentvolumeclaims': ONE }
  const { annotations } = claim.metadata
  const storageClass = annotations?.[BETA_STORAGE_CLASS] ?? claim.spec?.storageClassName ?? ''
  if (storageClass) amounts[`${storageClass}${OF_STORAGE_CLASS}persistentvolumeclaims`] = ONE
  const asked = claim.spec?.resources?.requests?.['storage']
  if (asked === undefined) return amounts
  const wanted = wholeUnits(asked)
  const granted = claim.status?.allocatedResources?.['storage']
  const size = granted === undefined ? wanted : larger(wanted, wholeUnits(granted))
  amounts['requests.storage'] = size
  if (storageClass) amounts[`${storageClass}${OF_STORAGE_CLASS}requests.storage`] = size
  return amounts
}

const UNIT = 1_000_000_000n

const wholeUnits = (text: string): Quantity => {
  const { nanos, format } = parseAmount(text)
  const rest = nanos % UNIT
  return rest === 0n ? { nanos, format } : { nanos: nanos - rest + UNIT, format }
}

const larger = (one: Quantity, other: Quantity): Quantity => (other.nanos > one.nanos ? other : one)

const attributesClasses = ({ spec, status }: PersistentVolumeClaim): string[] =>
  [
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ].filter((name): name is string => Boolean(name))

const OF_DEVICE_CLASS = '.deviceclass.resource.k8s.io/devices'
const IMPLICIT = 'requests.deviceclass.resource.kubernetes.io/'
const EXTENDED_CLAIM = 'resource.kubernetes.io/extended-resource-claim'
/** As many devices as one claim can get. */
const DEVICES_MAX = 32

export const deviceClaimEvaluator: Evaluator = {
  mayHandle: isMainWrite,
  matching: (names, objects) =>
    names.filter(
      (name) =>
        name === 'count/resourceclaims.resource.k8s.io' ||
        name.endsWith(OF_DEVICE_CLASS) ||
        isExtendedByClass(name, objects),
    ),
  usage: (object, context) => {
    const claim = object as ResourceClaim
    const amounts: Mutable = { 'count/resourceclaims.resource.k8s.io': ONE }
    for (const request of claim.spec?.devices?.requests ?? [])
      for (const [deviceClass, count] of devicesOf(request)) {
        const name = `${deviceClass}${OF_DEVICE_CLASS}`
        amounts[name] = addAmount(amounts[name], amountOf(count))
      }
    addExtended(amounts, claim, context)
    return amounts
  },
}

type DeviceRequest = NonNullable<
  NonNullable<NonNullable<ResourceClaim['spec']>['devices']>['requests']
>[number]

/** By class, the most devices that a request can come to. */
const devicesOf = ({ firstAvailable = [], exactly }: DeviceRequest): Map<string, number> => {
  const counts = new Map<string, number>()
  const requests = firstAvailable.length > 0 ? firstAvailable : exactly ? [exactly] : []
  for (const { deviceClassName, allocationMode, count } of requests) {
    const devices =
      allocationMode === 'All' ? DEVICES_MAX : allocationMode === 'ExactCount' ? (count ?? 0) : 0
    const most = counts.get(deviceClassName)
    if (devices > (most ?? -1)) counts.set(deviceClassName, devices)
  }
  return counts
}

const extendedNameOf = (deviceClass: string, objects: Objects): string =>
  objects.get(DeviceClass, undefined, deviceClass)?.spec?.extendedResourceName ?? ''

const isExtendedByClass = (name: string, objects: Objects): boolean => {
  if (name.startsWith(IMPLICIT) && extendedNameOf(name.slice(IMPLICIT.length), objects)) return true
  if (!isExtendedQuota(name)) return false
  const resource = name.slice('requests.'.length)
  return objects.list(DeviceClass).some(({ spec }) => spec?.extendedResourceName === resource)
}

/** Devices count as extended resources, too, unless the claim was made for a pod that is charged for them. */
const addExtended = (amounts: Mutable, claim: ResourceClaim, context: UsageContext): void => {
  const { objects } = context
  const extended: Mutable = {}
  for (const name in amounts) {
    if (!name.endsWith(OF_DEVICE_CLASS)) continue
    const deviceClass = name.slice(0, -OF_DEVICE_CLASS.length)
    if (!deviceClass) continue
    extended[`${IMPLICIT}${deviceClass}`] = amounts[name]!
    const resource = extendedNameOf(deviceClass, objects)
    if (resource) extended[`requests.${resource}`] = amounts[name]!
  }
  const ofPod = podUsageFor(claim, context)
  for (const name in extended) {
    const { nanos, format } = extended[name]!
    const rest = nanos - (ofPod[name]?.nanos ?? 0n)
    if (rest > 0n) amounts[name] = { nanos: rest, format }
  }
}

/** What the pod is charged that the claim was made for. */
const podUsageFor = (claim: ResourceClaim, context: UsageContext): Amounts => {
  const { namespace, name, annotations, creationTimestamp } = claim.metadata
  const owner = controllerOf(claim)
  if (annotations?.[EXTENDED_CLAIM] !== 'true') return {}
  if (owner?.kind !== 'Pod' || owner.apiVersion !== 'v1') return {}
  const pod = context.objects.get(Pod, namespace, owner.name)
  if (!pod || pod.metadata.uid !== owner.uid) return {}
  const stated = pod.status?.extendedResourceClaimStatus
  if (stated && stated.resourceClaimName !== name) return {}
  if (!stated) {
    const siblings = context.objects.list(ResourceClaim, {
      ...(namespace === undefined ? {} : { namespace }),
      owner: owner.uid,
    })
    const isFirst = siblings.every(({ metadata }) => {
      if (metadata.annotations?.[EXTENDED_CLAIM] !== 'true') return true
      const born = Date.parse(metadata.creationTimestamp) - Date.parse(creationTimestamp)
      return born > 0 || (born === 0 && metadata.name >= name)
    })
    if (!isFirst) return {}
  }
  return podEvaluator.usage(pod, context)
}
