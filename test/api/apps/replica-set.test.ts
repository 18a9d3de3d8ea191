import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ReplicaSet } from '../../../src/api/apps/replica-set.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import type { FieldError } from '../../../src/api/status-error.ts'

const NOW = Date.parse('2026-01-01T01:00:00Z')

type Spec = NonNullable<ReplicaSet['spec']>

const baseSpec: Spec = {
  selector: { matchLabels: { app: 'web' } },
  template: {
    metadata: { labels: { app: 'web', tier: 'x' } },
    spec: { containers: [{ name: 'web', image: 'web:1' }] },
  },
}

const replicaSetOf = (spec: Partial<Spec> = {}): ReplicaSet => {
  const replicaSet: ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'uid',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: deepCopy({ ...baseSpec, ...spec }),
  }
  ReplicaSet.prepareForCreate!(replicaSet, { now: NOW })
  ReplicaSet.applyDefaults!(replicaSet)
  return replicaSet
}

const shown = (errors: FieldError[]) => errors.map(({ field, message }) => `${field}: ${message}`)

test('a replica set starts with no replicas of the one it wants', () => {
  const replicaSet = replicaSetOf()
  assert.is(replicaSet.spec!.replicas, 1)
  assert.is(replicaSet.spec!.template!.spec!.restartPolicy, 'Always')
  assert.equal(replicaSet.status, { replicas: 0 })
  assert.equal(ReplicaSet.validate!(replicaSet), [])
})

test('its selector must select its own pods', () => {
  const stray = replicaSetOf({ replicas: -1, selector: { matchLabels: { app: 'other' } } })
  assert.equal(shown(ReplicaSet.validate!(stray)), [
    'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    'spec.template.metadata.labels: Invalid value: {"app":"web","tier":"x"}: `selector` does not match template `labels`',
  ])
})

test('its selector is immutable', () => {
  const next = replicaSetOf({ selector: { matchLabels: { tier: 'x' } } })
  assert.equal(shown(ReplicaSet.validateUpdate!(next, replicaSetOf())), [
    'spec.selector: Invalid value: {"matchLabels":{"tier":"x"}}: field is immutable',
  ])
})

test('counts in a status fit together', () => {
  const next = replicaSetOf()
  next.status = { replicas: 1, fullyLabeledReplicas: 2, readyReplicas: 1 }
  assert.equal(shown(ReplicaSet.validateStatusUpdate!(next, replicaSetOf())), [
    'status.fullyLabeledReplicas: Invalid value: 2: cannot be greater than status.replicas',
  ])
})

test('the row is the one kubectl shows', () => {
  assert.equal(
    ReplicaSet.columns.map((each) => each.value(replicaSetOf(), NOW)),
    ['web', 1, 0, 0, '60m', 'web', 'web:1', 'app=web'],
  )
})

test.run()
