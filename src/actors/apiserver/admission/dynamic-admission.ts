/**
 * `DynamicAdmission`: the webhooks and policies of the cluster, as this replica knows them.
 *
 * Read from the cache when they were changed, not for each request. What belongs to a configuration or a policy is kept
 * as long as that object is the stored one. Invariant: a cluster without any costs a request one comparison a plug-in.
 * Nothing is compiled or called here.
 */
import { MutatingAdmissionPolicy } from '../../../api/admissionregistration/mutating-admission-policy.ts'
import { MutatingAdmissionPolicyBinding } from '../../../api/admissionregistration/mutating-admission-policy-binding.ts'
import { MutatingWebhookConfiguration } from '../../../api/admissionregistration/mutating-webhook-configuration.ts'
import { ValidatingAdmissionPolicy } from '../../../api/admissionregistration/validating-admission-policy.ts'
import { ValidatingAdmissionPolicyBinding } from '../../../api/admissionregistration/validating-admission-policy-binding.ts'
import { ValidatingWebhookConfiguration } from '../../../api/admissionregistration/validating-webhook-configuration.ts'
import type { AnyKind } from '../../../api/kind.ts'
import type { Cache } from '../../../client/view.ts'
import { AdmissionMetrics } from './admission-metrics.ts'
import { HookSource } from './matching/hook-source.ts'
import { type PolicyHook, readPolicies } from './policies/policy-hook.ts'
import { readWebhooks, type WebhookHook } from './webhooks/webhook-hook.ts'

export type MutatingPolicyHook = PolicyHook<MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding>
export type ValidatingPolicyHook = PolicyHook<
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding
>

export class DynamicAdmission {
  readonly mutatingWebhooks: HookSource<WebhookHook>
  readonly validatingWebhooks: HookSource<WebhookHook>
  readonly mutatingPolicies: HookSource<MutatingPolicyHook>
  readonly validatingPolicies: HookSource<ValidatingPolicyHook>
  readonly metrics = new AdmissionMetrics()
  /** Ends listening. */
  readonly stop: () => void

  constructor(cache: Cache) {
    this.mutatingWebhooks = new HookSource(cache, readWebhooks(MutatingWebhookConfiguration))
    this.validatingWebhooks = new HookSource(cache, readWebhooks(ValidatingWebhookConfiguration))
    this.mutatingPolicies = new HookSource(
      cache,
      readPolicies(MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding),
    )
    this.validatingPolicies = new HookSource(
      cache,
      readPolicies(ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding),
    )
    const sources = new Map<AnyKind, { reset(): void }>([
      [MutatingWebhookConfiguration, this.mutatingWebhooks],
      [ValidatingWebhookConfiguration, this.validatingWebhooks],
      [MutatingAdmissionPolicy, this.mutatingPolicies],
      [MutatingAdmissionPolicyBinding, this.mutatingPolicies],
      [ValidatingAdmissionPolicy, this.validatingPolicies],
      [ValidatingAdmissionPolicyBinding, this.validatingPolicies],
    ])
    this.stop = cache.subscribe(({ kind }) => sources.get(kind)?.reset())
  }
}

const EXEMPT: ReadonlySet<string> = new Set([
  'MutatingAdmissionPolicy',
  'MutatingAdmissionPolicyBinding',
  'MutatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'ValidatingWebhookConfiguration',
])

/** Neither webhooks nor policies decide about themselves: else nobody could take back a wrong one. */
export const isExempt = ({ group, kind }: AnyKind): boolean =>
  group === 'admissionregistration.k8s.io' && EXEMPT.has(kind)

const REVIEWS = new Set(['authentication.k8s.io', 'authorization.k8s.io'])

/** Policies leave questions about identity and rights alone, which the cluster lives by. */
export const isExemptFromPolicies = (kind: AnyKind): boolean =>
  isExempt(kind) || (kind.isVirtual === true && REVIEWS.has(kind.group))
