/**
 * `serviceaccounts/token`: issues a token of a service account, bound to an object if that is asked for.
 *
 * Order, bounds and wording follow Kubernetes 1.36 (`pkg/registry/core/serviceaccount/storage/token.go`).
 * Nothing is stored; the answer is the request with its status.
 */
import {
  completeTokenRequest,
  TOKEN_REQUEST_MODEL,
  type TokenRequest,
  tokenRequestErrors,
} from '../../../api/authentication/token-request.ts'
import { USUAL_TOKEN_SECONDS } from '../../../api/core/lasting-tokens.ts'
import { Node } from '../../../api/core/node.ts'
import { Pod } from '../../../api/core/pod.ts'
import { Secret } from '../../../api/core/secret.ts'
import { ServiceAccount } from '../../../api/core/service-account.ts'
import { DEFAULT_TOKEN_SECONDS } from '../../../api/core/service-account-admission.ts'
import { type AnyKind, defineKind } from '../../../api/kind.ts'
import type { KubernetesObject } from '../../../api/meta.ts'
import { badRequest, conflict, invalid, invalidField } from '../../../api/status-error.ts'
import { timestamp } from '../../../std/clock.ts'
import { admissionOf, admitted } from '../admission/chain.ts'
import { isDryRun, live } from '../commit.ts'
import { decodeObject } from '../decode-object.ts'
import { type ApiRequest, type ApiResult, annotate } from '../request.ts'
import type { TokenOptions } from '../service-account-tokens.ts'
import type { Services } from '../services.ts'

/** Only decodes: TokenRequest is served under service accounts alone. */
const TokenRequestKind = defineKind<TokenRequest>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenRequest',
  plural: 'tokenrequests',
  singular: 'tokenrequest',
  namespaced: true,
  model: TOKEN_REQUEST_MODEL,
  columns: [],
})

/** By it the audit log tells which token was made. */
const ISSUED_CREDENTIAL = 'authentication.kubernetes.io/issued-credential-id'

export const requestToken = async (services: Services, request: ApiRequest): Promise<ApiResult> => {
  const { namespace = '', name = '' } = request
  const sent = decodeObject({ ...request, kind: TokenRequestKind, namespace: undefined })
  const admission = admissionOf(services, request, 'CREATE')
  const mutation = admission?.mutate(sent, undefined)
  if (mutation) await mutation
  const { metadata } = sent
  checkMatch(name, 'name', metadata.name, name)
  checkMatch(name, 'namespace', metadata.namespace, namespace)
  const account = (await live(services, ServiceAccount, namespace, name)) as ServiceAccount
  const { uid } = account.metadata
  if (metadata.uid && metadata.uid !== uid)
    throw conflict(
      { group: TokenRequestKind.group, resource: TokenRequestKind.kind },
      name,
      `the UID in the token request (${metadata.uid}) does not match the UID of the service account (${uid})`,
    )
  const asked = completeTokenRequest(sent, services.serviceAccounts.audiences)
  const { spec } = asked
  const now = services.clock.now()
  metadata.name = name
  metadata.namespace = namespace
  metadata.uid = uid
  metadata.creationTimestamp = timestamp(now)
  const errors = tokenRequestErrors(asked)
  if (errors.length > 0) throw invalid(TokenRequestKind, '', errors)
  const bound = await admitted(admission, asked, undefined, () => boundObjects(services, asked))
  const seconds = spec.expirationSeconds
  asked.status = { token: '', expirationTimestamp: timestamp(now + seconds * 1000) }
  if (!isDryRun(request)) {
    const { token, credentialId } = await services.serviceAccounts.issue({
      account,
      audiences: spec.audiences,
      ...lifetime(services, asked, bound),
      ...bound,
    })
    asked.status.token = token
    annotate(request, ISSUED_CREDENTIAL, credentialId)
  }
  return { type: 'document', code: 201, document: asked }
}

/** What the body says of its account must be what the path says. Throws 422. */
const checkMatch = (
  account: string,
  field: 'name' | 'namespace',
  given: string | undefined,
  expected: string,
): void => {
  if (!given || given === expected) return
  const why = `must match the service account ${field} if specified`
  throw invalid(TokenRequestKind, account, [invalidField(`metadata.${field}`, given, why)])
}

const lifetime = (
  { serviceAccounts }: Services,
  { spec }: TokenRequest,
  { pod }: Bound,
): Pick<TokenOptions, 'expirationSeconds' | 'warnAfterSeconds'> => {
  const seconds = spec.expirationSeconds
  const isOwn = spec.audiences.every((audience) => serviceAccounts.audiences.includes(audience))
  return pod && isOwn && seconds === DEFAULT_TOKEN_SECONDS
    ? // What the kubelet asks for pods that mount the default one is honoured for longer, with a warning mark.
      { expirationSeconds: USUAL_TOKEN_SECONDS, warnAfterSeconds: seconds }
    : { expirationSeconds: seconds }
}

type Bound = Pick<TokenOptions, 'pod' | 'secret' | 'node'>

const boundObjects = async (services: Services, request: TokenRequest): Promise<Bound> => {
  const reference = request.spec.boundObjectRef
  if (!reference) return {}
  const { apiVersion = '', kind = '', name = '', uid } = reference
  const { namespace, name: account } = request.metadata
  const slash = apiVersion.indexOf('/')
  const group = slash < 0 ? '' : apiVersion.slice(0, slash)
  const boundKind = group === '' ? BOUND_KINDS.get(kind) : undefined
  if (!boundKind) {
    const shown = slash < 0 ? `/${apiVersion}` : apiVersion
    throw badRequest(`cannot bind token to object of type ${shown}, Kind=${kind}`)
  }
  const where = boundKind.namespaced ? namespace : undefined
  const object = await live(services, boundKind, where, name)
  const bound = boundKind === Pod ? await ofPod(services, object as Pod, account) : {}
  if (uid && uid !== object.metadata.uid)
    throw conflict(
      { group, resource: kind },
      name,
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    )
  if (boundKind === Secret) return { secret: object }
  return boundKind === Node ? { node: object } : bound
}

const BOUND_KINDS: ReadonlyMap<string, AnyKind> = new Map(
  [Pod, Secret, Node].map((kind): [string, AnyKind] => [kind.kind, kind]),
)

/** A pod's token tells the pod's node, too. */
const ofPod = async ({ storage }: Services, pod: Pod, account: string): Promise<Bound> => {
  if (pod.spec?.serviceAccountName !== account)
    throw badRequest(
      `cannot bind token for serviceaccount ${JSON.stringify(account)} to pod running with different serviceaccount name.`,
    )
  const { nodeName } = pod.spec
  if (!nodeName) return { pod }
  const node: KubernetesObject | undefined = storage.cache.get(Node, undefined, nodeName)
  return { pod, node: node ?? { metadata: { name: nodeName } } }
}
