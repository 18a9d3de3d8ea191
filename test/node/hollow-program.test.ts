import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hollowProgram } from '../../src/node/hollow-program.ts'

const program = (...command: string[]) =>
  hollowProgram({ name: 'app', command, env: [], annotations: {} })

test('plain commands end as they would', () => {
  assert.equal(program('true').exit, { code: 0, afterMs: 0 })
  assert.equal(program('false').exit, { code: 1, afterMs: 0 })
  assert.equal(program('sh', '-c', 'sleep 2; exit 3').exit, { code: 3, afterMs: 2000 })
  assert.equal(program('sh', '-c', 'echo "a b" && echo c').output, [
    { stream: 'stdout', text: 'a b\n' },
    { stream: 'stdout', text: 'c\n' },
  ])
})

test('everything else runs until stopped', () => {
  assert.is(program('/server', '--port', '80').exit, undefined)
  assert.is(program().exit, undefined)
  assert.is(program('sh', '-c', 'while true; do sleep 1; done').exit, undefined)
})

test('a variable or an annotation sets the end', () => {
  const env = [{ name: 'hollow.kubus.io/exit-code', value: '4' }]
  assert.equal(hollowProgram({ name: 'a', env, annotations: {} }).exit, { code: 4, afterMs: 0 })
  const annotations = { 'hollow.kubus.io/exit-code': '5', 'hollow.kubus.io/run-ms': '70' }
  assert.equal(hollowProgram({ name: 'a', env, annotations }).exit, { code: 5, afterMs: 70 })
})

test('one that its pod waits for ends well unless its command says otherwise', () => {
  const ended = (command: string[]) =>
    hollowProgram({ name: 'init', command, env: [], annotations: {}, isAwaited: true }).exit
  assert.equal(ended([]), { code: 0, afterMs: 0 })
  assert.equal(ended(['/migrate']), { code: 0, afterMs: 0 })
  assert.equal(ended(['false']), { code: 1, afterMs: 0 })
})

test.run()
