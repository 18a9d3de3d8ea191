/**
 * Validation of resource requirements: names, amounts, requests within limits.
 *
 * Wording follows Kubernetes 1.36 (`validateResourceRequirements`); entries are checked in the order given.
 */
import type { V1PodResourceClaim, V1ResourceRequirements } from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'
import { qualifiedNameErrors } from '../names.ts'
import { milliValue, QUANTITY_FORMAT_MESSAGE, value } from '../quantity.ts'
import {
  duplicateField,
  type FieldError,
  forbiddenField,
  invalidField,
  notFoundField,
  requiredField,
  unsupportedField,
} from '../status-error.ts'
import { checkDnsLabel, checkQualifiedName } from './field-rules.ts'
import { aggregateResources, isPodLevelResource } from './pod-level-resources.ts'
import type { PodSpec } from './pod-spec-defaults.ts'
import {
  compareAmounts,
  isContainerResource,
  isExtendedResource,
  isHugePages,
  isIntegerResource,
  isKnownQuantity,
  isNativeResource,
  isOvercommitAllowed,
  isStandardResource,
  type ResourceList,
} from './resource-list.ts'

type Requirements = Wire<V1ResourceRequirements>
type PodClaims = Wire<V1PodResourceClaim>[] | undefined
type NameCheck = (errors: FieldError[], path: string, name: string) => void

export const checkContainerResources = (
  errors: FieldError[],
  path: string,
  requirements: Requirements | undefined,
  podClaims: PodClaims,
): void => {
  if (requirements)
    checkRequirements(errors, path, requirements, podClaims, checkContainerResourceName)
}

/** A pod's overhead: an amount of each resource that a container may ask for. */
export const checkOverhead = (errors: FieldError[], path: string, overhead: ResourceList): void =>
  checkRequirements(errors, path, { limits: overhead }, undefined, checkContainerResourceName)

/** `spec.resources`: a pod's own requests and limits. */
export const checkPodResources = (errors: FieldError[], path: string, spec: PodSpec): void => {
  const { resources } = spec
  if (!resources) return
  if (spec.os?.name === 'windows') {
    errors.push(forbiddenField(path, 'may not be set for a windows pod'))
    return
  }
  if (resources.claims) {
    const why = 'claims may not be set for Resources at pod-level'
    errors.push(forbiddenField(`${path}.claims`, why))
  }
  checkRequirements(errors, path, resources, spec.resourceClaims, checkPodName)
  checkWhole(errors, path, spec, 'requests', () => true)
  checkWhole(errors, path, spec, 'limits', isHugePages)
  for (const [index, container] of (spec.containers ?? []).entries()) {
    const limits = container.resources?.limits
    for (const name in limits) {
      const own = limits[name]!
      const whole = resources.limits?.[name]
      if (whole === undefined || compareAmounts(own, whole) <= 0) continue
      const why = `must be less than or equal to pod limits of ${whole}`
      errors.push(invalidField(`${path}.containers[${index}][${name}].limits`, own, why))
    }
  }
}

/** The pod's own amounts are no less than its containers' together. */
const checkWhole = (
  errors: FieldError[],
  path: string,
  spec: PodSpec,
  field: 'requests' | 'limits',
  counts: (name: string) => boolean,
): void => {
  for (const [name, together] of Object.entries(aggregateResources(spec, field))) {
    const whole = spec.resources?.[field]?.[name]
    if (whole === undefined || !counts(name) || compareAmounts(together, whole) <= 0) continue
    const why = `must be greater than or equal to aggregate container ${field} of ${together}`
    errors.push(invalidField(`${path}.${field}[${name}]`, whole, why))
  }
}

/** An amount of a resource: not negative, whole where the resource is counted. */
export const checkAmount = (
  errors: FieldError[],
  path: string,
  name: string,
  amount: string,
): boolean => {
  if (!isKnownQuantity(amount)) {
    errors.push(invalidField(path, amount, QUANTITY_FORMAT_MESSAGE))
    return false
  }
  if (milliValue(amount) < 0) {
    errors.push(invalidField(path, amount, 'must be greater than or equal to 0'))
  }
  if (isIntegerResource(name) && milliValue(amount) % 1000 !== 0) {
    errors.push(invalidField(path, amount, 'must be an integer'))
  }
  return true
}

