/**
 * The administrator's kubeconfig, and secrets that are drawn once.
 */
import { randomBytes } from 'node:crypto'
import { readTextIfPresent, writeFileAtomically } from '../node/files.ts'
import type { StateFolder } from './state-folder.ts'

export const newRoutePassword = () => randomBytes(18).toString('base64url')

/** The administrator's kubeconfig, with everything inside; `host` is where the first apiserver answers. */
export const writeKubeconfig = (folder: StateFolder, apiPort: number, host = '127.0.0.1') => {
  const base64 = (name: string) =>
    Buffer.from(readTextIfPresent(folder.pki(name)) ?? '').toString('base64')
  const text = `apiVersion: v1
kind: Config
clusters:
- name: kubus
  cluster:
    server: https://${host}:${apiPort}
    certificate-authority-data: ${base64('ca.crt')}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: ${base64('admin.crt')}
    client-key-data: ${base64('admin.key')}
contexts:
- name: kubernetes-admin@kubus
  context: {cluster: kubus, user: kubernetes-admin}
current-context: kubernetes-admin@kubus
`
  if (readTextIfPresent(folder.kubeconfig) !== text) writeFileAtomically(folder.kubeconfig, text)
}
