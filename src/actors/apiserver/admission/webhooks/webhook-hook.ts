/**
 * The webhooks of configurations, in the order in which they are called: by configuration's name, then by place.
 */
import type { MutatingWebhookConfiguration } from '../../../../api/admissionregistration/mutating-webhook-configuration.ts'
import type { ValidatingWebhookConfiguration } from '../../../../api/admissionregistration/validating-webhook-configuration.ts'
import type { Webhook } from '../../../../api/admissionregistration/webhook-validation.ts'
import type { Kind } from '../../../../api/kind.ts'
import { labelSelectorOf } from '../../../../api/selector.ts'
import type { Cache } from '../../../../client/view.ts'
import type { Hook } from '../matching/hook-source.ts'

export interface WebhookHook extends Hook {
  /** The configuration's name. */
  configuration: string
  webhook: Webhook
  /** Unique among all of its sort. */
  id: string
}

type Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration

/** Reads the webhooks of all configurations of `kind`; those of an unchanged one are the same objects again. */
export const readWebhooks = <T extends Configuration>(
  kind: Kind<T>,
): ((cache: Cache) => readonly WebhookHook[]) => {
  const known = new WeakMap<T, readonly WebhookHook[]>()
  return (cache) =>
    cache
      .list(kind)
      .sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1))
      .flatMap((configuration) => {
        let hooks = known.get(configuration)
        if (!hooks) {
          hooks = hooksOf(configuration)
          known.set(configuration, hooks)
        }
        return hooks
      })
}

const hooksOf = ({ metadata: { name }, webhooks = [] }: Configuration): WebhookHook[] => {
  const seen = new Map<string, number>()
  return (webhooks as Webhook[]).map((webhook) => {
    const count = seen.get(webhook.name) ?? 0
    seen.set(webhook.name, count + 1)
    return {
      configuration: name,
      webhook,
      id: `${name}/${webhook.name}/${count}`,
      criteria: {
        rules: webhook.rules ?? [],
        excluded: [],
        isEquivalent: webhook.matchPolicy !== 'Exact',
        namespaces: labelSelectorOf(webhook.namespaceSelector ?? {}),
        objects: labelSelectorOf(webhook.objectSelector ?? {}),
      },
    }
  })
}
