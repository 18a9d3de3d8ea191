/**
 * The flow schemas and priority levels in force: those of the cluster, and the mandatory ones in any case.
 *
 * Invariant: there is always a `catch-all` and an `exempt` of each kind. Seats are shared out as Kubernetes'
 * `flowcontrol/apf_controller.go` does. Pure.
 */
import type { V1PriorityLevelConfigurationSpec } from '@kubernetes/client-node'
import {
  mandatoryLevels,
  mandatorySchemas,
  suggestedLevels,
  suggestedSchemas,
} from '../../../api/flowcontrol/bootstrap-objects.ts'
import type { FlowSchema } from '../../../api/flowcontrol/flow-schema.ts'
import type { PriorityLevelConfiguration } from '../../../api/flowcontrol/priority-level-configuration.ts'
import type { Wire } from '../../../api/meta.ts'
import { inOrder, type Schema } from './classify.ts'
import type { Limits } from './priority-level.ts'

type LevelSpec = Wire<V1PriorityLevelConfigurationSpec>

export interface Level {
  name: string
  uid: string
  /** Undefined: exempt. */
  limits: Limits | undefined
}

export interface FlowConfiguration {
  /** In the order they are tried. */
  schemas: readonly Schema[]
  levels: ReadonlyMap<string, Level>
  /** Whether a schema is for certain namespaces only. */
  tellsNamespaces: boolean
}

/** Before the cluster has any objects the suggested ones count. `seats`: how many requests run at once. */
export const flowConfiguration = (
  schemas: readonly FlowSchema[],
  levels: readonly PriorityLevelConfiguration[],
  seats: number,
): FlowConfiguration => {
  const levelSpecs = new Map<string, { uid: string; spec: LevelSpec }>()
  const given = levels.length > 0 ? {} : suggestedLevels
  for (const [name, spec] of Object.entries({ ...given, ...mandatoryLevels }))
    levelSpecs.set(name, { uid: '', spec })
  for (const { metadata, spec } of levels)
    if (spec) levelSpecs.set(metadata.name, { uid: metadata.uid ?? '', spec })
  const known = new Map<string, Schema>()
  const basis = schemas.length > 0 ? {} : suggestedSchemas
  for (const [name, spec] of Object.entries({ ...basis, ...mandatorySchemas }))
    known.set(name, { name, uid: '', spec })
  for (const { metadata, spec } of schemas)
    if (spec) known.set(metadata.name, { name: metadata.name, uid: metadata.uid ?? '', spec })
  return {
    /** One whose level is missing is passed over. */
    schemas: [...known.values()]
      .filter(({ spec }) => levelSpecs.has(spec.priorityLevelConfiguration.name))
      .sort(inOrder),
    tellsNamespaces: [...known.values()].some(isForNamespaces),
    levels: new Map(shareOut(levelSpecs, seats).map((level) => [level.name, level])),
  }
}

const isForNamespaces = ({ spec }: Schema): boolean =>
  (spec.rules ?? []).some(({ resourceRules = [] }) =>
    resourceRules.some(({ namespaces = [] }) => namespaces.length > 0 && !namespaces.includes('*')),
  )

const sharesOf = ({ limited, exempt }: LevelSpec): number =>
  limited?.nominalConcurrencyShares ?? exempt?.nominalConcurrencyShares ?? 0

const shareOut = (
  specs: ReadonlyMap<string, { uid: string; spec: LevelSpec }>,
  seats: number,
): Level[] => {
  let total = 0
  for (const { spec } of specs.values()) total += sharesOf(spec)
  const nominalOf = (spec: LevelSpec) => Math.ceil((seats * sharesOf(spec)) / Math.max(total, 1))
  const lendableOf = (spec: LevelSpec) =>
    Math.round((nominalOf(spec) * ((spec.limited ?? spec.exempt)?.lendablePercent ?? 0)) / 100)
  let lendable = 0
  for (const { spec } of specs.values()) lendable += lendableOf(spec)
  return [...specs].map(([name, { uid, spec }]) => {
    if (spec.type === 'Exempt') return { name, uid, limits: undefined }
    const nominal = nominalOf(spec)
    const percent = spec.limited?.borrowingLimitPercent
    const others = lendable - lendableOf(spec)
    const borrowable =
      percent === undefined ? others : Math.min(others, Math.round((nominal * percent) / 100))
    const queuing = spec.limited?.limitResponse?.queuing
    const isQueued = spec.limited?.limitResponse?.type === 'Queue' && queuing
    return {
      name,
      uid,
      limits: {
        nominal,
        lendable: lendableOf(spec),
        borrowable,
        queuing: isQueued
          ? {
              queues: queuing.queues ?? 64,
              handSize: queuing.handSize ?? 8,
              lengthMax: queuing.queueLengthLimit ?? 50,
            }
          : undefined,
      },
    }
  })
}
