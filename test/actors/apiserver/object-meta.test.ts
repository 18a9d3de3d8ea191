/** Which changes count as a new generation. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { countGeneration } from '../../../src/actors/apiserver/object-meta.ts'
import { Deployment } from '../../../src/api/apps/deployment.ts'
import { ReplicaSet } from '../../../src/api/apps/replica-set.ts'

const object = (annotations?: Record<string, string>, labels?: Record<string, string>) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'a',
    generation: 3,
    ...(annotations ? { annotations } : {}),
    ...(labels ? { labels } : {}),
  } as Deployment['metadata'],
  spec: { replicas: 1 },
})

test('annotations are part of what is wanted of a Deployment, and of nothing else', () => {
  const annotated = object({ why: 'new' })
  countGeneration(Deployment, annotated, object())
  assert.is(annotated.metadata.generation, 4)
  const replicaSet = object({ why: 'new' })
  countGeneration(ReplicaSet, replicaSet, object())
  assert.is(replicaSet.metadata.generation, 3)
})

test('labels, and annotations that are empty either way, change nothing', () => {
  const labelled = object({}, { tier: 'web' })
  countGeneration(Deployment, labelled, object())
  assert.is(labelled.metadata.generation, 3)
})

test.run()
