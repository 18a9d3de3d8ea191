/** The rules of services, as text: policies, affinity, refusals, and what a change writes. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { noPieces, type Pieces, rulesOf } from '../../../src/actors/proxy/rules.ts'
import { changeText, fullText } from '../../../src/actors/proxy/ruleset.ts'
import {
  type EndpointAt,
  endpointSlice,
  type ServiceBuilder,
  service,
} from '../../support/build.ts'

const HERE = new Set(['here'])
const web = service('web').port(80)
const pieces = (one: ServiceBuilder, ...endpoints: EndpointAt[]): Pieces =>
  rulesOf(one.object, [endpointSlice('web', 8080, endpoints)], HERE)

/** Rules without the hash in names; one line per rule or element. */
const show = ({ chains, sets, elements }: Pieces): string[] =>
  [
    ...[...sets].map(([name, seconds]) => `set ${name} ${seconds}s`),
    ...[...elements].map(([key, verdict]) => `${key}${verdict && ` : ${verdict}`}`),
    ...[...chains].flatMap(([name, rules]) => rules.map((rule) => `${name}: ${rule}`)),
  ].map((line) => line.replace(/-[0-9a-f]{8}-default\/web/g, '-web'))

test('a service with one endpoint elsewhere', () => {
  assert.equal(show(pieces(web, { ip: '10.1.0.2', node: 'there' })), [
    'cluster-ips 10.96.0.10',
    'service-ips 10.96.0.10 . tcp . 80 : goto service-web/tcp/',
    'service-web/tcp/: ip daddr 10.96.0.10 tcp dport 80 ip saddr != @pod-cidrs jump mark-for-masquerade',
    'service-web/tcp/: goto endpoint-web/tcp/__10.1.0.2/8080',
    'endpoint-web/tcp/__10.1.0.2/8080: meta l4proto tcp dnat to 10.1.0.2:8080',
  ])
})

test('a local endpoint that reaches itself is masqueraded', () => {
  const lines = show(pieces(web, { ip: '10.1.0.2', node: 'here' }))
  assert.ok(
    lines.includes('endpoint-web/tcp/__10.1.0.2/8080: ip saddr 10.1.0.2 jump mark-for-masquerade'),
  )
})

test('a service without ready endpoints is rejected', () => {
  assert.equal(show(pieces(web, { ip: '10.1.0.2', ready: false })), [
    'cluster-ips 10.96.0.10',
    'no-endpoint-services 10.96.0.10 . tcp . 80 : goto reject-chain',
  ])
})

test('endpoints that terminate but serve are used while none is ready', () => {
  const leaving = { ip: '10.1.0.2', ready: false, serving: true, terminating: true }
  assert.match(show(pieces(web, leaving)).join('\n'), 'dnat to 10.1.0.2:8080')
  const both = show(pieces(web, leaving, { ip: '10.1.0.3' })).join('\n')
  assert.match(both, 'dnat to 10.1.0.3:8080')
  assert.not.match(both, 'dnat to 10.1.0.2:8080')
})

test('internalTrafficPolicy Local drops where only other nodes have endpoints', () => {
  const local = web.spec({ internalTrafficPolicy: 'Local' })
  assert.equal(show(pieces(local, { ip: '10.1.0.2', node: 'there' })), [
    'cluster-ips 10.96.0.10',
    'no-endpoint-services 10.96.0.10 . tcp . 80 : drop',
  ])
  const near = show(
    pieces(local, { ip: '10.1.0.2', node: 'there' }, { ip: '10.1.0.3', node: 'here' }),
  ).join('\n')
  assert.match(near, 'goto local-web/tcp/')
  assert.not.match(near, 'dnat to 10.1.0.2')
})

