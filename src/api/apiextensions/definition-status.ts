/**
 * The status of a CustomResourceDefinition: which names it gets, whether it is served, how far its end is.
 *
 * After Kubernetes' controllers in `apiextensions-apiserver/pkg/controller/{status,establish,finalizer,
 * apiapproval}`. Invariant: a pure function of the definition and of the others in its group; a name belongs
 * to whoever had it first.
 */
import { deepEqual } from '../equality.ts'
import type {
  CustomResourceDefinition,
  DefinitionCondition,
  DefinitionNames,
  DefinitionStatus,
} from './custom-resource-definition.ts'

export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io'
export const APPROVAL_ANNOTATION = 'api-approved.kubernetes.io'

type Stated = Pick<DefinitionCondition, 'type' | 'status' | 'reason' | 'message'>

export const conditionOf = (
  { status }: CustomResourceDefinition,
  type: string,
): DefinitionCondition | undefined =>
  status?.conditions?.find((condition) => condition.type === type)

export const isEstablished = (definition: CustomResourceDefinition): boolean =>
  conditionOf(definition, 'Established')?.status === 'True'

/** The conditions with `stated` among them; the time is kept while the status is. */
export const withCondition = (
  conditions: readonly DefinitionCondition[],
  stated: Stated,
  timestamp: string,
): DefinitionCondition[] => {
  const old = conditions.find(({ type }) => type === stated.type)
  const since = old?.status === stated.status ? old.lastTransitionTime : undefined
  const next: DefinitionCondition = { ...stated, lastTransitionTime: since ?? timestamp }
  return old
    ? conditions.map((condition) => (condition === old ? next : condition))
    : [...conditions, next]
}

/** What the status should be, given the `others` of the group; the same one when nothing changes. */
export const settledStatus = (
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
  timestamp: string,
): DefinitionStatus => {
  const { spec, status = {} as DefinitionStatus } = definition
  const { names, conflict } = acceptNames(definition, others)
  let conditions = status.conditions ?? []
  const state = (stated: Stated) => {
    conditions = withCondition(conditions, stated, timestamp)
  }
  state(
    conflict
      ? { type: 'NamesAccepted', status: 'False', ...conflict }
      : {
          type: 'NamesAccepted',
          status: 'True',
          reason: 'NoConflicts',
          message: 'no conflicts found',
        },
  )
  if (!isEstablished(definition))
    state(
      conflict
        ? {
            type: 'Established',
            status: 'False',
            reason: 'NotAccepted',
            message: 'not all names are accepted',
          }
        : {
            type: 'Established',
            status: 'True',
            reason: 'InitialNamesAccepted',
            message: 'the initial names have been accepted',
          },
    )
  const approval = isProtectedGroup(spec.group) ? approvalCondition(definition) : undefined
  if (approval) state(approval)
  const next: DefinitionStatus = { ...status, acceptedNames: names, conditions }
  return deepEqual(next, status) ? status : next
}

interface Acceptance {
  names: DefinitionNames
  conflict?: { reason: string; message: string }
}

const acceptNames = (
  { spec, status }: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
): Acceptance => {
  const resources = new Set<string>()
  const kinds = new Set<string>()
  for (const { status: theirs } of others) {
    const taken = theirs?.acceptedNames
    if (!taken) continue
    for (const name of [taken.plural, taken.singular ?? '', ...(taken.shortNames ?? [])])
      resources.add(name)
    for (const name of [taken.kind, taken.listKind ?? '']) kinds.add(name)
  }
  const asked = spec.names
  const accepted: Partial<DefinitionNames> = status?.acceptedNames ?? {}
  const names: Partial<DefinitionNames> = {}
  let conflict: Acceptance['conflict']
  const claim = (field: 'plural' | 'singular' | 'kind' | 'listKind', taken: Set<string>) => {
    const wanted = asked[field] ?? ''
    if (wanted === (accepted[field] ?? '') || !taken.has(wanted)) names[field] = wanted
    else {
      if (accepted[field]) names[field] = accepted[field]
      const reason = `${field[0]!.toUpperCase()}${field.slice(1)}Conflict`
      conflict = { reason, message: `${JSON.stringify(wanted)} is already in use` }
    }
  }
  claim('plural', resources)
  claim('singular', resources)
  const mine = new Set([...(accepted.shortNames ?? []), accepted.plural, accepted.singular])
  const clashes = (asked.shortNames ?? []).filter((name) => !mine.has(name) && resources.has(name))
  if (clashes.length === 0) {
    if (asked.shortNames) names.shortNames = asked.shortNames
  } else {
    if (accepted.shortNames) names.shortNames = accepted.shortNames
    const faults = clashes.map((name) => `${JSON.stringify(name)} is already in use`)
    conflict = {
      reason: 'ShortNamesConflict',
      message: faults.length === 1 ? faults[0]! : `[${faults.join(', ')}]`,
    }
  }
  claim('kind', kinds)
  claim('listKind', kinds)
  if (asked.categories) names.categories = asked.categories
  return { names: { plural: '', kind: '', ...names }, ...(conflict ? { conflict } : {}) }
}

/** Groups of the Kubernetes community, which want to be asked. */
export const isProtectedGroup = (group: string): boolean =>
  /(?:^|\.)(?:k8s|kubernetes)\.io$/.test(group)

export type Approval = 'invalid' | 'missing' | 'approved' | 'bypassed'

export const approvalOf = (
  annotations: Readonly<Record<string, string>> | undefined,
): { state: Approval; reason: string } => {
  const text = annotations?.[APPROVAL_ANNOTATION] ?? ''
  const about = 'see https://github.com/kubernetes/enhancements/pull/1111'
  if (text === '')
    return {
      state: 'missing',
      reason: `protected groups must have approval annotation "${APPROVAL_ANNOTATION}", ${about}`,
    }
  if (text.startsWith('unapproved'))
    return { state: 'bypassed', reason: `not approved: ${JSON.stringify(text)}` }
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/\s]+/i.test(text) && URL.canParse(text))
    return { state: 'approved', reason: `approved in ${text}` }
  return {
    state: 'invalid',
    reason: `protected groups must have approval annotation "${APPROVAL_ANNOTATION}" with either a URL or a reason starting with "unapproved", ${about}`,
  }
}

const APPROVAL_REASONS: Readonly<Record<Approval, string>> = {
  invalid: 'InvalidAnnotation',
  missing: 'MissingAnnotation',
  approved: 'ApprovedAnnotation',
  bypassed: 'UnapprovedAnnotation',
}

const approvalCondition = ({ metadata }: CustomResourceDefinition): Stated => {
  const { state, reason } = approvalOf(metadata.annotations)
  return {
    type: 'KubernetesAPIApprovalPolicyConformant',
    status: state === 'approved' ? 'True' : 'False',
    reason: APPROVAL_REASONS[state],
    message: reason,
  }
}

/** A copy whose deletion has been asked for: its instances go first. */
export const deletionBegun = (
  definition: CustomResourceDefinition,
  timestamp: string,
): CustomResourceDefinition => {
  const { metadata, status } = definition
  const finalizers = metadata.finalizers ?? []
  return {
    ...definition,
    metadata: {
      ...metadata,
      finalizers: finalizers.includes(CLEANUP_FINALIZER)
        ? finalizers
        : [...finalizers, CLEANUP_FINALIZER],
    },
    status: {
      ...(status as DefinitionStatus),
      conditions: withCondition(
        status?.conditions ?? [],
        {
          type: 'Terminating',
          status: 'True',
          reason: 'InstanceDeletionPending',
          message:
            'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
        },
        timestamp,
      ),
    },
  }
}
