import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ensureCertificates, renewCertificates } from '../../src/cli/certificates.ts'
import { followNatsCertificate } from '../../src/cli/nats-certificate.ts'
import { stateFolder } from '../../src/cli/state-folder.ts'
import { systemClock } from '../../src/std/clock.ts'

const DAY_MS = 24 * 3600_000

test('nats-servers read a renewed certificate again, once', async () => {
  const root = mkdtempSync(join(tmpdir(), 'kubus-nats-certificate-'))
  const folder = stateFolder(root)
  const longAgo = Date.now() - 300 * DAY_MS
  await ensureCertificates(folder, longAgo, { serviceCidr: '10.96.0.0/16' })
  const before = readFileSync(folder.pki('nats.crt'), 'utf8')
  let reloads = 0
  const reload = async () => {
    assert.not.equal(readFileSync(folder.pki('nats.crt'), 'utf8'), before)
    return ++reloads
  }
  const ports = { clock: systemClock, log: pino({ level: 'silent' }) }
  const end = followNatsCertificate(folder, reload, ports)
  await renewCertificates(folder, Date.now())
  for (let attempt = 0; attempt < 200 && reloads === 0; attempt++)
    await new Promise((resolve) => setTimeout(resolve, 20))
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.is(reloads, 1)
  end()
  rmSync(root, { recursive: true })
})

test.run()