test('a node port of the Cluster policy masquerades', () => {
  const open = service('web').spec({ type: 'NodePort' }).port(80, { nodePort: 30080 })
  const lines = show(pieces(open, { ip: '10.1.0.2' }))
  assert.ok(lines.includes('service-nodeports tcp . 30080 : goto external-web/tcp/'))
  assert.ok(lines.includes('external-web/tcp/: jump mark-for-masquerade'))
  assert.ok(lines.includes('external-web/tcp/: goto service-web/tcp/'))
})

test('externalTrafficPolicy Local keeps the source and drops without local endpoints', () => {
  const open = service('web')
    .spec({ type: 'NodePort', externalTrafficPolicy: 'Local' })
    .port(80, { nodePort: 30080 })
  const far = show(pieces(open, { ip: '10.1.0.2', node: 'there' }))
  assert.ok(far.includes('no-endpoint-nodeports tcp . 30080 : drop'))
  assert.not.ok(far.includes('external-web/tcp/: goto local-web/tcp/'))
  const near = show(pieces(open, { ip: '10.1.0.2', node: 'here' }))
  assert.ok(near.includes('external-web/tcp/: goto local-web/tcp/'))
  assert.not.ok(near.includes('external-web/tcp/: jump mark-for-masquerade'))
})

test('affinity remembers the endpoint of each client', () => {
  const sticky = web.spec({
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
  })
  const lines = show(pieces(sticky, { ip: '10.1.0.2' }))
  assert.ok(lines.includes('set affinity-web/tcp/__10.1.0.2/8080 60s'))
  assert.ok(
    lines.includes(
      'service-web/tcp/: ip saddr @affinity-web/tcp/__10.1.0.2/8080 goto endpoint-web/tcp/__10.1.0.2/8080',
    ),
  )
})

test('headless services and services of another proxy have no rules', () => {
  const headless = web.spec({ clusterIP: 'None' })
  assert.equal(show(pieces(headless, { ip: '10.1.0.2' })), [])
})

test('equal services change nothing', () => {
  const before = pieces(web, { ip: '10.1.0.2' }, { ip: '10.1.0.3' })
  const after = pieces(web, { ip: '10.1.0.3' }, { ip: '10.1.0.2' })
  assert.is(changeText('kubus', [{ before, after }]), '')
})

test('an endpoint that goes rewrites its service only', () => {
  const before = pieces(web, { ip: '10.1.0.2' }, { ip: '10.1.0.3' })
  const after = pieces(web, { ip: '10.1.0.3' })
  const lines = changeText('kubus', [{ before, after }])
    .replace(/-[0-9a-f]{8}-default\/web/g, '-web')
    .trim()
    .split('\n')
  assert.equal(lines, [
    'add chain ip kubus service-web/tcp/',
    'flush chain ip kubus service-web/tcp/',
    'flush chain ip kubus endpoint-web/tcp/__10.1.0.2/8080',
    'add rule ip kubus service-web/tcp/ ip daddr 10.96.0.10 tcp dport 80 ip saddr != @pod-cidrs jump mark-for-masquerade',
    'add rule ip kubus service-web/tcp/ goto endpoint-web/tcp/__10.1.0.3/8080',
  ])
})

test('a service that goes loses its elements before its chains are emptied', () => {
  const text = changeText('kubus', [{ before: pieces(web, { ip: '10.1.0.2' }), after: noPieces() }])
  assert.match(text, /^delete element ip kubus cluster-ips \{ 10\.96\.0\.10 \}\n/)
  assert.match(text, 'delete element ip kubus service-ips { 10.96.0.10 . tcp . 80 }')
  assert.not.match(text, 'add')
})

test('the whole table replaces the one before it in one transaction', () => {
  const text = fullText('kubus', [pieces(web, { ip: '10.1.0.2' })], ['10.1.0.0/16'])
  assert.match(text, /^table ip kubus\ndelete table ip kubus\nadd table ip kubus\n/)
  assert.match(text, 'add element ip kubus pod-cidrs { 10.1.0.0/16 }')
})

test.run()
