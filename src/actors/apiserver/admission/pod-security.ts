/**
 * PodSecurity: pods keep to the level of the Pod Security Standards that their namespace's labels state.
 *
 * After Kubernetes 1.36 (`pod-security-admission/admission`): pods are refused, templates of pods only warned of, and
 * changing the label of a namespace warns of the pods in it that would be refused now. The checks are
 * `api/policy/pod-security`, loaded with the first namespace that asks for them: others are admitted at once.
 */
import { Namespace } from '../../../api/core/namespace.ts'
import { Pod } from '../../../api/core/pod.ts'
import type { AnyKind } from '../../../api/kind.ts'
import type { KubernetesObject } from '../../../api/meta.ts'
import type { Annotations, PodSpec } from '../../../api/policy/pod-security/security-check.ts'
import {
  compareLevels,
  isAllPrivileged,
  isSameLevel,
  levelText,
  policyOf,
  policyOfDefaults,
  SECURITY_PREFIX,
  type SecurityPolicy,
} from '../../../api/policy/pod-security/security-policy.ts'
import { type FieldError, forbidden, internalError, invalid } from '../../../api/status-error.ts'
import { annotate, warn } from '../request.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'
import { exemptNamespaceWarning, warnOfPods } from './pod-security-namespace.ts'

/** As Kubernetes' PodSecurityConfiguration. */
export interface PodSecurityConfiguration {
  /** `enforce`, `enforce-version`, `audit` …; by default everything is privileged. */
  defaults?: Readonly<Record<string, string>>
  exemptions?: {
    usernames?: readonly string[]
    namespaces?: readonly string[]
    runtimeClasses?: readonly string[]
  }
}

/** Subresources of pods that change no pod, or nothing that matters. */
const IGNORED = ['exec', 'attach', 'binding', 'eviction', 'log', 'portforward', 'proxy', 'status']
const WITH_TEMPLATES: readonly string[] = [
  'replicationcontrollers',
  'podtemplates',
  'replicasets.apps',
  'deployments.apps',
  'statefulsets.apps',
  'daemonsets.apps',
  'jobs.batch',
  'cronjobs.batch',
]

/** Throws an Error for a configuration that cannot be used. */
export const podSecurity = (configuration: PodSecurityConfiguration): AdmissionPlugin => {
  const security = new PodSecurity(configuration)
  return {
    name: 'PodSecurity',
    handles: (kind, operation, subresource) => {
      if (operation !== 'CREATE' && operation !== 'UPDATE') return false
      if (kind === Pod) return subresource === undefined || !IGNORED.includes(subresource)
      return subresource === undefined && (kind === Namespace || hasTemplate(kind))
    },
    validate: (attributes) => {
      if (attributes.kind === Namespace) return security.judgeNamespace(attributes)
      return attributes.kind === Pod
        ? security.judgePod(attributes)
        : security.judgeTemplate(attributes)
    },
  }
}

const hasTemplate = ({ plural, group, schema }: AnyKind): boolean =>
  !schema && WITH_TEMPLATES.includes(group === '' ? plural : `${plural}.${group}`)

type Answer = undefined | Promise<undefined>

class PodSecurity {
  private readonly defaults: SecurityPolicy
  private readonly exempt: NonNullable<PodSecurityConfiguration['exemptions']>

  constructor({ defaults = {}, exemptions = {} }: PodSecurityConfiguration) {
    this.defaults = policyOfDefaults(defaults)
    this.exempt = exemptions
  }

  judgePod(attributes: AdmissionAttributes): Answer {
    if (this.isExempt(attributes)) return undefined
    const { request, services, namespace = '' } = attributes
    const found = services.storage.cache.get(Namespace, undefined, namespace)
    if (!found) throw internalError(`failed to lookup namespace ${JSON.stringify(namespace)}`)
    const { policy, errors } = policyOf(found.metadata.labels, this.defaults)
    if (errors.length === 0 && isAllPrivileged(policy)) {
      annotate(request, `${SECURITY_PREFIX}enforce-policy`, 'privileged:latest')
      return undefined
    }
    const pod = attributes.object as Pod
    if (attributes.operation === 'UPDATE' && !isSignificant(pod, attributes.old as Pod))
      return undefined
    return this.evaluate(attributes, policy, errors, pod, true)
  }

  judgeTemplate(attributes: AdmissionAttributes): Answer {
    if (this.isExempt(attributes)) return undefined
    const { services, namespace = '' } = attributes
    const found = services.storage.cache.get(Namespace, undefined, namespace)
    if (!found) return undefined
    const { policy, errors } = policyOf(found.metadata.labels, this.defaults)
    const { audit, warn: warned } = policy
    if (errors.length === 0 && audit.level === 'privileged' && warned.level === 'privileged')
      return undefined
    const template = templateOf(attributes.object!)
    return template ? this.evaluate(attributes, policy, errors, template, false) : undefined
  }

