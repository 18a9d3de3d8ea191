/**
 * delete and deletecollection: at once, gracefully, or after finalizers.
 *
 * After Kubernetes' `rest.BeforeDelete`: `planDeletion` decides, the rest commits. Invariant: an object with
 * finalizers is only marked; a grace period only ever gets shorter.
 */
import { deepEqual } from '../../api/equality.ts'
import type { AnyKind } from '../../api/kind.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import { badRequest, conflict, forbidden, invalid, StatusError } from '../../api/status-error.ts'
import { timestamp } from '../../std/clock.ts'
import { type Admission, admissionOf, admitted } from './admission/chain.ts'
import { commit, isDryRun, remove, revisionOf, withRetries } from './commit.ts'
import { hasFinalizers } from './object-meta.ts'
import { list } from './read.ts'
import { type ApiRequest, type ApiResult, flag, success } from './request.ts'
import type { Services } from './services.ts'

export interface DeleteOptions {
  gracePeriodSeconds?: number
  propagationPolicy?: string
  orphanDependents?: boolean
  preconditions?: { uid?: string; resourceVersion?: string }
}

export type Deletion =
  | { do: 'remove'; last: KubernetesObject }
  | { do: 'mark'; next: KubernetesObject }
  | { do: 'nothing' }

/** Kinds whose DELETE answers with the object instead of a Status, as their registries in Kubernetes do. */
const ANSWERS_WITH_OBJECT = new Set([
  'csidrivers',
  'csinodes',
  'deviceclasses',
  'devicetaintrules',
  'namespaces',
  'persistentvolumeclaims',
  'persistentvolumes',
  'pods',
  'podtemplates',
  'resourceclaims',
  'resourceclaimtemplates',
  'resourcequotas',
  'resourceslices',
  'serviceaccounts',
  'services',
  'storageclasses',
  'volumeattachments',
  'volumeattributesclasses',
])
/** How many objects of a collection are deleted at the same time. */
const COLLECTION_WIDTH = 64

export const deleteOne = async (services: Services, request: ApiRequest): Promise<ApiResult> => {
  const { kind, name } = request
  const options = readOptions(request)
  const refused = kind.undeletable?.(name!)
  if (refused) throw forbidden(kind, name!, refused)
  const admission = admissionOf(services, request, 'DELETE', { options: shown(request, options) })
  const { object, removed } = await deleteObject(services, request, options, admission)
  if (!removed || answersWithObject(kind)) return { type: 'object', code: 200, kind, object }
  return success(200, {
    name: name!,
    ...(kind.group ? { group: kind.group } : {}),
    kind: kind.plural,
    uid: object.metadata.uid,
  })
}

/** Custom kinds may have the names of built-in ones. */
const answersWithObject = ({ plural, schema }: AnyKind): boolean =>
  !schema && ANSWERS_WITH_OBJECT.has(plural)

/** A deletion that has something to write. */
type Plan = Exclude<Deletion, { do: 'nothing' }>

interface Deleted {
  object: KubernetesObject
  removed: boolean
}

/** The options as admission is shown them. */
const shown = (request: ApiRequest, options: DeleteOptions): object => ({
  kind: 'DeleteOptions',
  apiVersion: 'meta.k8s.io/v1',
  ...options,
  ...(isDryRun(request) ? { dryRun: ['All'] } : {}),
})

/**
 * Deletes what the request names; also eviction's way, which admission has judged before and which has `amend` say on
 * the object why it goes.
 */
export const deleteObject = (
  services: Services,
  request: ApiRequest,
  options: DeleteOptions,
  admission?: Admission,
  amend?: (current: KubernetesObject) => KubernetesObject,
): Promise<Deleted> =>
  withRetries(
    services,
    request,
    (current) => options.preconditions?.resourceVersion === current.metadata.resourceVersion,
    async (current) => {
      const { kind } = request
      checkPreconditions(kind, current, options)
      const object = amend ? amend(current) : current
      const planned = planDeletion(kind, object, options, services.clock.now())
      if (planned.do === 'nothing' && object === current) return { object: current, removed: false }
      const plan: Plan = planned.do === 'nothing' ? { do: 'mark', next: object } : planned
      const mutation = admission?.mutate(undefined, current)
      if (mutation) await mutation
      return admitted(admission, undefined, current, () =>
        carryOut(services, request, current, plan),
      )
    },
  )

