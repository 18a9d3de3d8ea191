/**
 * Who may approve or sign for a signer: the right is on `signers`, by the signer's name or by its whole domain.
 *
 * After Kubernetes 1.36 (`pkg/apis/certificates`' `certauthorization`).
 */
import type { User } from '../request.ts'
import type { Authorizer } from './attributes.ts'

export const mayUseSigner = async (
  authorizer: Authorizer,
  user: User,
  verb: 'approve' | 'sign',
  signer: string,
): Promise<boolean> => {
  const may = async (name: string): Promise<boolean> => {
    const resource = { group: 'certificates.k8s.io', version: '*', resource: 'signers', name }
    return (await authorizer.decide({ user, verb, ...resource })).allowed
  }
  return (await may(signer)) || (await may(`${signer.split('/')[0]}/*`))
}
