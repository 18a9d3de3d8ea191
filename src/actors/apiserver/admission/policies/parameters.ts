/**
 * The objects that a binding names as the parameters of its policy.
 *
 * After Kubernetes' `plugin/policy/generic/policy_dispatcher.go` (CollectParams). Parameters are objects of any kind that
 * is served, in the version that the policy names. It asks nobody but the cache.
 */
import type {
  BindingSpec,
  PolicySpec,
} from '../../../../api/admissionregistration/policy-validation.ts'
import { type AnyKind, storedKind } from '../../../../api/kind.ts'
import type { KubernetesObject } from '../../../../api/meta.ts'
import { EVERYTHING, type LabelSelector, labelSelectorOf } from '../../../../api/selector.ts'
import { allShownAs } from '../../stored-form.ts'
import { namespaceOf } from '../matching/criteria.ts'
import type { AdmissionAttributes } from '../plugin.ts'

/** The policy or its binding cannot be carried out as it is; the failure policy says what follows. */
export class ConfigurationError extends Error {}

type ParamKind = PolicySpec['paramKind']
type ParamRef = NonNullable<BindingSpec['paramRef']>

/** The kind of the parameters; undefined: the policy has none. Throws ConfigurationError. */
export const parameterKind = (
  { services }: AdmissionAttributes,
  paramKind: ParamKind,
): AnyKind | undefined => {
  if (!paramKind) return undefined
  const { apiVersion = '', kind = '' } = paramKind
  const found = services.storage.cache.kinds.byName(apiVersion, kind)
  if (found && !found.isVirtual) return found
  const shown = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`
  throw new ConfigurationError(
    `failed to find resource referenced by paramKind: '${shown}, Kind=${kind}'`,
  )
}

/**
 * One evaluation for each; null: without parameters. An empty list: there are none, and that is allowed.
 * Throws ConfigurationError.
 */
export const parametersOf = async (
  attributes: AdmissionAttributes,
  kind: AnyKind,
  reference: BindingSpec['paramRef'],
): Promise<readonly (KubernetesObject | null)[]> => {
  if (!reference) return [null]
  const namespace = kind.namespaced ? parameterNamespace(attributes, reference) : undefined
  if (!kind.namespaced && reference.namespace)
    throw new ConfigurationError(
      'paramRef.namespace must not be provided for a cluster-scoped `paramKind`',
    )
  const found = find(attributes, kind, namespace, reference)
  if (found.length === 0 && reference.parameterNotFoundAction === 'Deny')
    throw new ConfigurationError(
      'no params found for policy binding with `Deny` parameterNotFoundAction',
    )
  return allShownAs(kind, found)
}

const parameterNamespace = (attributes: AdmissionAttributes, { namespace }: ParamRef): string => {
  const found = namespace || namespaceOf(attributes)
  if (found) return found
  throw new ConfigurationError(
    'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
  )
}

const find = (
  { services }: AdmissionAttributes,
  kind: AnyKind,
  namespace: string | undefined,
  { name, selector }: ParamRef,
): KubernetesObject[] => {
  const { cache } = services.storage
  const stored = storedKind(kind)
  if (name) {
    const object = cache.get(stored, namespace, name)
    return object ? [object] : []
  }
  return cache
    .list<KubernetesObject>(stored, {
      ...(namespace === undefined ? {} : { namespace }),
      labels: selectorOf(selector),
    })
    .sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1))
}

const selectorOf = (selector: ParamRef['selector']): LabelSelector =>
  selector ? labelSelectorOf(selector) : EVERYTHING
