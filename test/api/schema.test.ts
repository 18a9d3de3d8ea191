import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ABSENT_WHEN_ZERO, KEPT_EMPTY_STRINGS, QUANTITY_FIELDS } from '../../src/api/field-facts.ts'
import { kinds } from '../../src/api/kinds.ts'
import { mergeRuleFields, mergeRuleOf } from '../../src/api/merge-keys.ts'
import { goNameOf, hasSchema, schemaOf } from '../../src/api/schema.ts'

test('every kind and its list have a schema', () => {
  for (const { model } of kinds)
    for (const name of [model, `${model}List`]) {
      assert.ok(hasSchema(name), name)
      assert.ok(schemaOf(name).fields.has('metadata'), name)
    }
})

test('types come through', () => {
  const container = schemaOf('V1Container').fields
  assert.equal(container.get('name')?.type, { shape: 'scalar', scalar: 'string' })
  assert.is(container.get('name')?.required, true)
  assert.is(container.get('image')?.required, false)
  assert.equal(container.get('env')?.type, {
    shape: 'list',
    of: { shape: 'model', model: 'V1EnvVar' },
  })
  assert.equal(schemaOf('V1ResourceRequirements').fields.get('limits')?.type, {
    shape: 'map',
    of: { shape: 'scalar', scalar: 'quantity' },
  })
  assert.equal(schemaOf('V1LeaseSpec').fields.get('renewTime')?.type, {
    shape: 'scalar',
    scalar: 'microTime',
  })
  assert.is(goNameOf('CoreV1Event'), 'Event')
})

test('facts kept by hand are about fields that exist', () => {
  const facts = [
    ...ABSENT_WHEN_ZERO,
    ...KEPT_EMPTY_STRINGS,
    ...QUANTITY_FIELDS,
    ...mergeRuleFields().filter(isOfKnownModel),
  ]
  for (const fact of facts) {
    const [model = '', field = ''] = fact.split('.')
    assert.ok(hasSchema(model) && schemaOf(model).fields.has(field), fact)
  }
})

/** The facts tell of all models of Kubernetes. */
const isOfKnownModel = (fact: string): boolean => hasSchema(fact.slice(0, fact.indexOf('.')))

test('a merge key is a field of the items', () => {
  for (const fact of mergeRuleFields().filter(isOfKnownModel)) {
    const [model = '', field = ''] = fact.split('.')
    const type = schemaOf(model).fields.get(field)?.type
    const item = type?.shape === 'list' && type.of.shape === 'model' ? type.of.model : undefined
    for (const key of mergeKeysOf(fact))
      assert.ok(item && schemaOf(item).fields.has(key), `${fact} ${key}`)
  }
})

const mergeKeysOf = (fact: string): string[] => {
  const [model = '', field = ''] = fact.split('.')
  const rule = mergeRuleOf(model, field)
  return [...(rule?.mergeKey ? [rule.mergeKey] : []), ...(rule?.listMapKeys ?? [])]
}

test.run()
