/**
 * DaemonSets: what the apiserver itself writes into them.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DaemonSet } from '../../../src/api/apps/daemon-set.ts'
import { deepCopy } from '../../../src/api/equality.ts'

const CONTEXT = { now: Date.parse('2026-01-01T00:00:00Z') }
const GENERATION = 'deprecated.daemonset.template.generation'

const metadata = () => ({
  name: 'web',
  namespace: 'default',
  uid: 'u',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
})
const workload = () => ({
  selector: { matchLabels: { app: 'web' } },
  template: {
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ name: 'c', image: 'i:1' }] },
  },
})

const daemonSet = (annotations?: { [key: string]: string }): DaemonSet => {
  const made = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { ...metadata(), ...(annotations ? { annotations } : {}) },
    spec: workload(),
  } as unknown as DaemonSet
  DaemonSet.applyDefaults?.(made)
  DaemonSet.prepareForCreate?.(made, CONTEXT)
  return made
}

const generationOf = ({ metadata: { annotations } }: DaemonSet) => annotations?.[GENERATION]

test('the template of a DaemonSet is numbered, whatever users say', () => {
  const old = daemonSet()
  assert.is(generationOf(old), '1')
  assert.is(generationOf(daemonSet({ [GENERATION]: '7' })), '7')
  assert.is(generationOf(daemonSet({ [GENERATION]: 'x', mine: 'stays' })), '1')

  const same = deepCopy(old)
  same.metadata.annotations = { [GENERATION]: '9', mine: 'stays' }
  DaemonSet.prepareForUpdate?.(same, old, CONTEXT)
  assert.equal(same.metadata.annotations, { [GENERATION]: '1', mine: 'stays' })

  const changed = deepCopy(old)
  delete changed.metadata.annotations
  changed.spec!.template.spec!.containers[0]!.image = 'i:2'
  DaemonSet.prepareForUpdate?.(changed, old, CONTEXT)
  assert.is(generationOf(changed), '2')
})

test('collisions are counted upwards only', () => {
  const old = { ...daemonSet(), status: { collisionCount: 2 } } as DaemonSet
  const next = { ...old, status: { ...old.status, collisionCount: 1 } } as DaemonSet
  assert.equal(
    DaemonSet.validateStatusUpdate?.(next, old).map(({ message }) => message),
    ['Invalid value: 1: cannot be decremented'],
  )
})

test.run()