const carryOut = async (
  services: Services,
  request: ApiRequest,
  current: KubernetesObject,
  plan: Plan,
): Promise<Deleted> => {
  const { kind, fence } = request
  if (plan.do === 'remove') {
    if (isDryRun(request)) return { object: plan.last, removed: true }
    const revision = await remove(services, kind, plan.last, fence)
    const metadata = { ...plan.last.metadata, resourceVersion: String(revision) }
    return { object: { ...plan.last, metadata }, removed: true }
  }
  if (isDryRun(request)) return { object: plan.next, removed: false }
  const object = await commit(services, kind, plan.next, revisionOf(current), fence)
  return { object, removed: false }
}

const checkPreconditions = (
  kind: AnyKind,
  { metadata }: KubernetesObject,
  { preconditions }: DeleteOptions,
): void => {
  const { uid, resourceVersion } = preconditions ?? {}
  if (uid && uid !== metadata.uid)
    throw conflict(
      kind,
      metadata.name,
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    )
  if (resourceVersion && resourceVersion !== metadata.resourceVersion)
    throw conflict(
      kind,
      metadata.name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    )
}

/** What a deletion of `object` means now. */
const planDeletion = (
  kind: AnyKind,
  current: KubernetesObject,
  options: DeleteOptions,
  nowMs: number,
): Deletion => {
  const isFirst = current.metadata.deletionTimestamp === undefined
  const object: KubernetesObject =
    isFirst && kind.prepareForDelete ? kind.prepareForDelete(current, { now: nowMs }) : current
  const grace = gracePeriod(kind, object, options)
  const finalizers = deletionFinalizers(object, options)
  const holds = { ...object, metadata: { ...object.metadata, finalizers } }
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = object.metadata
  const isHeld = hasFinalizers(holds)
  if (deletionTimestamp !== undefined) {
    const isShorter = grace < deletionGracePeriodSeconds
    const period = isShorter ? grace : deletionGracePeriodSeconds
    if (period === 0 && !isHeld) return { do: 'remove', last: object }
    const isSame = deepEqual(finalizers, object.metadata.finalizers ?? [])
    if (!isShorter && isSame) return { do: 'nothing' }
    const requestedMs = Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000
    return { do: 'mark', next: marked(object, finalizers, period, requestedMs) }
  }
  if (grace === 0 && !isHeld) return { do: 'remove', last: object }
  return { do: 'mark', next: marked(object, finalizers, grace, nowMs) }
}

/** Seconds; only kinds that stop gracefully have any. */
const gracePeriod = (kind: AnyKind, object: KubernetesObject, options: DeleteOptions): number => {
  const own = kind.gracePeriodSeconds?.(object) ?? 0
  if (own === 0) return 0
  const wanted = options.gracePeriodSeconds ?? own
  return wanted < 0 ? 1 : wanted
}

const ORPHAN = 'orphan'
const FOREGROUND = 'foregroundDeletion'

const deletionFinalizers = (object: KubernetesObject, options: DeleteOptions): string[] => {
  const present = object.metadata.finalizers ?? []
  const { propagationPolicy, orphanDependents } = options
  const wanted =
    propagationPolicy === 'Orphan' || orphanDependents === true
      ? ORPHAN
      : propagationPolicy === 'Foreground'
        ? FOREGROUND
        : undefined
  const isStated = propagationPolicy !== undefined || orphanDependents !== undefined
  if (!isStated) return [...present]
  const kept = present.filter((name) => name !== ORPHAN && name !== FOREGROUND)
  if (wanted) kept.push(wanted)
  return kept
}

