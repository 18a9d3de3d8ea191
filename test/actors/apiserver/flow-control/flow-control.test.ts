/**
 * Flow control: who is filed where, who runs, who waits and who is sent away.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  FlowControl,
  Refused,
  type Seat,
} from '../../../../src/actors/apiserver/flow-control/flow-control.ts'
import { handOf } from '../../../../src/actors/apiserver/flow-control/shuffle-shard.ts'
import type { User } from '../../../../src/actors/apiserver/request.ts'
import { Lease } from '../../../../src/api/coordination/lease.ts'
import { ConfigMap } from '../../../../src/api/core/config-map.ts'
import { Node } from '../../../../src/api/core/node.ts'
import type { KubernetesObject } from '../../../../src/api/meta.ts'
import { memoryCache } from '../../../support/memory-cache.ts'
import { virtualClock } from '../../../support/virtual-clock.ts'

const user = (name: string, ...groups: string[]): User => ({
  name,
  groups: [...groups, 'system:authenticated'],
})
const MASTER = user('admin', 'system:masters')
const NODE = user('system:node:a', 'system:nodes')
const ACCOUNT = user('system:serviceaccount:shop:web', 'system:serviceaccounts')
const SYSTEM_ACCOUNT = user('system:serviceaccount:kube-system:x', 'system:serviceaccounts')

const begin = () => {
  const cache = memoryCache()
  const clock = virtualClock()
  return { cache, clock, control: new FlowControl(cache, clock) }
}
const now = (seat: Seat | Promise<Seat>): Seat => {
  assert.not.ok(seat instanceof Promise, 'has to wait')
  return seat as Seat
}
const named = (seat: Seat | Promise<Seat>): string => {
  const { schema, level } = now(seat)
  return `${schema.name} at ${level.name}`
}

test('requests are filed as Kubernetes suggests until the cluster says otherwise', () => {
  const { control } = begin()
  const list = (who: User) => control.admit(who, 'list', ConfigMap, undefined, 'default')
  assert.is(named(list(MASTER)), 'exempt at exempt')
  assert.is(named(list(NODE)), 'system-nodes at system')
  assert.is(named(list(ACCOUNT)), 'service-accounts at workload-low')
  assert.is(named(list(SYSTEM_ACCOUNT)), 'kube-system-service-accounts at workload-high')
  assert.is(named(list(user('jane'))), 'global-default at global-default')
  const status = control.admit(NODE, 'patch', Node, 'status', undefined)
  assert.is(named(status), 'system-node-high at node-high')
  const lease = control.admit(SYSTEM_ACCOUNT, 'update', Lease, undefined, 'kube-system')
  assert.is(named(lease), 'system-leader-election at leader-election')
  assert.is(named(control.admitPath(user('x'), 'get', '/healthz')), 'probes at exempt')
  assert.is(
    named(control.admitPath(user('x'), 'get', '/version')),
    'global-default at global-default',
  )
  const nobody = { name: 'system:anonymous', groups: [] }
  assert.is(named(control.admitPath(nobody, 'get', '/version')), 'catch-all at catch-all')
})

const level = (name: string, limited: object) =>
  ({
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'PriorityLevelConfiguration',
    metadata: { name, uid: `level-${name}`, creationTimestamp: '', resourceVersion: '' },
    spec: { type: 'Limited', limited },
  }) as unknown as KubernetesObject
const schema = (name: string, to: string, matchingPrecedence: number, rule: object) =>
  ({
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'FlowSchema',
    metadata: { name, uid: `schema-${name}`, creationTimestamp: '', resourceVersion: '' },
    spec: {
      priorityLevelConfiguration: { name: to },
      matchingPrecedence,
      distinguisherMethod: { type: 'ByUser' },
      rules: [rule],
    },
  }) as unknown as KubernetesObject
const OF_JANES = {
  subjects: [
    { kind: 'User', user: { name: 'jane' } },
    { kind: 'User', user: { name: 'joe' } },
  ],
  resourceRules: [
    { verbs: ['*'], apiGroups: [''], resources: ['configmaps'], namespaces: ['shop'] },
  ],
}
const configMap = (name: string) =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'shop' } }) as never
const figure = (control: FlowControl, name: string, of: string): number => {
  const start = `apiserver_flowcontrol_${name}{priority_level="${of}"} `
  return Number(
    control
      .text()
      .find((line) => line.startsWith(start))!
      .slice(start.length),
  )
}
const JANE = user('jane')
const JOE = user('joe')

/** A level with about `seats` seats of its own; what it cannot seat waits in one queue of `lengthMax`. */
const narrow = (queueLengthLimit: number) => {
  const begun = begin()
  /** 600 seats in all: the two shares make one seat of the narrow level, rounded up. */
  const queuing = { queues: 64, handSize: 4, queueLengthLimit }
  begun.cache.put(
    level('wide', { nominalConcurrencyShares: 1000, limitResponse: { type: 'Reject' } }),
    level('narrow', { nominalConcurrencyShares: 1, limitResponse: { type: 'Queue', queuing } }),
    schema('janes', 'narrow', 500, OF_JANES),
  )
  const admit = (who: User, namespace = 'shop') =>
    begun.control.admit(who, 'get', ConfigMap, undefined, namespace)
  return { ...begun, admit }
}

test('objects of the cluster count as soon as they are there', () => {
  const { admit } = narrow(10)
  const seat = now(admit(JANE))
  assert.is(seat.schema.uid, 'schema-janes')
  assert.is(seat.level.uid, 'level-narrow')
  assert.is(named(admit(JANE, 'elsewhere')), 'catch-all at catch-all')
})

