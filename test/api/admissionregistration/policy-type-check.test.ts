import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadCompiler } from '../../../src/api/admissionregistration/admission-expressions.ts'
import {
  checkPolicyTypes,
  type TypeSource,
} from '../../../src/api/admissionregistration/policy-type-check.ts'
import type { ValidatingAdmissionPolicy } from '../../../src/api/admissionregistration/validating-admission-policy.ts'
import { typeOfModel } from '../../../src/api/cel/model-type.ts'

await loadCompiler()

const source: TypeSource = {
  ofResource: (group, version, resource) =>
    resource === 'deployments'
      ? { group, version, kind: 'Deployment', type: typeOfModel('V1Deployment', 'Deployment') }
      : resource === 'configmaps'
        ? { group, version, kind: 'ConfigMap', type: typeOfModel('V1ConfigMap', 'ConfigMap') }
        : undefined,
  ofKind: (_version, kind) =>
    kind === 'ConfigMap' ? typeOfModel('V1ConfigMap', 'ConfigMap') : undefined,
}

interface Given {
  validations: object[]
  variables?: object[]
  paramKind?: object
  resources?: string[]
  apiVersions?: string[]
}

const warningsOf = ({
  validations,
  resources = ['deployments'],
  apiVersions = ['v1'],
  ...rest
}: Given) =>
  checkPolicyTypes(
    {
      metadata: { name: 'p' },
      spec: {
        matchConstraints: {
          resourceRules: [{ apiGroups: ['apps'], apiVersions, operations: ['*'], resources }],
        },
        validations,
        ...rest,
      },
    } as unknown as ValidatingAdmissionPolicy,
    source,
  )

test('expressions and messages that do not fit the type are warned of, each by its field', () => {
  const warnings = warningsOf({
    validations: [
      {
        expression: "object.spec.replicas > '1'",
        messageExpression: "'wants replicas > 1, got ' + object.spec.replicas",
      },
      { expression: 'object.spec.replicas > 1' },
    ],
  })
  assert.equal(warnings, [
    {
      fieldRef: 'spec.validations[0].expression',
      warning:
        "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'\n | object.spec.replicas > '1'\n | .....................^\n",
    },
    {
      fieldRef: 'spec.validations[0].messageExpression',
      warning:
        "apps/v1, Kind=Deployment: ERROR: <input>:1:28: found no matching overload for '_+_' applied to '(string, int)'\n | 'wants replicas > 1, got ' + object.spec.replicas\n | ...........................^\n",
    },
  ])
})

test('fields, variables and parameters are typed', () => {
  const warnings = warningsOf({
    variables: [{ name: 'name', expression: 'object.metadata.name' }],
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    validations: [
      { expression: 'object.spec.nonsense == 1' },
      { expression: 'variables.name > 1' },
      { expression: 'params.data.max > 1' },
      { expression: "variables.name == params.data['name'] && object.metadata.labels.size() > 0" },
      { expression: 'object.spec.template.spec.containers.all(c, c.resources.limits.size() > 0)' },
    ],
  })
  assert.equal(
    warnings.map(({ fieldRef }) => fieldRef),
    ['0', '1', '2'].map((at) => `spec.validations[${at}].expression`),
  )
  assert.match(warnings[0]?.warning ?? '', /undefined field 'nonsense'/)
})

test('each type that is meant is looked at; wildcards and what is not known are not', () => {
  const validations = [{ expression: 'object.spec.replicas == 1' }]
  const both = warningsOf({ validations, resources: ['deployments', 'configmaps', 'none'] })
  assert.is(both.length, 1)
  assert.match(both[0]?.warning ?? '', /^apps\/v1, Kind=ConfigMap: .*undefined field 'spec'/)
  assert.equal(warningsOf({ validations, resources: ['*'] }), [])
  assert.equal(warningsOf({ validations, resources: ['configmaps/status'] }), [])
  assert.equal(warningsOf({ validations, resources: ['configmaps'], apiVersions: ['*'] }), [])
})

test.run()
