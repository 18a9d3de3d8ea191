/**
 * `RemoteDocuments`: the port to OpenAPI documents of servers behind this one.
 */
import type { Schema } from '../../../api/openapi/definitions.ts'
import type { Page } from '../site.ts'

export interface RemoteDocuments {
  /** `apis/<group>/<version>` → hash, of what is available. */
  hashes(): Promise<ReadonlyMap<string, string>>
  /** The v3 document there. */
  document(place: string): Promise<Page | undefined>
  /** Paths and definitions of v2, of all of them. */
  swagger(): Promise<{ paths: Schema; definitions: Schema } | undefined>
}

/** Nobody stands behind. */
export const NO_REMOTE_DOCUMENTS: RemoteDocuments = {
  hashes: async () => new Map(),
  document: async () => undefined,
  swagger: async () => undefined,
}
