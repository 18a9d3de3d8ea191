/**
 * Tests of logging: what a line says of an error.
 */
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { componentLog } from '../../src/std/log.ts'

test('an error is logged with its kind and message', () => {
  const log = componentLog('test') as unknown as Record<
    symbol,
    { error(error: unknown): { type: string; message: string } }
  >
  const { type, message } = log[pino.symbols.serializersSym]!.error(new RangeError('too far'))
  assert.equal([type, message], ['RangeError', 'too far'])
})

test.run()
