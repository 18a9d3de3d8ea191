/** The snapshot: what counts as a change, assumed pods, pods of nodes not yet seen. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { podInfo } from '../../../src/actors/scheduler/pod-info.ts'
import { Snapshot } from '../../../src/actors/scheduler/snapshot.ts'
import { node, pod } from '../../support/build.ts'

const make = () => new Snapshot(() => {})

test('a heartbeat of a node is no change', () => {
  const snapshot = make()
  assert.equal(snapshot.setNode(node().object), ['nodeAdded'])
  const before = snapshot.generation
  const beat = node().status({ conditions: [{ type: 'Ready', status: 'True' }] })
  assert.equal(snapshot.setNode(beat.object), [])
  assert.is(snapshot.generation, before)
})

test('each change of a node is named', () => {
  const snapshot = make()
  snapshot.setNode(node().object)
  assert.equal(snapshot.setNode(node().offers({ cpu: '8' }).object), ['nodeAllocatable'])
  assert.equal(snapshot.setNode(node().offers({ cpu: '8' }).labels({ a: 'b' }).object), [
    'nodeLabels',
  ])
  assert.equal(
    snapshot.setNode(
      node().offers({ cpu: '8' }).labels({ a: 'b' }).taint('t', 'NoSchedule').object,
    ),
    ['nodeTaints'],
  )
})

test('status updates of a running pod are no change', () => {
  const snapshot = make()
  snapshot.setNode(node().object)
  snapshot.setPod(pod().on('n1').object)
  const before = snapshot.generation
  assert.is(snapshot.setPod(pod().on('n1').status({ phase: 'Running' }).object), undefined)
  assert.is(snapshot.generation, before)
})

test('an assumed pod whose binding fails leaves, one that was seen stays', () => {
  const snapshot = make()
  snapshot.setNode(node().object)
  const info = podInfo(pod('a').cpu('1').object)
  snapshot.assume(info, 'n1')
  assert.is(snapshot.forget(info.uid)?.name, 'n1')
  assert.is(snapshot.order[0]?.pods.size, 0)
  snapshot.assume(info, 'n1')
  snapshot.setPod(pod('a').cpu('1').on('n1').object)
  assert.is(snapshot.forget(info.uid), undefined)
  assert.is(snapshot.order[0]?.pods.size, 1)
})

test('a pod assumed on one node and seen on another is counted there', () => {
  const snapshot = make()
  snapshot.setNode(node('n1').object)
  snapshot.setNode(node('n2').object)
  snapshot.assume(podInfo(pod('a').object), 'n1')
  snapshot.setPod(pod('a').on('n2').object)
  assert.is(snapshot.node('n1')?.pods.size, 0)
  assert.is(snapshot.node('n2')?.pods.size, 1)
})

test('pods of a node that is not known yet count once it comes', () => {
  const snapshot = make()
  snapshot.setPod(pod('a').cpu('1').on('n1').object)
  assert.is(snapshot.order.length, 0)
  snapshot.setNode(node('n1').object)
  assert.is(snapshot.order[0]?.requested.cpuMillis, 1000)
  snapshot.removeNode('n1')
  assert.is(snapshot.order.length, 0)
  snapshot.removePod(pod('a').object.metadata.uid)
  snapshot.setNode(node('n1').object)
  assert.is(snapshot.order[0]?.requested.cpuMillis, 0)
})

test('nodes are ordered so that zones take turns', () => {
  const snapshot = make()
  for (const [name, zone] of Object.entries({ a1: 'a', a2: 'a', b1: 'b', b2: 'b', c1: 'c' }))
    snapshot.setNode(node(name).zone(zone).object)
  assert.is(snapshot.order.map(({ name }) => name).join(' '), 'a1 b1 c1 a2 b2')
})

test('slots of removed nodes are used again', () => {
  const snapshot = make()
  for (let index = 0; index < 100; index++) {
    snapshot.setNode(node(`n${index}`).object)
    snapshot.removeNode(`n${index}`)
  }
  assert.is(snapshot.slots, 1)
})

test.run()
