import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Answer, startTestApiserver, type TestApiserver } from '../../../support/api-server.ts'

const REGISTRATION = '/apis/admissionregistration.k8s.io/v1'
const POLICIES = `${REGISTRATION}/validatingadmissionpolicies`
const BINDINGS = `${REGISTRATION}/validatingadmissionpolicybindings`

let server: TestApiserver
let count = 0

test.before(async () => {
  server = await startTestApiserver()
})
test.after(() => server.stop())

const post = async (path: string, body: object): Promise<Answer> => server.call('POST', path, body)

const created = async (path: string, body: object): Promise<Answer> => {
  const answer = await post(path, body)
  assert.is(answer.code, 201, answer.text)
  return answer
}

interface Given {
  spec: object
  binding?: object
}

/** A policy about ConfigMaps of a namespace of its own, in force; the namespace is given to `check`. */
const withPolicy = async (
  { spec, binding = {} }: Given,
  check: (namespace: string, policy: string) => Promise<void>,
): Promise<void> => {
  const name = `policy-${++count}`
  await created('/api/v1/namespaces', { metadata: { name, labels: { policy: name } } })
  await created(POLICIES, {
    metadata: { name },
    spec: {
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: [''],
            apiVersions: ['v1'],
            operations: ['CREATE', 'UPDATE', 'DELETE'],
            resources: ['configmaps'],
          },
        ],
      },
      ...spec,
    },
  })
  await created(BINDINGS, {
    metadata: { name },
    spec: {
      policyName: name,
      validationActions: ['Deny'],
      matchResources: { namespaceSelector: { matchLabels: { policy: name } } },
      ...binding,
    },
  })
  try {
    await check(name, name)
  } finally {
    await server.call('DELETE', `${BINDINGS}/${name}`)
    await server.call('DELETE', `${POLICIES}/${name}`)
  }
}

const configMap = (name: string, data: Record<string, string> = {}) => ({
  metadata: { name },
  data,
})

test('a write that a policy does not allow is refused with its message and reason', () =>
  withPolicy(
    {
      spec: {
        validations: [
          { expression: "object.data.size() < 2 && !('bad' in object.data)" },
          { expression: "object.data.color != 'red'", message: 'not red', reason: 'Forbidden' },
          {
            expression: "object.data.color != 'blue'",
            messageExpression: "'not ' + object.data.color + ' either'",
          },
        ],
      },
    },
    async (namespace, policy) => {
      const path = `/api/v1/namespaces/${namespace}/configmaps`
      await created(path, configMap('fine', { color: 'green' }))
      const bad = await post(path, configMap('bad', { color: 'green', bad: 'x' }))
      const refused = `configmaps "bad" is forbidden: ValidatingAdmissionPolicy '${policy}' with binding '${policy}' denied request: failed expression: object.data.size() < 2 && !('bad' in object.data)`
      assert.is(bad.code, 422)
      assert.is(bad.json.reason, 'Invalid')
      assert.is(bad.json.message, refused)
      assert.equal(bad.json.details, {
        name: 'bad',
        kind: 'configmaps',
        causes: [{ message: refused.slice(refused.indexOf('Validating')) }],
      })
      const red = await post(path, configMap('red', { color: 'red' }))
      assert.is(red.code, 403)
      assert.is(red.json.reason, 'Forbidden')
      assert.match(red.json.message, /denied request: not red$/)
      const blue = await post(path, configMap('blue', { color: 'blue' }))
      assert.match(blue.json.message, /denied request: not blue either$/)
    },
  ))

test.run()
