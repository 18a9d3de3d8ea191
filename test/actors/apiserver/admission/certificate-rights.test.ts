/**
 * Who may approve and sign for which signer, and who may name owners.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ownerReferencesPermissionEnforcement } from '../../../../src/actors/apiserver/admission/owner-references-permission-enforcement.ts'
import type { AdmissionAttributes } from '../../../../src/actors/apiserver/admission/plugin.ts'
import { createAuthorizer } from '../../../../src/actors/apiserver/authorization/authorizer.ts'
import { ConfigMap } from '../../../../src/api/core/config-map.ts'
import { JANE } from '../../../api/certificates/requests.ts'
import { startTestApiserver } from '../../../support/api-server.ts'
import { memoryCache } from '../../../support/memory-cache.ts'
import { clusterRole, clusterRoleBinding, role, roleBinding } from '../../../support/policy.ts'

const api = await startTestApiserver()
const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const GROUP = 'certificates.k8s.io'
const certificate = Buffer.from(api.pki.admin.certificate).toString('base64')

const give = async (user: string, ...rules: object[]) => {
  const roleRef = { kind: 'ClusterRole', name: user }
  const subjects = [{ kind: 'User', name: user }]
  for (const [kind, body] of [
    ['clusterroles', { rules }],
    ['clusterrolebindings', { roleRef, subjects }],
  ] as const) {
    const answer = await api.call('POST', `${RBAC}/${kind}`, { metadata: { name: user }, ...body })
    assert.is(answer.code, 201, answer.text)
  }
}
const parts = {
  verbs: ['update', 'patch'],
  apiGroups: [GROUP],
  resources: ['certificatesigningrequests/approval', 'certificatesigningrequests/status'],
}
const signers = (verb: string, ...resourceNames: string[]) => ({
  verbs: [verb],
  apiGroups: [GROUP],
  resources: ['signers'],
  resourceNames,
})
await give('approver', parts, signers('approve', 'example.com/own'))
await give('signer', parts, signers('sign', 'example.com/*'))
for (const [name, signerName] of [
  ['own', 'example.com/own'],
  ['other', 'example.org/other'],
])
  assert.is(
    (
      await api.call('POST', REQUESTS, {
        metadata: { name },
        spec: { request: JANE, signerName, usages: ['client auth'] },
      })
    ).code,
    201,
  )

const as = async (user: string, path: string, status: object) => {
  const headers = { 'Impersonate-User': user, 'content-type': 'application/merge-patch+json' }
  const { code, json } = await api.call('PATCH', `${REQUESTS}/${path}`, { status }, { headers })
  return code === 200 ? '' : (json.message as string)
}
const approved = { conditions: [{ type: 'Approved', status: 'True', reason: 'Fine' }] }

test('who approves must be allowed to for the signer', async () => {
  assert.is(
    await as('approver', 'other/approval', approved),
    'certificatesigningrequests.certificates.k8s.io "other" is forbidden: user not permitted to approve requests with signerName "example.org/other"',
  )
  assert.match(await as('signer', 'own/approval', approved), 'not permitted to approve')
  assert.is(await as('approver', 'own/approval', approved), '')
})

test('who signs must be allowed to, by the signer or by its domain', async () => {
  assert.is(
    await as('approver', 'own/status', { certificate }),
    'certificatesigningrequests.certificates.k8s.io "own" is forbidden: user not permitted to sign requests with signerName "example.com/own"',
  )
  assert.is(await as('signer', 'own/status', { certificate }), '')
  assert.is(await as('approver', 'own/status', { certificate }), '')
})

const cache = memoryCache(
  clusterRole('editor', 'update core configmaps'),
  clusterRoleBinding('jane', 'editor', 'User:jane'),
  clusterRoleBinding('joe', 'editor', 'User:joe'),
  role('ns', 'deleter', 'delete core configmaps', 'update core pods/finalizers'),
  roleBinding('ns', 'joe', 'Role/deleter', 'User:joe'),
)
const authorizer = createAuthorizer(cache)
const owner = (kind: string, blockOwnerDeletion = false) => ({
  apiVersion: 'v1',
  kind,
  name: 'o',
  uid: kind,
  blockOwnerDeletion,
})
const enforce = async (user: string, operation: string, owners: object[], old: object[] = []) => {
  const configMap = (ownerReferences: object[]) => ({
    metadata: { name: 'a', namespace: 'ns', ownerReferences },
  })
  try {
    await ownerReferencesPermissionEnforcement.validate!({
      services: { authorizer, storage: { cache } },
      user: { name: user, groups: [] },
      kind: ConfigMap,
      operation,
      namespace: 'ns',
      name: 'a',
      object: configMap(owners),
      old: operation === 'CREATE' ? undefined : configMap(old),
    } as unknown as AdmissionAttributes)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

test('who names an owner must be allowed to delete what he gives one', async () => {
  assert.is(await enforce('jane', 'CREATE', [owner('Pod')]), '')
  assert.is(
    await enforce('jane', 'UPDATE', [owner('Pod')]),
    `configmaps "a" is forbidden: cannot set an ownerRef on a resource you can't delete: , <nil>`,
  )
  assert.is(await enforce('jane', 'UPDATE', [owner('Pod')], [owner('Pod')]), '')
  assert.is(await enforce('joe', 'UPDATE', [owner('Pod')]), '')
})

test('who blocks the deletion of an owner must be allowed to finalize it', async () => {
  assert.is(await enforce('joe', 'UPDATE', [owner('Pod', true)]), '')
  assert.match(
    await enforce('joe', 'UPDATE', [owner('Secret', true)]),
    "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>",
  )
  assert.match(
    await enforce('jane', 'CREATE', [owner('Thing', true)]),
    'because cannot find RESTMapping for APIVersion v1 Kind Thing',
  )
})

test.after(() => api.stop())
test.run()