const checkRequirements = (
  errors: FieldError[],
  path: string,
  requirements: Requirements,
  podClaims: PodClaims,
  checkName: NameCheck,
): void => {
  const { limits, requests, claims } = requirements
  let compute = false
  let hugePages = false
  for (const name in limits) {
    const at = `${path}.limits[${name}]`
    checkName(errors, at, name)
    checkAmount(errors, at, name, limits[name]!)
    if (isHugePages(name)) {
      hugePages = true
      checkPageMultiple(errors, at, name, limits[name]!)
    }
    compute ||= name === 'cpu' || name === 'memory'
  }
  for (const name in requests) {
    const at = `${path}.requests[${name}]`
    checkName(errors, at, name)
    const valid = checkAmount(errors, at, name, requests[name]!)
    if (valid) checkRequestAgainstLimit(errors, path, name, requests[name]!, limits?.[name])
    if (isHugePages(name)) {
      hugePages = true
      checkPageMultiple(errors, at, name, requests[name]!)
    }
    compute ||= name === 'cpu' || name === 'memory'
  }
  if (hugePages && !compute) {
    errors.push(forbiddenField(path, 'HugePages require cpu or memory'))
  }
  if (claims?.length) checkClaims(errors, `${path}.claims`, claims, podClaims)
}

const checkRequestAgainstLimit = (
  errors: FieldError[],
  path: string,
  name: string,
  request: string,
  limit: string | undefined,
): void => {
  if (limit === undefined) {
    if (isOvercommitAllowed(name)) return
    const why = 'Limit must be set for non overcommitable resources'
    errors.push(requiredField(`${path}.limits`, why))
    return
  }
  if (!isKnownQuantity(limit)) return
  const difference = compareAmounts(request, limit)
  if (difference !== 0 && !isOvercommitAllowed(name)) {
    const why = `must be equal to ${name} limit of ${limit}`
    errors.push(invalidField(`${path}.requests`, request, why))
  } else if (difference > 0) {
    const why = `must be less than or equal to ${name} limit of ${limit}`
    errors.push(invalidField(`${path}.requests`, request, why))
  }
}

/** `hugepages-2Mi: 3Mi` is no whole number of pages. */
const checkPageMultiple = (errors: FieldError[], at: string, name: string, amount: string) => {
  const size = name.slice('hugepages-'.length)
  if (!isKnownQuantity(amount)) return
  if (isKnownQuantity(size) && value(size) > 0 && value(amount) % value(size) === 0) return
  errors.push(invalidField(at, amount, `${amount} is not positive integer multiple of ${name}`))
}

/** A qualified name; without a prefix it must be one that Kubernetes knows. */
export const checkResourceName: NameCheck = (errors, path, name) => {
  const before = errors.length
  checkQualifiedName(errors, path, name)
  if (errors.length > before || name.includes('/') || isStandardResource(name)) return
  const why = 'must be a standard resource type or fully qualified'
  errors.push(invalidField(path, name, why))
}

/** A resource that a container may ask for. */
export const checkContainerResourceName: NameCheck = (errors, path, name) => {
  if (name === 'cpu' || name === 'memory') return
  checkResourceName(errors, path, name)
  if (!name.includes('/')) {
    if (isContainerResource(name)) return
    errors.push(invalidField(path, name, 'must be a standard resource for containers'))
  } else if (!isNativeResource(name)) {
    const fits = isExtendedResource(name) && qualifiedNameErrors(`requests.${name}`).length === 0
    if (fits) return
    errors.push(invalidField(path, name, "doesn't follow extended resource name standard"))
  }
}

const checkPodName: NameCheck = (errors, path, name) => {
  const before = errors.length
  checkResourceName(errors, path, name)
  if (errors.length > before || isPodLevelResource(name)) return
  errors.push(unsupportedField(path, name, ['cpu', 'hugepages-', 'memory']))
}

const checkClaims = (
  errors: FieldError[],
  path: string,
  claims: NonNullable<Requirements['claims']>,
  podClaims: PodClaims,
): void => {
  const known = (podClaims ?? []).map(({ name }) => name).sort()
  const seen = new Set<string>()
  for (const [index, { name, request }] of claims.entries()) {
    const at = `${path}[${index}]`
    if (!name) {
      errors.push(requiredField(at))
      continue
    }
    if (seen.has(name)) errors.push(duplicateField(at, name))
    else {
      if (request) checkDnsLabel(errors, `${at}.request`, request)
      const key = request ? `${name}/${request}` : name
      const isInParts = !request && [...seen].some((other) => other.startsWith(`${name}/`))
      if (seen.has(key) || isInParts) errors.push(duplicateField(at, key))
      seen.add(key)
    }
    if (known.includes(name)) continue
    const list = known.length > 0 ? `: ${known.join(', ')}` : ' which is empty'
    errors.push(
      notFoundField(at, name, `must be one of the names in pod.spec.resourceClaims${list}`),
    )
  }
}
