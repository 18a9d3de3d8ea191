/**
 * JSON from and to a server outside the cluster: issuers of tokens, reviewers of tokens.
 *
 * Invariant: encrypted, checked against the given authorities (the system's, without), bounded in size and time.
 * Redirections of GET are followed a few times, to https only. It retries nothing.
 */
import { type RequestOptions, request } from 'node:https'

export interface RemoteConnection {
  /** PEM. */
  ca?: string | undefined
  certificate?: string | undefined
  key?: string | undefined
  headers?: Readonly<Record<string, string>>
  serverName?: string | undefined
  skipsVerification?: boolean
  /** Default 30 s. */
  timeoutMs?: number | undefined
}

export interface RemoteAnswer {
  code: number
  text: string
}

const BYTES_MAX = 1024 * 1024
const TIMEOUT_MS = 30_000
const REDIRECTS_MAX = 5

/** A redirected request takes its credentials along only within one origin. */
export const getText = async (
  url: string,
  connection: RemoteConnection,
  redirects = REDIRECTS_MAX,
): Promise<string> => {
  const { code, text, location } = await send('GET', url, connection)
  if (code >= 300 && code < 400 && location && redirects > 0) {
    const next = new URL(location, url)
    const isSame = next.origin === new URL(url).origin
    return getText(next.href, isSame ? connection : { ...connection, headers: {} }, redirects - 1)
  }
  if (code !== 200) throw new Error(`${code}: ${text.slice(0, 500)}`)
  return text
}

export const postJson = (
  url: string,
  body: object,
  connection: RemoteConnection,
): Promise<RemoteAnswer> => send('POST', url, connection, JSON.stringify(body))

const send = (
  method: string,
  url: string,
  connection: RemoteConnection,
  body?: string,
): Promise<RemoteAnswer & { location: string | undefined }> =>
  new Promise((resolve, reject) => {
    if (!url.startsWith('https://')) throw new Error(`${url} is not https`)
    const { ca, certificate, key, headers = {}, serverName } = connection
    const { skipsVerification = false, timeoutMs = TIMEOUT_MS } = connection
    const options: RequestOptions = {
      method,
      agent: false,
      timeout: timeoutMs,
      rejectUnauthorized: !skipsVerification,
      ...(ca ? { ca } : {}),
      ...(certificate && key ? { cert: certificate, key } : {}),
      ...(serverName ? { servername: serverName } : {}),
      headers: {
        accept: 'application/json',
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        ...headers,
      },
    }
    const sent = request(url, options, (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > BYTES_MAX) sent.destroy(new Error(`the answer of ${url} is too large`))
        else chunks.push(chunk)
      })
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          code: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString(),
          location: response.headers.location,
        }),
      )
    })
    sent.on('timeout', () => sent.destroy(new Error(`${url} did not answer in time`)))
    sent.on('error', reject)
    sent.end(body)
  })
