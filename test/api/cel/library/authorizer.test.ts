/**
 * What expressions ask an authorizer.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { compile } from '../../../../src/api/cel/cel.ts'
import { opaque } from '../../../../src/api/cel/cel-type.ts'
import {
  type AccessQuestion,
  AUTHORIZER_TYPE,
  Authorizer,
  RESOURCE_CHECK_TYPE,
  resourceCheck,
} from '../../../../src/api/cel/library/authorizer.ts'

const variables = {
  authorizer: opaque(AUTHORIZER_TYPE),
  'authorizer.requestResource': opaque(RESOURCE_CHECK_TYPE),
}

/** The outcome, and what was asked. */
const run = (source: string) => {
  const asked: AccessQuestion[] = []
  const decide = (question: AccessQuestion) => {
    asked.push(question)
    return { isAllowed: question.verb === 'get', reason: 'because' }
  }
  const { value } = compile(source, { variables }).evaluate({
    authorizer: new Authorizer(decide),
    'authorizer.requestResource': resourceCheck(decide, { group: 'apps', resource: 'deployments' }),
  })
  return { value, asked }
}

const fault = (ask: () => unknown): string => {
  try {
    return `it gave ${ask()}`
  } catch (error) {
    return (error as Error).message
  }
}

test('a resource is asked for with all that is said of it', () => {
  const { value, asked } = run(
    "authorizer.group('').resource('pods').subresource('log').namespace('a').name('b').check('get').allowed()",
  )
  assert.is(value, true)
  assert.equal(asked, [
    { group: '', resource: 'pods', subresource: 'log', namespace: 'a', name: 'b', verb: 'get' },
  ])
})

test('a path, another account, and the reason', () => {
  assert.equal(run("authorizer.path('/healthz').check('head').allowed()").value, false)
  const { value, asked } = run(
    "authorizer.serviceAccount('a', 'b').path('/x').check('get').reason()",
  )
  assert.is(value, 'because')
  assert.equal(asked, [{ serviceAccount: { namespace: 'a', name: 'b' }, path: '/x', verb: 'get' }])
})

test('the resource of the request is a variable of its own', () => {
  const { value, asked } = run("authorizer.requestResource.check('patch').errored()")
  assert.is(value, false)
  assert.equal(asked, [{ group: 'apps', resource: 'deployments', verb: 'patch' }])
})

test('what names nothing is an error', () => {
  assert.is(
    fault(() => run("authorizer.path(' ').check('get').allowed()")),
    'path must not be empty',
  )
  assert.is(
    fault(() => run("authorizer.serviceAccount('A', 'b').path('/').check('get').allowed()")),
    'Invalid service account namespace',
  )
  assert.match(
    fault(() => run("authorizer.resource('pods')")),
    "found no matching overload for 'resource'",
  )
})

test('an expression asks twice at most', () => {
  const ask = "authorizer.path('/x').check('get').allowed()"
  assert.is(run(`${ask} && ${ask}`).value, true)
  assert.match(
    fault(() => run(`${ask} && ${ask} && ${ask}`)),
    'cost limit',
  )
})

test.run()
