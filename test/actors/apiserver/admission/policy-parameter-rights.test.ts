/**
 * Whoever puts a policy in force must be able to read its parameters.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../../support/api-server.ts'

const api = await startTestApiserver()
test.after(() => api.stop())

const REGISTRATION = '/apis/admissionregistration.k8s.io/v1'
const RBAC = '/apis/rbac.authorization.k8s.io/v1'

const made = async (path: string, body: object) => {
  const { code, text } = await api.call('POST', path, body)
  assert.is(code, 201, text)
}

const grant = async (name: string, rule: object): Promise<void> => {
  await made(`${RBAC}/clusterroles`, { metadata: { name }, rules: [rule] })
  await made(`${RBAC}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' }],
  })
}

await grant('policies', {
  apiGroups: ['admissionregistration.k8s.io'],
  resources: ['*'],
  verbs: ['*'],
})

const asJane = (path: string, body: object) =>
  api.call('POST', path, body, { headers: { 'Impersonate-User': 'jane' } })

const policy = (name: string, kind: string) => ({
  metadata: { name },
  spec: {
    paramKind: { apiVersion: 'v1', kind },
    matchConstraints: {
      resourceRules: [
        { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] },
      ],
    },
    validations: [{ expression: 'true' }],
  },
})

const binding = (name: string, policyName: string, paramRef: object) => ({
  metadata: { name },
  spec: {
    policyName,
    validationActions: ['Deny'],
    paramRef: { parameterNotFoundAction: 'Deny', ...paramRef },
  },
})

test('a policy names kinds of parameters that its writer may read', async () => {
  const path = `${REGISTRATION}/validatingadmissionpolicies`
  const { code, json } = await asJane(path, policy('secret', 'Secret'))
  assert.is(code, 422)
  assert.is(
    json.message,
    'ValidatingAdmissionPolicy.admissionregistration.k8s.io "secret" is invalid: spec.paramKind: Forbidden: user &{jane  [system:authenticated] map[]} must have "get" permission on all objects of the referenced paramKind (kind=Secret, apiVersion=v1)',
  )
  await grant('maps', { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] })
  const allowed = await asJane(path, policy('map', 'ConfigMap'))
  assert.is(allowed.code, 201, allowed.text)
  await made(path, policy('secret', 'Secret'))
})

test('a binding names parameters that its writer may read', async () => {
  const path = `${REGISTRATION}/validatingadmissionpolicybindings`
  const named = { name: 'x', namespace: 'default' }
  assert.is((await asJane(path, binding('a', 'map', named))).code, 201)
  const selector = { selector: { matchLabels: { a: 'b' } } }
  const listing = await asJane(path, binding('b', 'map', selector))
  assert.match(
    listing.json.message,
    /spec\.paramRef: Forbidden: user .* does not have "list" permission on the object referenced by paramRef$/,
  )
  assert.is((await asJane(path, binding('c', 'secret', named))).code, 422)
  const unknown = await asJane(path, binding('d', 'nothing', named))
  assert.match(unknown.json.message, /unable to get policy nothing to determine minimum required/)
})

test.run()
