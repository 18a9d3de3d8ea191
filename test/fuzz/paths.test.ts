/**
 * Paths and queries that nobody means: each is answered, and none by an internal error.
 */
import { test } from 'uvu'
import { startTestApiserver } from '../support/api-server.ts'
import type { Chance } from '../support/chance.ts'
import { explore, faultOf, fuzzClient } from '../support/fuzz.ts'

const api = await startTestApiserver()
const { call, close } = fuzzClient(api)

const SEGMENTS = [
  ...['api', 'apis', 'v1', 'apps', 'batch', 'namespaces', 'default', 'kube-system', 'watch'],
  ...['pods', 'nodes', 'services', 'configmaps', 'deployments', 'scale', 'status', 'log', 'exec'],
  ...['attach', 'portforward', 'proxy', 'binding', 'bindings', 'eviction', 'token', 'finalize'],
  ...['openapi', 'v2', 'v3', 'healthz', 'readyz', 'livez', 'metrics', 'version', '.well-known'],
  ...['openid', 'jwks', 'kubernetes', 'events', 'events.k8s.io', 'leases', 'coordination.k8s.io'],
  ...['autoscaling', 'horizontalpodautoscalers', 'apiextensions.k8s.io', 'constructor', ''],
  ...['__proto__', '..', '.', '%2e%2e', '%00', '%ff', '%', '%2F', 'a%20b', '~', '*', 'é', 'x'],
]
const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  watch: ['1', 'true', 'false', '', 'x'],
  limit: ['1', '0', '-1', '500', '99999999999999999999', 'x', '1.5'],
  continue: ['x', 'e30', 'eyJyZXZpc2lvbiI6MX0', 'bnVsbA', ''],
  resourceVersion: ['0', '1', '-1', 'x', ''],
  resourceVersionMatch: ['Exact', 'NotOlderThan', 'x'],
  sendInitialEvents: ['true', 'false', 'x'],
  allowWatchBookmarks: ['1', 'x'],
  labelSelector: ['a=b', 'a in (b,c)', '!a', 'a in (', '((', 'a>1', ',', 'ä', 'a!=b,c'],
  fieldSelector: ['metadata.name=a', 'spec.nodeName=', 'a\\', 'a=b\\', 'x', '=', 'status.phase!=x'],
  pretty: ['true', 'x'],
  timeout: ['1s', '0', 'x', '-1h', '5', '1ns'],
  fieldValidation: ['Strict', 'x'],
  propagationPolicy: ['Orphan', 'x'],
  gracePeriodSeconds: ['0', '-1', 'x'],
  dryRun: ['All', 'x', ''],
  fieldManager: ['me', '', 'x'.repeat(200), '\n'],
  container: ['a'],
  command: ['sh'],
  force: ['true', 'x'],
}

const LONE = /[\ud800-\udfff]/g

const pathOf = (chance: Chance): string => {
  const root = chance.pick(['/api/v1', '/apis/apps/v1', '/apis', '', '/api', '/apis/batch/v1'])
  const within = chance.once(2) ? '/namespaces/default' : ''
  const rest = Array.from({ length: chance.below(5) }, () =>
    chance.once(8)
      ? encodeURIComponent(chance.text(12).replaceAll(LONE, '?'))
      : chance.pick(SEGMENTS),
  )
  const path = [`${root}${within}`, ...rest].join('/')
  return path.startsWith('/') ? path : `/${path}`
}

const queryOf = (chance: Chance): string => {
  const names = Object.keys(PARAMETERS)
  const pairs = Array.from({ length: chance.below(4) }, () => {
    const name = chance.once(10) ? chance.text(5).replaceAll(LONE, '?') : chance.pick(names)
    const values = PARAMETERS[name]
    const value =
      values && !chance.once(6) ? chance.pick(values) : chance.text(8).replaceAll(LONE, '?')
    return `${encodeURIComponent(name)}=${chance.once(8) ? '%' : ''}${encodeURIComponent(value)}`
  })
  /** Nobody wants to wait for the end of a watch. */
  return `?${[...pairs, 'timeoutSeconds=1'].join('&')}`
}

const METHODS = ['GET', 'GET', 'GET', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE']

test('paths and queries', async () => {
  await explore(async (chance) => {
    const method = chance.pick(METHODS)
    const query = queryOf(chance)
    /** A watch without end would hold the round for a second; one in many is enough. */
    const isWatch = /[?&]watch=(?!false|0)/.test(query) && !chance.once(50)
    const path = `${pathOf(chance).replaceAll(/[^\x21-\x7e]/g, encodeURIComponent)}${isWatch ? '' : query}`
    if (path.includes('/watch/') && !chance.once(50)) return undefined
    const body = method === 'GET' || chance.once(2) ? undefined : Buffer.from('{}')
    const fault = faultOf(await call(method, path, { 'content-type': 'application/json' }, body))
    return fault && `${method} ${path}\n  ${fault}`
  })
})

test.after(async () => {
  close()
  await api.stop()
})
test.run()
