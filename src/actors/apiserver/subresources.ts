/**
 * Subresources that are documents of their own: binding, finalize; evictions are in `eviction.ts`.
 *
 * Invariant: each ends in the same commit as a plain update or delete. `status` is a plain update, see
 * `update.ts`; the scale is in `scale.ts`; logs, exec and attach are streams, see `node-stream.ts`.
 */
import type { Namespace } from '../../api/core/namespace.ts'
import { Pod } from '../../api/core/pod.ts'
import { deepCopy } from '../../api/equality.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import { conflict, invalid, requiredField } from '../../api/status-error.ts'
import { timestamp } from '../../std/clock.ts'
import { admissionOf, admitted } from './admission/chain.ts'
import { commit, isDryRun, revisionOf, withRetries } from './commit.ts'
import { checkName } from './create.ts'
import { decodeObject } from './decode-object.ts'
import { type ApiRequest, type ApiResult, success } from './request.ts'
import type { Services } from './services.ts'
import { catchUp, replace } from './update.ts'

interface Binding {
  metadata?: {
    name?: string
    uid?: string
    resourceVersion?: string
    annotations?: Record<string, string>
    labels?: Record<string, string>
  }
  target?: { kind?: string; name?: string }
}

/** Puts a pod on a node: `pods/binding`, and `bindings` where the body names the pod. */
export const bind = async (services: Services, request: ApiRequest): Promise<ApiResult> => {
  const binding = (request.body ?? {}) as Binding
  const name = request.name ?? binding.metadata?.name
  const errors = []
  if (!binding.target?.name) errors.push(requiredField('target.name'))
  const target = binding.target?.kind
  if (target && target !== 'Node')
    errors.push({
      reason: 'FieldValueNotSupported' as const,
      field: 'target.kind',
      message: `Unsupported value: ${JSON.stringify(target)}: supported values: "Node", "<empty>"`,
    })
  if (!name) errors.push(requiredField('metadata.name', 'name or generateName is required'))
  if (errors.length > 0) throw invalid({ group: '', kind: 'Binding' }, name ?? '', errors)
  const admission = admissionOf(services, request, 'CREATE')
  const shown = bindingObject(binding, request.namespace, name!)
  const mutation = admission?.mutate(shown, undefined)
  if (mutation) await mutation
  await admitted(admission, shown, undefined, () =>
    withRetries(
      services,
      { ...request, kind: Pod, name },
      () => false,
      (current) => {
        // Not an update: a pod's own update rules forbid to change its node.
        const next = boundPod(current as Pod, shown, services.clock.now())
        if (isDryRun(request)) return Promise.resolve(next)
        return commit(services, Pod, next, revisionOf(current), request.fence)
      },
    ),
  )
  return success(201)
}

/** The binding as an object that admission may complete. */
const bindingObject = (
  { metadata, target }: Binding,
  namespace: string | undefined,
  name: string,
): KubernetesObject & Binding => ({
  kind: 'Binding',
  apiVersion: 'v1',
  metadata: { ...metadata, name, namespace } as KubernetesObject['metadata'],
  ...(target ? { target } : {}),
})

const BINDINGS = { group: '', resource: 'pods/binding' }

const boundPod = (pod: Pod, { metadata = {}, target }: Binding, nowMs: number): Pod => {
  const { name } = pod.metadata
  if (metadata.uid && metadata.uid !== pod.metadata.uid)
    throw conflict(
      BINDINGS,
      name,
      `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${pod.metadata.uid}`,
    )
  if (metadata.resourceVersion && metadata.resourceVersion !== pod.metadata.resourceVersion)
    throw conflict(
      BINDINGS,
      name,
      `Precondition failed: ResourceVersion in precondition: ${metadata.resourceVersion}, ResourceVersion in object meta: ${pod.metadata.resourceVersion}`,
    )
  if (pod.metadata.deletionTimestamp)
    throw conflict(BINDINGS, name, `pod ${name} is being deleted, cannot be assigned to a host`)
  if (pod.spec?.nodeName)
    throw conflict(BINDINGS, name, `pod ${name} is already assigned to node "${pod.spec.nodeName}"`)
  if (pod.spec?.schedulingGates?.length)
    throw conflict(BINDINGS, name, `pod ${name} has non-empty .spec.schedulingGates`)
  const { spec, status = {} } = pod
  // What it shares with the stored pod is not changed on its way to the store.
  const next: Pod = { ...pod, metadata: { ...pod.metadata } }
  next.spec = { ...spec!, nodeName: target!.name! }
  if (metadata.annotations)
    next.metadata.annotations = { ...next.metadata.annotations, ...metadata.annotations }
  if (metadata.labels) next.metadata.labels = { ...next.metadata.labels, ...metadata.labels }
  const conditions = status.conditions?.filter(({ type }) => type !== 'PodScheduled') ?? []
  const scheduled = {
    type: 'PodScheduled',
    status: 'True',
    lastTransitionTime: timestamp(nowMs),
  }
  next.status = { ...status, conditions: [...conditions, scheduled] }
  // What was nominated is of no use to anybody any more.
  if ('nominatedNodeName' in next.status) delete next.status.nominatedNodeName
  return next
}

/** `namespaces/finalize`: sets spec.finalizers, and nothing else; the last one to go takes the namespace along. */
export const finalize = async (services: Services, request: ApiRequest): Promise<ApiResult> => {
  const asked = decodeObject(request) as Namespace
  checkName(request, asked)
  const given = asked.metadata.resourceVersion || undefined
  if (given) await catchUp(services, request, given)
  const object = await withRetries(
    services,
    request,
    () => given !== undefined,
    (current) => {
      const next = deepCopy(current) as Namespace
      next.spec = { ...next.spec, finalizers: asked.spec?.finalizers ?? [] }
      return replace(services, request, current, next, given)
    },
  )
  return { type: 'object', code: 200, kind: request.kind, object }
}
