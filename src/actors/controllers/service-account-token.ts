/**
 * Fills Secrets of type `kubernetes.io/service-account-token` with a token, and takes them along with their account
 * (Kubernetes' `pkg/controller/serviceaccount/tokens_controller.go`).
 *
 * Invariant: a token is signed once a Secret, with the key of that moment, and never again, whatever becomes of the key;
 * signed twice it is the same. It makes no Secrets.
 */
import { Secret } from '../../api/core/secret.ts'
import { ServiceAccount } from '../../api/core/service-account.ts'
import {
  ACCOUNT_NAME,
  ACCOUNT_UID,
  isTokenOf,
  legacyClaims,
  TOKEN_SECRET_TYPE,
} from '../../api/core/token-secret.ts'
import { objectKey } from '../../api/meta.ts'
import type { Cache } from '../../client/view.ts'
import { readSigningKey, type SigningKey, signTokenNow } from '../../std/json-web-token.ts'
import { type Controller, defineController, splitKey } from './controller.ts'
import { NOTHING, type Plan } from './plan.ts'

export interface ServiceAccountTokenOptions {
  /** Gives the private key, in PEM, that signs tokens of service accounts at that moment. */
  signingKey(): string
  /** The certificate, in PEM, that proves the apiserver's identity. */
  rootCa: string
}

export const serviceAccountToken = ({
  signingKey,
  rootCa,
}: ServiceAccountTokenOptions): Controller => {
  const certificate = base64(rootCa)
  let known: { pem: string; key: SigningKey } | undefined
  const sign = (claims: object) => {
    const pem = signingKey()
    if (known?.pem !== pem) known = { pem, key: readSigningKey(pem) }
    return base64(signTokenNow(claims, known.key))
  }

  const fill = (secret: Secret, account: ServiceAccount): Plan => {
    const { data = {}, metadata } = secret
    if (data['ca.crt'] === certificate && data['namespace'] && data['token']) return NOTHING
    const { name, uid } = account.metadata
    const object: Secret = {
      ...secret,
      metadata: {
        ...metadata,
        annotations: { ...metadata.annotations, [ACCOUNT_NAME]: name, [ACCOUNT_UID]: uid },
      },
      data: {
        ...data,
        'ca.crt': certificate,
        namespace: data['namespace'] || base64(metadata.namespace ?? ''),
        token: data['token'] || sign(legacyClaims(account, secret)),
      },
    }
    return { commands: [{ verb: 'update', kind: Secret, object }] }
  }

  return defineController<Secret>({
    name: 'serviceaccount-token',
    component: 'serviceaccount-token-controller',
    for: Secret,
    concerns: ({ object }) => (object as Secret).type === TOKEN_SECRET_TYPE,
    watches: [
      {
        kind: ServiceAccount,
        keys: ({ type, object, previous }, cache) => {
          const isOther = previous && previous.metadata.uid !== object.metadata.uid
          return type === 'DELETED' || isOther ? tokenKeys(object, cache) : []
        },
      },
    ],
    reconcile: (secret, at, view) => {
      if (!secret) return withdraw(at, view)
      const name = secret.metadata.annotations?.[ACCOUNT_NAME]
      if (!name || secret.metadata.deletionTimestamp) return NOTHING
      const account = view.get(ServiceAccount, secret.metadata.namespace, name)
      if (account && isTokenOf(secret, account)) return fill(secret, account)
      return { commands: [{ verb: 'delete', kind: Secret, object: secret }] }
    },
  })
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** Secrets that may be tokens of the account or of one that had its name. */
const tokenKeys = ({ metadata }: { metadata: ServiceAccount['metadata'] }, cache: Cache) =>
  cache
    .list(Secret, { namespace: metadata.namespace ?? '' })
    .filter(
      ({ type, metadata: { annotations } }) =>
        type === TOKEN_SECRET_TYPE && annotations?.[ACCOUNT_NAME] === metadata.name,
    )
    .map(objectKey)

/** A token that has gone is no longer listed by its account. */
const withdraw = (key: string, view: Cache): Plan => {
  const { namespace = '', name } = splitKey(key)
  return {
    commands: view
      .list(ServiceAccount, { namespace })
      .filter(({ secrets }) => secrets?.some((secret) => secret.name === name))
      .map((account) => ({
        verb: 'update',
        kind: ServiceAccount,
        object: { ...account, secrets: account.secrets!.filter((secret) => secret.name !== name) },
      })),
  }
}