const marked = (
  object: KubernetesObject,
  finalizers: string[],
  grace: number,
  requestedMs: number,
): KubernetesObject => {
  const { finalizers: _old, ...rest } = object.metadata
  const generation = object.metadata.generation
  const isFirst = object.metadata.deletionTimestamp === undefined
  const next: KubernetesObject = {
    ...object,
    metadata: {
      ...rest,
      ...(generation !== undefined && isFirst ? { generation: generation + 1 } : {}),
      ...(finalizers.length > 0 ? { finalizers } : {}),
      deletionTimestamp: timestamp(requestedMs + grace * 1000),
      deletionGracePeriodSeconds: grace,
    },
  }
  if (object.kind === 'Namespace' && object.apiVersion === 'v1') {
    const { status } = object as KubernetesObject & { status?: object }
    Object.assign(next, { status: { ...status, phase: 'Terminating' } })
  }
  return next
}

/** DeleteOptions from the body, or from the query where there is no body. */
const readOptions = ({ body, query }: ApiRequest): DeleteOptions => {
  const options = body === undefined || body === null ? optionsOfQuery(query) : optionsOfBody(body)
  if (options.propagationPolicy !== undefined && options.orphanDependents !== undefined)
    throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', [
      {
        reason: 'FieldValueInvalid',
        field: 'propagationPolicy',
        message: `Invalid value: ${JSON.stringify(options.propagationPolicy)}: orphanDependents and deletionPropagation cannot be both set`,
      },
    ])
  const policy = options.propagationPolicy
  if (policy !== undefined && !['Orphan', 'Background', 'Foreground'].includes(policy))
    throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', [
      {
        reason: 'FieldValueNotSupported',
        field: 'propagationPolicy',
        message: `Unsupported value: ${JSON.stringify(policy)}: supported values: "Background", "Foreground", "Orphan", "nil"`,
      },
    ])
  return options
}

const optionsOfBody = (body: unknown): DeleteOptions => {
  if (typeof body !== 'object' || Array.isArray(body))
    throw badRequest('the body of a delete is DeleteOptions')
  const { kind } = body as { kind?: unknown }
  if (kind !== undefined && kind !== 'DeleteOptions')
    throw badRequest(`unable to decode a DeleteOptions: the body is of kind ${String(kind)}`)
  const given = body as Record<string, unknown>
  const options: DeleteOptions = {}
  if (typeof given['gracePeriodSeconds'] === 'number')
    options.gracePeriodSeconds = given['gracePeriodSeconds']
  if (typeof given['propagationPolicy'] === 'string')
    options.propagationPolicy = given['propagationPolicy']
  if (typeof given['orphanDependents'] === 'boolean')
    options.orphanDependents = given['orphanDependents']
  if (typeof given['preconditions'] === 'object' && given['preconditions'] !== null)
    options.preconditions = given['preconditions']
  return options
}

const optionsOfQuery = (query: URLSearchParams): DeleteOptions => {
  const options: DeleteOptions = {}
  const grace = query.get('gracePeriodSeconds')
  if (grace !== null) {
    if (!/^-?\d{1,9}$/.test(grace))
      throw badRequest(`strconv.ParseInt: parsing "${grace}": invalid syntax`)
    options.gracePeriodSeconds = Number(grace)
  }
  const policy = query.get('propagationPolicy')
  if (policy !== null) options.propagationPolicy = policy
  if (query.has('orphanDependents')) options.orphanDependents = flag(query, 'orphanDependents')
  return options
}

export const deleteCollection = async (
  services: Services,
  request: ApiRequest,
): Promise<ApiResult> => {
  const options = readOptions(request)
  const found = await list(services, request)
  const deleted: KubernetesObject[] = []
  const particulars = { name: '', options: shown(request, options) }
  const one = async (object: KubernetesObject): Promise<void> => {
    const { namespace, name } = object.metadata
    try {
      const named = { ...request, namespace, name }
      const admission = admissionOf(services, named, 'DELETE', particulars)
      deleted.push((await deleteObject(services, named, options, admission)).object)
    } catch (error) {
      if (!(error instanceof StatusError) || error.reason !== 'NotFound') throw error
    }
  }
  const waiting = found.items.filter(
    ({ metadata }) => request.kind.undeletable?.(metadata.name) === undefined,
  )
  for (let at = 0; at < waiting.length; at += COLLECTION_WIDTH)
    await Promise.all(waiting.slice(at, at + COLLECTION_WIDTH).map(one))
  return { type: 'list', kind: request.kind, items: deleted, revision: found.revision }
}
