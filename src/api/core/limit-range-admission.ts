/**
 * What LimitRanges make of a pod or a volume claim: defaults for its containers, and what it may not ask for.
 *
 * After Kubernetes' `plugin/pkg/admission/limitranger`, in its words. Pure; `applyLimitDefaults` changes the pod.
 */
import { parseQuantity } from '../quantity.ts'
import type { LimitRange } from './limit-range.ts'
import type { PersistentVolumeClaim } from './persistent-volume-claim.ts'
import type { Pod } from './pod.ts'
import { aggregateResources } from './pod-level-resources.ts'
import type { Container } from './pod-spec-defaults.ts'
import { compareAmounts, type ResourceList } from './resource-list.ts'

const ANNOTATION = 'kubernetes.io/limit-ranger'

type Item = NonNullable<NonNullable<LimitRange['spec']>['limits']>[number]

const itemsOf = ({ spec }: LimitRange, type: string): Item[] =>
  (spec?.limits ?? []).filter((item) => item.type === type)

/** In place: requests and limits that containers left out, and an annotation that says which. */
export const applyLimitDefaults = (range: LimitRange, pod: Pod): void => {
  const requests: ResourceList = {}
  const limits: ResourceList = {}
  for (const item of itemsOf(range, 'Container')) {
    Object.assign(requests, item.defaultRequest)
    Object.assign(limits, item.default)
  }
  const said: string[] = []
  const complete = (container: Container, what: string) => {
    // Both are told apart before either is changed.
    const missing = {
      requests: missingOf(requests, container.resources?.requests),
      limits: missingOf(limits, container.resources?.limits),
    }
    for (const [field, word] of [
      ['requests', 'request'],
      ['limits', 'limit'],
    ] as const) {
      const names = Object.keys(missing[field]).sort()
      if (names.length === 0) continue
      container.resources ??= {}
      container.resources[field] = { ...container.resources[field], ...missing[field] }
      said.push(`${names.join(', ')} ${word} for ${what} ${container.name}`)
    }
  }
  for (const container of pod.spec?.containers ?? []) complete(container, 'container')
  for (const container of pod.spec?.initContainers ?? []) complete(container, 'init container')
  if (said.length === 0) return
  pod.metadata.annotations ??= {}
  pod.metadata.annotations[ANNOTATION] = `LimitRanger plugin set: ${said.join('; ')}`
}

const missingOf = (defaults: ResourceList, present: ResourceList | undefined): ResourceList => {
  const missing: ResourceList = {}
  for (const name in defaults) if (present?.[name] === undefined) missing[name] = defaults[name]!
  return missing
}

interface Asked {
  requests: ResourceList
  limits: ResourceList
}

/** Why the pod is not within the range; undefined: it is. */
export const podLimitFault = (range: LimitRange, pod: Pod): string | undefined => {
  const faults: string[] = []
  const { containers = [], initContainers = [] } = pod.spec ?? {}
  for (const item of range.spec?.limits ?? []) {
    if (item.type === 'Container')
      for (const { resources } of [...containers, ...initContainers])
        check(faults, item, {
          requests: resources?.requests ?? {},
          limits: resources?.limits ?? {},
        })
    if (item.type === 'Pod')
      check(faults, item, { requests: ofPod(pod, 'requests'), limits: ofPod(pod, 'limits') })
  }
  return joined(faults)
}

const ofPod = ({ spec }: Pod, field: keyof Asked): ResourceList => {
  const total = aggregateResources(spec ?? {}, field)
  for (const name of ['cpu', 'memory']) {
    const own = spec?.resources?.[field]?.[name]
    if (own !== undefined) total[name] = own
  }
  return total
}

/** Why the claim is not within the range; undefined: it is. */
export const claimLimitFault = (
  range: LimitRange,
  { spec }: PersistentVolumeClaim,
): string | undefined => {
  const faults: string[] = []
  const asked: Asked = { requests: spec?.resources?.requests ?? {}, limits: {} }
  for (const item of itemsOf(range, 'PersistentVolumeClaim')) {
    checkEach(faults, item.min, (name, bound) => belowMinimum(item.type, name, bound, asked))
    checkEach(faults, item.max, (name, bound) => {
      const request = asked.requests[name]
      const rule = `maximum ${name} usage per ${item.type} is ${bound}`
      if (request === undefined) return `${rule}.  No request is specified`
      return compareAmounts(request, bound) > 0 ? `${rule}, but request is ${request}` : undefined
    })
  }
  return joined(faults)
}

const check = (faults: string[], item: Item, asked: Asked): void => {
  const { type } = item
  checkEach(faults, item.min, (name, bound) => belowMinimum(type, name, bound, asked))
  checkEach(faults, item.max, (name, bound) => aboveMaximum(type, name, bound, asked))
  checkEach(faults, item.maxLimitRequestRatio, (name, bound) =>
    aboveRatio(type, name, bound, asked),
  )
}

const checkEach = (
  faults: string[],
  bounds: ResourceList | undefined,
  faultOf: (name: string, bound: string) => string | undefined,
): void => {
  for (const name of Object.keys(bounds ?? {}).sort()) {
    const fault = faultOf(name, bounds![name]!)
    if (fault !== undefined) faults.push(fault)
  }
}

const belowMinimum = (
  type: string,
  name: string,
  bound: string,
  { requests, limits }: Asked,
): string | undefined => {
  const rule = `minimum ${name} usage per ${type} is ${bound}`
  const request = requests[name]
  const limit = limits[name]
  if (request === undefined) return `${rule}.  No request is specified`
  if (compareAmounts(request, bound) < 0) return `${rule}, but request is ${request}`
  if (limit !== undefined && compareAmounts(limit, bound) < 0)
    return `${rule}, but limit is ${limit}`
  return undefined
}

const aboveMaximum = (
  type: string,
  name: string,
  bound: string,
  { requests, limits }: Asked,
): string | undefined => {
  const rule = `maximum ${name} usage per ${type} is ${bound}`
  const request = requests[name]
  const limit = limits[name]
  if (limit === undefined) return `${rule}.  No limit is specified`
  if (compareAmounts(limit, bound) > 0) return `${rule}, but limit is ${limit}`
  if (request !== undefined && compareAmounts(request, bound) > 0)
    return `${rule}, but request is ${request}`
  return undefined
}

const aboveRatio = (
  type: string,
  name: string,
  bound: string,
  { requests, limits }: Asked,
): string | undefined => {
  const rule = `${name} max limit to request ratio per ${type} is ${bound}`
  const request = thousandths(requests[name])
  const limit = thousandths(limits[name])
  if (request === 0) return `${rule}, but no request is specified or request is 0`
  if (limit === 0) return `${rule}, but no limit is specified or limit is 0`
  const ratio = limit / request
  return ratio * 1000 > thousandths(bound)
    ? `${rule}, but provided ratio is ${ratio.toFixed(6)}`
    : undefined
}

const MILLIONTH = 1_000_000n

const thousandths = (text: string | undefined): number => {
  if (text === undefined) return 0
  const { nanos } = parseQuantity(text)
  return Number((nanos + MILLIONTH - 1n) / MILLIONTH)
}

/** As Go prints several errors: each text once. */
const joined = (faults: readonly string[]): string | undefined => {
  const texts = [...new Set(faults)]
  return texts.length > 1 ? `[${texts.join(', ')}]` : texts[0]
}
