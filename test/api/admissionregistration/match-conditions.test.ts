import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadCompiler } from '../../../src/api/admissionregistration/admission-expressions.ts'
import type { ExpressionInput } from '../../../src/api/admissionregistration/expression-run.ts'
import {
  compileConditions,
  evaluateConditions,
} from '../../../src/api/admissionregistration/match-conditions.ts'

await loadCompiler()

const input: ExpressionInput = {
  object: { items: Array.from({ length: 300 }, (_, at) => at), text: 'x' },
  oldObject: null,
  request: () => ({ operation: 'CREATE' }),
  namespaceObject: () => null,
  decide: () => ({ isAllowed: true }),
  requestResource: () => ({}),
}

const evaluate = (expressions: readonly string[], failurePolicy = 'Fail') =>
  evaluateConditions(
    compileConditions(
      expressions.map((expression, at) => ({ name: `c${at}`, expression })),
      failurePolicy,
      { hasParams: false },
    ),
    input,
  )

test('all conditions have to hold', () => {
  assert.equal(evaluate(['true', "request.operation == 'CREATE'"]), { matches: true, errors: 0 })
  assert.equal(evaluate(['true', 'oldObject != null']), { matches: false, errors: 0 })
  assert.equal(evaluate([]), { matches: true, errors: 0 })
})

test('one that is false decides even where another fails', () => {
  assert.equal(evaluate(["object.none == 'x'", 'false']), { matches: false, errors: 1 })
})

test('failures are told, each text once, or mean that nothing matches', () => {
  const [one, two] = ["object.none == 'x'", "object.text.none == 'x'"]
  const shown = `expression '${one}' resulted in error: no such key: none`
  assert.equal(evaluate([one, 'true']), { error: shown, errors: 1 })
  assert.equal(evaluate([one, two, one]), {
    error: `[${shown}, expression '${two}' resulted in error: no such key: none]`,
    errors: 3,
  })
  assert.equal(evaluate([one], 'Ignore'), { matches: false, errors: 1 })
})

test('a condition that does not compile fails when it is evaluated', () => {
  const result = evaluate(['nonsense'])
  assert.match(
    'error' in result ? result.error : '',
    /^compilation error: compilation failed: ERROR/,
  )
})

test('conditions have a budget together', () => {
  const dear = 'object.items.all(a, object.items.all(b, a + b >= 0))'
  const many = Array.from({ length: 8 }, () => dear)
  assert.equal(evaluate([dear]), { matches: true, errors: 0 })
  const result = evaluate(many)
  assert.is(
    'error' in result && result.error,
    'validation failed due to running out of cost budget, no further validation rules will be run',
  )
  assert.equal(evaluate(many, 'Ignore'), { matches: false, errors: 0 })
})

test.run()
