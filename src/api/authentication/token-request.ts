/**
 * TokenRequest: what `serviceaccounts/token` takes and answers with: a token of a service account.
 *
 * Defaults, bounds and wording follow Kubernetes 1.36 (`pkg/apis/authentication`). It signs nothing.
 */
import type { AuthenticationV1TokenRequest } from '@kubernetes/client-node'
import type { WireObject } from '../meta.ts'
import { type FieldError, invalidField } from '../status-error.ts'

type Sent = WireObject<AuthenticationV1TokenRequest>
type Spec = NonNullable<Sent['spec']>

/** With its defaults. */
export type TokenRequest = Omit<Sent, 'spec'> & {
  spec: Spec & { audiences: string[]; expirationSeconds: number }
}

export const TOKEN_REQUEST_MODEL = 'AuthenticationV1TokenRequest'

const DEFAULT_SECONDS = 3600
const MIN_SECONDS = 600
const MAX_SECONDS = 2 ** 32

/** Completes what was sent, in place; `audiences` are those of the API. */
export const completeTokenRequest = (sent: Sent, audiences: readonly string[]): TokenRequest => {
  const spec = sent.spec ?? {}
  return Object.assign(sent, {
    spec: Object.assign(spec, {
      audiences: spec.audiences?.length ? spec.audiences : [...audiences],
      expirationSeconds: spec.expirationSeconds ?? DEFAULT_SECONDS,
    }),
  })
}

export const tokenRequestErrors = ({ spec }: TokenRequest): FieldError[] => {
  const seconds = spec.expirationSeconds
  const refuse = (why: string) => [invalidField('spec.expirationSeconds', seconds, why)]
  if (seconds < MIN_SECONDS) return refuse('may not specify a duration less than 10 minutes')
  if (seconds > MAX_SECONDS) return refuse('may not specify a duration larger than 2^32 seconds')
  return []
}
