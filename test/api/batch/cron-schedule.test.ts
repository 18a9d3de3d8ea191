/**
 * Schedules of CronJobs: which minutes they mean, and Kubernetes' words for those that mean none.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  CronError,
  type CronFields,
  parseCronSchedule,
} from '../../../src/api/batch/cron-schedule.ts'

const parse = (text: string) => parseCronSchedule(text, (name) => name === 'Europe/Berlin')

const fields = (text: string): CronFields => {
  const schedule = parse(text)
  assert.is(schedule.type, 'fields')
  return schedule as CronFields
}

const fault = (text: string): string => {
  try {
    parse(text)
    return ''
  } catch (error) {
    assert.instance(error, CronError)
    return (error as Error).message
  }
}

test('a field is a value, a range, a step, a list, or open', () => {
  const { minutes, hours, daysOfMonth, months, daysOfWeek } = fields('*/20 9-17/4 1,15 JAN-mar ?')
  assert.equal([...minutes], [0, 20, 40])
  assert.equal([...hours], [9, 13, 17])
  assert.equal([...daysOfMonth], [1, 15])
  assert.equal([...months], [1, 2, 3])
  assert.is(daysOfWeek.size, 7)
})

test('a value with a step goes on to the end', () => {
  assert.equal([...fields('50/4 * * * *').minutes], [50, 54, 58])
})

test('an open field with a step is not open', () => {
  const schedule = fields('0 0 */2 * *')
  assert.is(schedule.anyDayOfMonth, false)
  assert.is(schedule.anyDayOfWeek, true)
})

test('descriptors stand for fields, and @every for an interval', () => {
  assert.equal(fields('@weekly'), fields('0 0 * * 0'))
  assert.equal(fields('@annually'), fields('0 0 1 1 *'))
  assert.equal(parse('@every 1h30m'), { type: 'interval', milliseconds: 5_400_000 })
  assert.equal(parse('@every 1500ms'), { type: 'interval', milliseconds: 1000 })
  assert.equal(parse('@every 10ns'), { type: 'interval', milliseconds: 1000 })
})

test('a time zone may stand before the fields', () => {
  assert.is(fields('CRON_TZ=Europe/Berlin 0 3 * * *').timeZone, 'Europe/Berlin')
  assert.is(fault('TZ=Mars 0 3 * * *'), 'provided bad location Mars: unknown time zone Mars')
})

const faults: readonly (readonly [string, string])[] = [
  ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
  ['0 * * * * *', 'expected exactly 5 fields, found 6: [0 * * * * *]'],
  ['60 * * * *', 'end of range (60) above maximum (59): 60'],
  ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
  ['* * * * 7', 'end of range (7) above maximum (6): 7'],
  ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
  ['*/2/3 * * * *', 'too many slashes: */2/3'],
  ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
  ['* * L * *', 'failed to parse int from L: strconv.Atoi: parsing "L": invalid syntax'],
  ['@reboot', 'unrecognized descriptor: @reboot'],
  ['@every soon', 'failed to parse duration @every soon: time: invalid duration "soon"'],
]
for (const [text, message] of faults)
  test(`refused: ${text}`, () => {
    assert.is(fault(text), message)
  })

test.run()
