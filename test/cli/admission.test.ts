/**
 * Admission plug-ins as the state folder switches and configures them.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { admissionIn } from '../../src/cli/admission.ts'
import { CommandError } from '../../src/cli/command.ts'
import { stateFolder } from '../../src/cli/state-folder.ts'

const root = mkdtempSync(join(tmpdir(), 'kubus-admission-'))
const folder = stateFolder(root)
test.after(() => rmSync(root, { recursive: true, force: true }))

const HEAD = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\n'
const read = (text: string) => {
  writeFileSync(folder.admission, text)
  return admissionIn(folder)
}
const fault = (text: string): string => {
  try {
    read(text)
  } catch (error) {
    assert.instance(error, CommandError)
    return (error as Error).message.slice(`${folder.admission} is not usable: `.length)
  }
  throw new Error('it was accepted')
}

test('without a file everything is as it is by default', () => {
  assert.equal(admissionIn(folder), {})
})

test('plug-ins are switched and configured', () => {
  const text = `${HEAD}enablePlugins: [AlwaysPullImages]
disablePlugins: [DefaultIngressClass]
plugins:
- name: PodSecurity
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1
    kind: PodSecurityConfiguration
    defaults: { enforce: baseline }
    exemptions: { namespaces: [kube-system] }
`
  const { enable, disable, configuration } = read(text)
  assert.equal([enable, disable], [['AlwaysPullImages'], ['DefaultIngressClass']])
  assert.equal(configuration, {
    PodSecurity: {
      apiVersion: 'pod-security.admission.config.k8s.io/v1',
      kind: 'PodSecurityConfiguration',
      defaults: { enforce: 'baseline' },
      exemptions: { namespaces: ['kube-system'] },
    },
  })
})

test('the example is usable', () => {
  const { enable } = read(readFileSync('examples/admission.yaml', 'utf8'))
  assert.equal(enable, ['AlwaysPullImages'])
})

test('what is not usable is said', () => {
  assert.match(fault('kind: Other\n'), 'it must be an AdmissionConfiguration')
  assert.is(fault(`${HEAD}plugins: {}\n`), 'plugins must be a list')
  assert.is(
    fault(`${HEAD}enablePlugins: [Nothing]\n`),
    'enable-admission-plugins plugin "Nothing" is unknown',
  )
  assert.is(
    fault(`${HEAD}plugins: [{name: PodSecurity, path: x.yaml}]\n`),
    'plugins[0].path is not read: write what is in that file under plugins[0].configuration',
  )
  assert.is(
    fault(`${HEAD}plugins: [{name: PodSecurity, configuration: {defaults: {warn: x}}}]\n`),
    'defaults.warn: Invalid value: "x": must be one of privileged, baseline, restricted',
  )
  assert.is(
    fault(`${HEAD}enablePlugins: [EventRateLimit]\n`),
    'limits: Invalid value: "null": must not be empty',
  )
})

test.run()
