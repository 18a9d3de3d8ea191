/**
 * What the verbs of the pipeline work with, handed to each by `apiserver.ts`.
 */
import type { Storage } from '../../client/storage.ts'
import type { Clock } from '../../std/clock.ts'
import type { AdmissionChain } from './admission/chain.ts'
import type { DynamicAdmission } from './admission/dynamic-admission.ts'
import type { AuthenticateToken } from './authentication/bearer-token.ts'
import type { Authorizer } from './authorization/attributes.ts'
import type { ServiceAccountTokens } from './service-account-tokens.ts'
import type { ServiceAddresses } from './service-addresses.ts'
import type { SortedObjects } from './sorted-objects.ts'
import type { WebhookClient } from './webhook-call.ts'

export interface Services {
  storage: Storage
  authorizer: Authorizer
  admission: AdmissionChain
  dynamicAdmission: DynamicAdmission
  webhooks: WebhookClient
  clock: Clock
  sorted: SortedObjects
  addresses: ServiceAddresses
  serviceAccounts: ServiceAccountTokens
  authenticateToken: AuthenticateToken
}
