/**
 * A program for a pod, which prints in one line what the JavaScript client makes of its container: `pods a,b`, or
 * `refused <code>: <message>`.
 */
import { readFileSync } from 'node:fs'
import { javascriptClient } from '../support/javascript-client.ts'

const { ApiException, CoreV1Api, KubeConfig } = await javascriptClient()
const namespace = readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/namespace', 'utf8')
const config = new KubeConfig()
config.loadFromCluster()
try {
  const { items } = await config.makeApiClient(CoreV1Api).listNamespacedPod({ namespace })
  process.stdout.write(`pods ${items.map(({ metadata }) => metadata?.name).join(',')}\n`)
} catch (error) {
  if (!(error instanceof ApiException)) throw error
  const { message } = JSON.parse(error.body) as { message: string }
  process.stdout.write(`refused ${error.code}: ${message}\n`)
}
