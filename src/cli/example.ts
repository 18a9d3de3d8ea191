/**
 * Applies the example application and finds the address that answers.
 */
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { parseAllDocuments } from 'yaml'
import { sleep } from '../std/clock.ts'
import type { ApiClient } from './api-client.ts'
import { CommandError } from './command.ts'

interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string }
}

const PATHS: Readonly<Record<string, string>> = {
  'v1/Service': '/api/v1/namespaces/default/services',
  'v1/ConfigMap': '/api/v1/namespaces/default/configmaps',
  'apps/v1/Deployment': '/apis/apps/v1/namespaces/default/deployments',
}

const ANSWER_ATTEMPT_MS = 250

/** Creates the manifest's objects; what exists already is left as it is. */
export const applyExample = async (api: ApiClient, file: string) => {
  const manifests = parseAllDocuments(readFileSync(file, 'utf8'))
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null)
  for (const manifest of manifests) {
    const path = PATHS[`${manifest.apiVersion}/${manifest.kind}`]
    if (!path) throw new CommandError(`${file}: ${manifest.kind} is not a kind of an example`)
    const { code, body } = await api.call<{ message?: string }>('POST', path, manifest)
    if (code >= 300 && code !== 409) throw new CommandError(`${file}: ${body.message}`)
  }
}

/** Undefined when the URL answers, else why it does not. Every try is a connection of its own. */
const failureOf = (url: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    const call = get(url, { timeout: 1_000, agent: false }, (answer) => {
      answer.resume()
      const { statusCode = 500 } = answer
      resolve(statusCode < 400 ? undefined : `it answers with ${statusCode}`)
    })
    call.on('timeout', () => call.destroy(new Error('no answer within a second')))
    call.on('error', (error) => resolve(error.message))
  })

export type ServiceAnswer = { url: string; failure?: string }

/** Waits until the Service answers through its ClusterIP. Undefined when there is no such Service. */
export const waitForService = async (
  api: ApiClient,
  name: string,
  timeoutMs: number,
): Promise<ServiceAnswer | undefined> => {
  const { code, body } = await api.call<{ spec: { clusterIP: string; ports: { port: number }[] } }>(
    'GET',
    `/api/v1/namespaces/default/services/${name}`,
  )
  if (code !== 200) return undefined
  const port = body.spec.ports[0]?.port ?? 80
  const url = `http://${body.spec.clusterIP}${port === 80 ? '' : `:${port}`}/`
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const failure = await failureOf(url)
    if (failure === undefined) return { url }
    if (performance.now() > deadline) return { url, failure }
    await sleep(ANSWER_ATTEMPT_MS)
  }
}