test('what finds no seat waits its turn, and flows take turns', async () => {
  const { admit, clock } = narrow(100)
  const first = now(admit(JANE))
  const order: string[] = []
  const seats: Seat[] = []
  const wait = (who: User, name: string) =>
    (admit(who) as Promise<Seat>).then((seat) => {
      order.push(name)
      seats.push(seat)
    })
  const many = Array.from({ length: 30 }, (_, at) => wait(JANE, `jane${at}`))
  const all = [...many, wait(JOE, 'joe')]
  first.release()
  for (let at = 0; at < all.length; at++) {
    await clock.advance(10)
    assert.is(order.length, at + 1)
    seats[at]!.release()
    seats[at]!.release()
  }
  await Promise.all(all)
  assert.ok(order.indexOf('joe') < 8, `joe waits behind all of jane's: ${order}`)
  now(admit(JOE)).release()
})

test('a full queue and a long wait end in 429', async () => {
  const { admit, clock } = narrow(2)
  const held = now(admit(JANE))
  const outcomes = await Promise.race([
    Promise.allSettled([admit(JANE), admit(JANE), admit(JANE)]).then((all) => all),
    (async () => {
      await Promise.resolve()
      await clock.advance(20_000)
      return new Promise<never>(() => undefined)
    })(),
  ])
  for (const outcome of outcomes) {
    assert.is(outcome.status, 'rejected')
    const { reason } = outcome as PromiseRejectedResult
    assert.ok(reason instanceof Refused)
    assert.is(reason.code, 429)
    assert.is(reason.status.details?.retryAfterSeconds, 1)
    assert.is(reason.classification.schema.name, 'janes')
  }
  held.release()
  now(admit(JANE)).release()
})

test('a long list takes several seats, a lookup one', async () => {
  const { control, cache, clock } = begin()
  const queuing = { queues: 4, handSize: 1, queueLengthLimit: 10 }
  cache.put(
    level('wide', { nominalConcurrencyShares: 540, limitResponse: { type: 'Reject' } }),
    level('lists', { nominalConcurrencyShares: 30, limitResponse: { type: 'Queue', queuing } }),
    schema('janes', 'lists', 500, OF_JANES),
    ...Array.from({ length: 450 }, (_, at) => configMap(`c${at}`)),
  )
  const ask = (verb: string, query = '', name?: string) =>
    control.admit(JANE, verb, ConfigMap, undefined, 'shop', {
      query: new URLSearchParams(query),
      name,
    })
  const seatsOf = (seat: Seat | Promise<Seat>): number => {
    const taken = figure(control, 'current_executing_seats', 'lists')
    now(seat).release()
    return taken
  }
  assert.is(seatsOf(ask('list')), 5)
  assert.is(seatsOf(ask('list', 'limit=150')), 2)
  assert.is(seatsOf(ask('list', 'fieldSelector=metadata.name%3Dc1', 'c1')), 1)
  assert.is(seatsOf(ask('watch')), 5)
  assert.is(seatsOf(ask('watch', 'resourceVersion=0')), 5)
  assert.is(seatsOf(ask('watch', 'sendInitialEvents=true&resourceVersion=5')), 5)
  assert.is(seatsOf(ask('watch', 'resourceVersion=5')), 1)
  assert.is(seatsOf(ask('get')), 1)
  const nominal = figure(control, 'nominal_limit_seats', 'lists')
  const held = Array.from({ length: Math.floor(nominal / 5) }, () => now(ask('list')))
  const next = ask('list')
  assert.ok(next instanceof Promise)
  held[0]!.release()
  await clock.advance(1)
  const seat = await next
  for (const each of [...held, seat]) each.release()
  assert.is(figure(control, 'current_executing_seats', 'lists'), 0)
})

test('what is wider than its level runs alone', async () => {
  const { control, cache } = begin()
  cache.put(
    level('wide', { nominalConcurrencyShares: 1000, limitResponse: { type: 'Reject' } }),
    level('tiny', { nominalConcurrencyShares: 1, limitResponse: { type: 'Reject' } }),
    schema('janes', 'tiny', 500, OF_JANES),
    ...Array.from({ length: 450 }, (_, at) => configMap(`c${at}`)),
  )
  const list = () =>
    control.admit(JANE, 'list', ConfigMap, undefined, 'shop', {
      query: new URLSearchParams(),
      name: undefined,
    })
  const seat = now(list())
  assert.instance(await Promise.resolve(list()).catch((error: unknown) => error), Refused)
  seat.release()
  now(list()).release()
})

test('idle seats that may be lent are borrowed, reserved ones are kept', () => {
  const { cache, control } = begin()
  const reject = { type: 'Reject' }
  cache.put(
    level('rich', { nominalConcurrencyShares: 295, lendablePercent: 50, limitResponse: reject }),
    level('poor', { nominalConcurrencyShares: 0, limitResponse: reject }),
    schema('janes', 'poor', 500, OF_JANES),
  )
  const seats: Seat[] = []
  const take = async (): Promise<boolean> => {
    try {
      seats.push(await control.admit(JANE, 'get', ConfigMap, undefined, 'shop'))
      return true
    } catch {
      return false
    }
  }
  return (async () => {
    while (seats.length < 600 && (await take()));
    assert.is(seats.length, 295)
    for (const seat of seats) seat.release()
  })()
})

test('a hand has different cards and is the same for the same flow', () => {
  const hands = new Set<string>()
  for (let at = 0; at < 200; at++) {
    const hand = handOf(`flow ${at}`, 16, 4)
    assert.is(new Set(hand).size, 4)
    assert.ok(hand.every((card) => card >= 0 && card < 16))
    assert.equal(handOf(`flow ${at}`, 16, 4), hand)
    hands.add(hand.toSorted().join())
  }
  assert.ok(hands.size > 150)
})

test.run()
