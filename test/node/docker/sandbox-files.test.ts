import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hostsFile, resolverFile } from '../../../src/node/docker/sandbox-files.ts'

test('a pod’s hosts file names the pod and its aliases', () => {
  const pod = { hostname: 'web', hostAliases: [{ ip: '10.0.0.9', hostnames: ['a', 'b'] }] }
  const text = hostsFile(pod, '10.0.0.2', undefined)
  assert.match(text, /^# Kubernetes-managed hosts file\.\n127\.0\.0\.1\tlocalhost\n/)
  assert.match(text, '10.0.0.2\tweb\n\n# Entries added by HostAliases.\n10.0.0.9\ta\tb\n')
  assert.is(hostsFile({ hostname: 'web', hostAliases: [] }, undefined, 'host\n'), 'host\n')
})

test('a resolver file holds what is given', () => {
  assert.is(
    resolverFile({ servers: ['1.1.1.1'], searches: ['a', 'b'], options: ['ndots:5'] }),
    'search a b\nnameserver 1.1.1.1\noptions ndots:5\n',
  )
  assert.is(resolverFile({ servers: [], searches: [], options: [] }), '')
})

test.run()
