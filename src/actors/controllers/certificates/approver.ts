/**
 * Approves what kubelets ask for to speak to the API, where their rights say so (Kubernetes'
 * `pkg/controller/certificates/approver`).
 *
 * Invariant: the right is asked for at the API, as a SubjectAccessReview of whoever made the request; a request
 * that is not recognised is left to people. What was refused is asked again later: rights may come.
 */
import { SubjectAccessReview } from '../../../api/authorization/subject-access-review.ts'
import { loadParser, parseRequest } from '../../../api/certificates/certificate-request.ts'
import { CertificateSigningRequest } from '../../../api/certificates/certificate-signing-request.ts'
import { isKubeletClient, KUBELET_CLIENT_SIGNER } from '../../../api/certificates/signers.ts'
import type { Client } from '../../../client/client.ts'
import { defineController } from '../controller.ts'
import { type Command, NOTHING } from '../plan.ts'
import { hasCondition, withCondition } from './request-conditions.ts'

const RESOURCE = {
  group: 'certificates.k8s.io',
  resource: 'certificatesigningrequests',
  verb: 'create',
  version: '*',
}
const SELF_MESSAGE = 'Auto approving self kubelet client certificate after SubjectAccessReview.'
const NODE_MESSAGE = 'Auto approving kubelet client certificate after SubjectAccessReview.'

export const requestApprover = defineController<CertificateSigningRequest>({
  name: 'csrapproving',
  component: 'certificate-controller',
  for: CertificateSigningRequest,
  concerns: ({ type }) => type !== 'DELETED',
  reconcile: (request) => {
    if (!request || request.status?.certificate) return NOTHING
    if (request.spec.signerName !== KUBELET_CLIENT_SIGNER) return NOTHING
    if (hasCondition(request, 'Approved') || hasCondition(request, 'Denied')) return NOTHING
    const answer = (client: Client) => approval(request, client)
    const kind = CertificateSigningRequest
    return { commands: [{ verb: 'ask', kind, object: request, question: 'approval', answer }] }
  },
})

/** Throws Error when the request is recognised and its maker has no right to it. */
const approval = async (request: CertificateSigningRequest, client: Client): Promise<Command[]> => {
  const { spec } = request
  await loadParser()
  const parsed = parseRequest(spec.request)
  if (!isKubeletClient(parsed, spec.usages ?? [])) return []
  const tried: string[] = []
  const ways = [
    ...(spec.username === parsed.commonName
      ? [{ subresource: 'selfnodeclient', message: SELF_MESSAGE }]
      : []),
    { subresource: 'nodeclient', message: NODE_MESSAGE },
  ]
  for (const { subresource, message } of ways) {
    tried.push(subresource)
    if (!(await mayCreate(request, subresource, client))) continue
    const approved = { type: 'Approved', status: 'True', reason: 'AutoApproved', message }
    const object = withCondition(request, approved)
    return [{ verb: 'approve', kind: CertificateSigningRequest, object }]
  }
  throw new Error(
    `recognized csr ${JSON.stringify(request.metadata.name)} as [${tried.join(' ')}] but subject access review was not approved`,
  )
}

const mayCreate = async (
  { spec }: CertificateSigningRequest,
  subresource: string,
  client: Client,
): Promise<boolean> => {
  const { username = '', uid, groups, extra } = spec
  const review = await client.create(SubjectAccessReview, {
    metadata: {},
    spec: {
      user: username,
      ...(uid ? { uid } : {}),
      ...(groups ? { groups } : {}),
      ...(extra ? { extra } : {}),
      resourceAttributes: { ...RESOURCE, subresource },
    },
  })
  return review.status?.allowed === true
}