  judgeNamespace(attributes: AdmissionAttributes): Answer {
    const { kind, request, operation, object, old } = attributes
    const { name, labels } = object!.metadata
    const next = policyOf(labels, this.defaults)
    const refuse = () => {
      if (next.errors.length > 0) throw invalid(kind, name, [...next.errors])
    }
    const isExempt = this.exempt.namespaces?.includes(name)
    const warnOfExemption = () => {
      const text = exemptNamespaceWarning(name, next.policy, this.defaults, labels)
      if (text) warn(request, text)
    }
    if (operation === 'CREATE') {
      refuse()
      if (isExempt) warnOfExemption()
      return undefined
    }
    const before = policyOf(old!.metadata.labels, this.defaults)
    if (errorsText(before.errors) !== errorsText(next.errors)) refuse()
    const { enforce } = next.policy
    if (isSameLevel(enforce, before.policy.enforce) || enforce.level === 'privileged')
      return undefined
    const isRelaxed = compareLevels(enforce.level, before.policy.enforce.level) < 1
    if (enforce.version === before.policy.enforce.version && isRelaxed) return undefined
    if (isExempt) {
      warnOfExemption()
      return undefined
    }
    return warnOfPods(attributes, name, enforce, (pod) => this.isExemptClass(pod.spec))
  }

  private isExempt({ request, user, namespace = '' }: AdmissionAttributes): boolean {
    const why = this.exempt.namespaces?.includes(namespace)
      ? 'namespace'
      : user.name && this.exempt.usernames?.includes(user.name)
        ? 'user'
        : undefined
    if (why) annotate(request, `${SECURITY_PREFIX}exempt`, why)
    return why !== undefined
  }

  private isExemptClass(spec: PodSpec | undefined): boolean {
    const name = spec?.runtimeClassName
    return Boolean(name && this.exempt.runtimeClasses?.includes(name))
  }

  /** Throws 403 for what is enforced; says the rest in warnings and audit annotations. */
  private async evaluate(
    { request, kind, name }: AdmissionAttributes,
    policy: SecurityPolicy,
    errors: readonly FieldError[],
    { metadata, spec }: PodLike,
    isEnforced: boolean,
  ): Promise<undefined> {
    if (!spec) return undefined
    if (this.isExemptClass(spec)) {
      annotate(request, `${SECURITY_PREFIX}exempt`, 'runtimeClass')
      return undefined
    }
    if (errors.length > 0)
      annotate(request, `${SECURITY_PREFIX}error`, `Failed to parse policy: ${errorsText(errors)}`)
    const { evaluatePod, violationsText } = await import(
      '../../../api/policy/pod-security/evaluate-pod.ts'
    )
    const faultOf = (mode: keyof SecurityPolicy): string | undefined => {
      const found = evaluatePod(policy[mode], spec, metadata?.annotations)
      if (found.length === 0) return undefined
      return `violate PodSecurity ${JSON.stringify(levelText(policy[mode]))}: ${violationsText(found)}`
    }
    const audited = faultOf('audit')
    if (isEnforced) annotate(request, `${SECURITY_PREFIX}enforce-policy`, levelText(policy.enforce))
    if (audited) annotate(request, `${SECURITY_PREFIX}audit-violations`, `would ${audited}`)
    const enforced = isEnforced ? faultOf('enforce') : undefined
    if (enforced) throw forbidden(kind, name, enforced.replace('violate', 'violates'))
    const warned = faultOf('warn')
    if (warned) warn(request, `would ${warned}`)
    return undefined
  }
}

interface PodLike {
  metadata?: { annotations?: Annotations }
  spec?: PodSpec | undefined
}

interface WithTemplate extends KubernetesObject {
  template?: PodLike
  spec?: { template?: PodLike; jobTemplate?: { spec?: { template?: PodLike } } }
}

const templateOf = ({ template, spec }: WithTemplate): PodLike | undefined =>
  template ?? spec?.template ?? spec?.jobTemplate?.spec?.template

/** Only other images, and containers that are added, are worth another look. */
const isSignificant = ({ spec }: Pod, { spec: old }: Pod): boolean => {
  const imagesOf = (containers: readonly { image?: string }[] = []) =>
    containers.map(({ image }) => image ?? '').join('\n')
  if (imagesOf(spec?.containers) !== imagesOf(old?.containers)) return true
  if (imagesOf(spec?.initContainers) !== imagesOf(old?.initContainers)) return true
  const before = new Map(
    (old?.ephemeralContainers ?? []).map(({ name, image }) => [name, image] as const),
  )
  return (spec?.ephemeralContainers ?? []).some(
    ({ name, image }) => !before.has(name) || before.get(name) !== image,
  )
}

const errorsText = (errors: readonly FieldError[]): string => {
  const texts = errors.map(({ field, message }) => `${field}: ${message}`)
  return texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`
}
