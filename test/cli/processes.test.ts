import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  masterProcesses,
  natsConfig,
  natsProcess,
  natsUrls,
  nodeNames,
  wantedPorts,
} from '../../src/cli/processes.ts'
import { type ClusterConfig, stateFolder } from '../../src/cli/state-folder.ts'
import { natsServerConfig } from '../../src/node/nats-server.ts'

const config = (changes: Partial<ClusterConfig> = {}): ClusterConfig => ({
  id: 'c1',
  masters: 1,
  nodes: 2,
  runtime: 'hollow',
  apiPort: 6443,
  natsPort: 4222,
  busUsers: { operator: ['UA'], nodes: ['UB'] },
  busIssuer: 'AA',
  busAnchor: 'UC',
  routePassword: 'secret',
  clusterCidr: '10.244.0.0/16',
  serviceCidr: '10.96.0.0/16',
  ...changes,
})

test('one master listens on the API port and the NATS port', () => {
  assert.equal(
    wantedPorts(config()).map(({ port }) => port),
    [6443, 4222, 4225],
  )
})

test('three masters listen on three consecutive ports each, and on the NATS cluster', () => {
  assert.equal(
    wantedPorts(config({ masters: 3 }))
      .map(({ port }) => port)
      .sort((a, b) => a - b),
    [4222, 4223, 4224, 4225, 4226, 4227, 6222, 6223, 6224, 6443, 6444, 6445],
  )
  assert.is(natsUrls(config({ masters: 3 })).length, 3)
})

test('a nats-server keeps its heap small', () => {
  const folder = stateFolder('/state')
  assert.equal(natsProcess(folder, 'nats-server', 0).env, { GOGC: '50' })
})

test('a single nats-server has no cluster section, three have one with every route', () => {
  const folder = stateFolder('state')
  assert.is(natsConfig(config(), folder, 0).cluster, undefined)
  assert.equal(natsConfig(config({ masters: 3 }), folder, 1).cluster?.routes, [
    '127.0.0.1:6222',
    '127.0.0.1:6223',
    '127.0.0.1:6224',
  ])
})

test('a nats-server rotates its log, in UTC, and the apiserver beside it knows which one', () => {
  const folder = stateFolder('/state')
  const masters = config({ masters: 3 })
  const text = natsServerConfig(natsConfig(masters, folder, 1))
  assert.match(text, 'log_file: "/state/logs/nats-2.log"')
  assert.match(text, 'logfile_size_limit: 16777216\nlogfile_max_num: 4\nlogtime_utc: true')
  const { args } = masterProcesses(masters, folder, 1)[0]!
  assert.is(args[args.indexOf('--master') + 1], '2')
})

test('nodes are counted from one', () => {
  assert.equal(nodeNames(config()), ['node-1', 'node-2'])
})

test.run()
