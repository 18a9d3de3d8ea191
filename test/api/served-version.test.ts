/**
 * Kinds that are stored as others: both ways, with the stored kind's rules.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { defineKind } from '../../src/api/kind.ts'
import type { KubernetesObject } from '../../src/api/meta.ts'
import { defineVersion } from '../../src/api/served-version.ts'
import { requiredField } from '../../src/api/status-error.ts'

type Stored = KubernetesObject & { spec?: { size?: number }; status?: { seen?: boolean } }
type Older = KubernetesObject & { size?: number; seen?: boolean }

const Thing = defineKind<Stored>({
  group: 'x',
  version: 'v2',
  kind: 'Thing',
  plural: 'things',
  singular: 'thing',
  namespaced: true,
  model: 'V1ConfigMap',
  statusSubresource: true,
  tracksGeneration: true,
  applyDefaults: ({ spec }) => {
    if (spec) spec.size ??= 1
  },
  prepareForUpdate: (next, old) => {
    if (old.status) next.status = old.status
  },
  validate: ({ spec }) => (spec?.size === 0 ? [requiredField('spec.size')] : []),
  selectableFields: { 'spec.size': ({ spec }) => String(spec?.size) },
  columns: [
    {
      name: 'Size',
      type: 'integer',
      description: '',
      priority: 0,
      value: ({ spec }) => spec?.size ?? 0,
    },
  ],
})

const OlderThing = defineVersion<Older, Stored>(Thing, {
  version: 'v1',
  model: 'V1ConfigMap',
  fromStored: ({ metadata, spec, status }) => ({
    metadata,
    ...(spec?.size === undefined ? {} : { size: spec.size }),
    ...(status?.seen === undefined ? {} : { seen: status.seen }),
  }),
  toStored: ({ metadata, size, seen }) => ({
    metadata,
    spec: size === undefined ? {} : { size },
    ...(seen === undefined ? {} : { status: { seen } }),
  }),
})

const metadata = { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '' }
const stored: Stored = { apiVersion: 'x/v2', kind: 'Thing', metadata, spec: { size: 3 } }
const older: Older = { apiVersion: 'x/v1', kind: 'Thing', metadata, size: 3 }

test('names and scope are the stored kind’s', () => {
  assert.is(OlderThing.apiVersion, 'x/v1')
  assert.is(OlderThing.plural, 'things')
  assert.ok(OlderThing.tracksGeneration)
})

test('an object is shown in the form asked for, always the same one', () => {
  const { storedAs } = OlderThing
  assert.equal(storedAs!.show(stored), older)
  assert.is(storedAs!.show(stored), storedAs!.show(stored))
  assert.equal(storedAs!.store(older), stored)
})

test('defaults, preparation and validation run on the stored form', () => {
  const fresh: Older = { apiVersion: 'x/v1', kind: 'Thing', metadata }
  OlderThing.applyDefaults!(fresh)
  assert.is(fresh.size, 1)
  const next: Older = { ...older, size: 4 }
  OlderThing.prepareForUpdate!(next, { ...older, seen: true }, { now: 0 })
  assert.equal(next, { ...older, size: 4, seen: true })
  assert.is(OlderThing.validate!({ ...older, size: 0 })[0]!.field, 'spec.size')
})

test('columns and fields read through', () => {
  assert.is(OlderThing.columns[0]!.value(older, 0), 3)
  assert.is(OlderThing.selectableFields!['spec.size']!(older), '3')
})

test.run()
