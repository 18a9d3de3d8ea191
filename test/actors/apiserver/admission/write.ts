/**
 * One write on its way through single plug-ins, without an apiserver: what became of the object, or why not.
 */
import {
  AdmissionChain,
  admissionOf,
  admitted,
} from '../../../../src/actors/apiserver/admission/chain.ts'
import type {
  AdmissionPlugin,
  Operation,
} from '../../../../src/actors/apiserver/admission/plugin.ts'
import type { ApiRequest, User } from '../../../../src/actors/apiserver/request.ts'
import type { Services } from '../../../../src/actors/apiserver/services.ts'
import type { AnyKind } from '../../../../src/api/kind.ts'
import type { KubernetesObject, ObjectMeta } from '../../../../src/api/meta.ts'
import { StatusError } from '../../../../src/api/status-error.ts'
import { memoryCache } from '../../../support/memory-cache.ts'
import { memoryStorage } from '../../../support/memory-storage.ts'
import { virtualClock } from '../../../support/virtual-clock.ts'

export interface Wanted {
  kind: AnyKind
  operation?: Operation
  subresource?: string
  object?: object
  old?: object
  user?: User
  query?: string
}

export interface Outcome {
  /** What would be stored; undefined when it was refused. */
  object: KubernetesObject | undefined
  error: StatusError | undefined
  warnings: readonly string[]
  /** Audit annotations. */
  notes: Record<string, string>
}

/** An object as it is stored; `metadata` may be incomplete. */
export const stored = <T extends KubernetesObject>(
  kind: AnyKind,
  name: string,
  more: object = {},
  metadata: Partial<ObjectMeta> = {},
): T =>
  ({
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: {
      name,
      ...(kind.namespaced ? { namespace: 'default' } : {}),
      uid: `uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...metadata,
    },
    ...more,
  }) as unknown as T

/** What the cluster holds beside: `there`. */
export const createDesk = (plugins: readonly AdmissionPlugin[], ...there: KubernetesObject[]) => {
  const clock = virtualClock()
  const cache = memoryCache(...there)
  const storage = memoryStorage(cache)
  const services = { storage, clock, admission: new AdmissionChain(plugins) } as unknown as Services
  const write = async (wanted: Wanted): Promise<Outcome> => {
    const { kind, operation = 'CREATE', subresource, query = '' } = wanted
    const object = wanted.object && structuredClone(wanted.object)
    const notes: Record<string, string> = {}
    const request = {
      verb: operation === 'UPDATE' ? 'update' : 'create',
      kind,
      subresource,
      namespace: kind.namespaced ? 'default' : undefined,
      name: (wanted.old as KubernetesObject | undefined)?.metadata.name,
      user: wanted.user ?? { name: 'jane', groups: [] },
      query: new URLSearchParams(query),
      audit: { annotate: (key: string, value: string) => Object.assign(notes, { [key]: value }) },
    } as unknown as ApiRequest
    const admission = admissionOf(services, request, operation)
    const next = object as KubernetesObject | undefined
    const old = wanted.old as KubernetesObject | undefined
    let error: StatusError | undefined
    try {
      await admission?.mutate(next, old)
      await admitted(admission, next, old, () => Promise.resolve())
    } catch (thrown) {
      if (!(thrown instanceof StatusError)) throw thrown
      error = thrown
    }
    return { object: error ? undefined : next, error, warnings: request.warnings ?? [], notes }
  }
  return { clock, cache, services, write }
}
