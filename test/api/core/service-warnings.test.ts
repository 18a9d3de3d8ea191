/**
 * What users are warned of in Services: fields without effect, fields that go.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Service } from '../../../src/api/core/service.ts'
import { serviceWarnings } from '../../../src/api/core/service-warnings.ts'

const warningsOf = (spec: object, annotations: Record<string, string> = {}): string[] =>
  serviceWarnings({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', annotations },
    spec: { type: 'ClusterIP', sessionAffinity: 'None', ports: [{ port: 80 }], ...spec },
  } as Service)

test('a plain Service is nothing to warn of', () =>
  assert.equal(warningsOf({ clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'] }), []))

test('a headless Service has no use for what its address would do', () => {
  const spec = {
    clusterIP: 'None',
    clusterIPs: ['None'],
    loadBalancerIP: '10.0.0.1',
    externalIPs: ['10.0.0.2'],
    sessionAffinity: 'ClientIP',
  }
  assert.equal(warningsOf(spec), [
    'spec.loadBalancerIP is ignored for headless services',
    'spec.externalIPs is ignored for headless services',
    'spec.SessionAffinity is ignored for headless services',
  ])
})

test('external addresses and names have their types', () => {
  assert.equal(warningsOf({ externalIPs: ['2001:DB8::1'], externalName: 'example.com' }), [
    'spec.externalIPs[0]: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")',
    'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
    'spec.externalName is ignored when spec.type is not "ExternalName"',
  ])
  assert.equal(
    warningsOf({ type: 'ExternalName', externalName: 'a.b', externalIPs: ['10.0.0.1'] }),
    ['spec.externalIPs is ignored when spec.type is "ExternalName"'],
  )
})

test('what goes is named with what takes its place', () => {
  const annotations = { 'service.kubernetes.io/topology-aware-hints': 'auto' }
  const spec = {
    trafficDistribution: 'PreferClose',
    loadBalancerSourceRanges: ['2001:DB8::/32', '10.0.0.0/8'],
  }
  assert.equal(warningsOf(spec, annotations), [
    'annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead',
    'spec.loadBalancerSourceRanges[0]: IPv6 CIDR value "2001:DB8::/32" should be in RFC 5952 canonical format ("2001:db8::/32")',
    'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
  ])
})

test.run()
