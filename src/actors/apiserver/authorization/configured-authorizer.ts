/**
 * The authorizer that an AuthorizationConfiguration asks for.
 *
 * Invariant: `system:masters` may do everything whatever it says. Loaded only where there is one.
 */
import type { Cache } from '../../../client/view.ts'
import { createAuthorizer, type OwnedAuthorizer, type OwnStages, type Stage } from './authorizer.ts'
import {
  type WebhookAuthorizerSettings,
  type WebhookPorts,
  webhookStage,
} from './webhook-authorizer.ts'

export type ConfiguredAuthorizer =
  | { type: 'Node' | 'RBAC' | 'AlwaysAllow' | 'AlwaysDeny' }
  | { type: 'Webhook'; settings: WebhookAuthorizerSettings }

/** In the order in which they are asked. */
export interface AuthorizationOptions {
  authorizers: readonly ConfiguredAuthorizer[]
}

/** Throws CompileError for an expression that cannot be used. */
export const configuredAuthorizer = async (
  cache: Cache,
  { authorizers }: AuthorizationOptions,
  ports: WebhookPorts,
): Promise<OwnedAuthorizer> => {
  const makers = await Promise.all(authorizers.map((each) => makerOf(each, ports)))
  return createAuthorizer(cache, (own) => makers.map((make) => make(own)))
}

type Maker = (own: OwnStages) => Stage

const makerOf = async (authorizer: ConfiguredAuthorizer, ports: WebhookPorts): Promise<Maker> => {
  switch (authorizer.type) {
    case 'Node':
      return ({ node }) => node
    case 'RBAC':
      return ({ roles }) => roles
    case 'AlwaysAllow':
      return () => allowsAll
    case 'AlwaysDeny':
      return () => deniesAll
    case 'Webhook': {
      const stage = await webhookStage(authorizer.settings, ports)
      return () => stage
    }
  }
}

const stop = (): void => undefined

const allowsAll: Stage = {
  decide: () => ({ allowed: true }),
  rulesFor: () => ({
    rules: [
      { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
      { verbs: ['*'], nonResourceURLs: ['*'] },
    ],
    incomplete: false,
  }),
  stop,
}

const deniesAll: Stage = {
  decide: () => ({ allowed: false, reason: 'Everything is forbidden.' }),
  rulesFor: () => ({ rules: [], incomplete: false }),
  stop,
}
