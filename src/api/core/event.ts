/**
 * Event: its declaration, defaults, validation and columns.
 */
import type { CoreV1Event } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'

export type Event = WireObject<CoreV1Event>

export const Event = defineKind<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  namespaced: true,
  model: 'CoreV1Event',
  storage: 'events',
  columns: [],
})
