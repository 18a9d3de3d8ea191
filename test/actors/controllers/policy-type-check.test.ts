import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { policyTypeCheck } from '../../../src/actors/controllers/policy-type-check.ts'
import { ValidatingAdmissionPolicy } from '../../../src/api/admissionregistration/validating-admission-policy.ts'
import { CustomResourceDefinition } from '../../../src/api/apiextensions/custom-resource-definition.ts'
import type { KubernetesObject } from '../../../src/api/meta.ts'
import { createWorld } from './world.ts'

const policy = (name: string, group: string, resource: string, expression: string) =>
  ({
    apiVersion: ValidatingAdmissionPolicy.apiVersion,
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '', generation: 1 },
    spec: {
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: [group],
            apiVersions: ['v1'],
            operations: ['CREATE'],
            resources: [resource],
          },
        ],
      },
      validations: [{ expression }],
    },
  }) as unknown as ValidatingAdmissionPolicy

const definition = {
  apiVersion: CustomResourceDefinition.apiVersion,
  kind: 'CustomResourceDefinition',
  metadata: { name: 'things.example.com', uid: 'd', resourceVersion: '1', creationTimestamp: '' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'things', kind: 'Thing', singular: 'thing', listKind: 'ThingList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } },
          },
        },
      },
    ],
  },
} as unknown as KubernetesObject

test('a policy’s status tells what does not fit, of built-in and of custom kinds', async () => {
  const world = createWorld(
    [policyTypeCheck],
    definition,
    policy('fine', '', 'pods', "object.spec.containers.all(c, c.image != '')"),
    policy('wrong', '', 'pods', 'object.spec.containers == 1'),
    policy(
      'custom',
      'example.com',
      'things',
      "object.spec.size == 'x' && object.metadata.uid == ''",
    ),
  )
  const statusOf = (name: string) =>
    world.cache.get(ValidatingAdmissionPolicy, undefined, name)?.status
  const isJudged = (name: string) => statusOf(name)?.observedGeneration === 1
  for (let tries = 0; tries < 1_000 && !['fine', 'wrong', 'custom'].every(isJudged); tries++) {
    await world.clock.advance(100)
    // The compiler of expressions is loaded meanwhile, which no virtual clock hastens.
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.equal(statusOf('fine'), { observedGeneration: 1, typeChecking: {} })
  const wrong = statusOf('wrong')?.typeChecking?.expressionWarnings ?? []
  assert.match(wrong[0]?.warning ?? '', /^\/v1, Kind=Pod: ERROR: /)
  const custom = statusOf('custom')?.typeChecking?.expressionWarnings ?? []
  assert.is(custom.length, 1)
  assert.match(custom[0]?.warning ?? '', /Kind=Thing: .*'_==_' applied to '\(int, string\)'/s)
  await world.group.stop()
})

test.run()
