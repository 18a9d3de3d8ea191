/** What pods request, added up. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { podRequests, scoredRequests } from '../../../src/actors/scheduler/resources.ts'
import { pod } from '../../support/build.ts'

const cpu = (requests: string) => ({ resources: { requests: { cpu: requests } } })

test('containers add up, in thousandths and bytes', () => {
  const total = podRequests(pod().requests({ cpu: '0.5', memory: '1Ki', 'x.io/y': '2' }).object)
  assert.is(total.cpuMillis, 500)
  assert.is(total.memoryBytes, 1024)
  assert.is(total.extended.get('x.io/y'), 2)
})

test('init containers run one after the other, sidecars stay', () => {
  const initContainers = [
    { name: 'first', ...cpu('3') },
    { name: 'side', restartPolicy: 'Always', ...cpu('1') },
    { name: 'second', ...cpu('4') },
  ]
  assert.is(podRequests(pod().cpu('2').spec({ initContainers }).object).cpuMillis, 5000)
})

test('requests of the whole pod replace the sum', () => {
  const whole = pod()
    .cpu('2')
    .spec({ resources: { requests: { cpu: '3' } } })
  assert.is(podRequests(whole.object).cpuMillis, 3000)
})

test('for scoring, a container without requests counts a little', () => {
  const { cpuMillis, memoryBytes } = scoredRequests(pod().object)
  assert.equal([cpuMillis, memoryBytes], [100, 200 * 1024 * 1024])
  assert.is(scoredRequests(pod().cpu('2').object).cpuMillis, 2000)
})

test.run()
