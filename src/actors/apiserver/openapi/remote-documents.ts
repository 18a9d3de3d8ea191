/**
 * `RemoteDocuments`: the port to OpenAPI documents of servers behind this one.
 */
import type { Schema } from '../../../api/openapi/definitions.ts'
import type { Page } from '../site.ts'

/** Of a v2 document. */
export interface DocumentParts {
  paths: Schema
  definitions: Schema
}

export interface RemoteDocuments {
  /** `apis/<group>/<version>` → hash, of what is available. */
  hashes(): Promise<ReadonlyMap<string, string>>
  /** The v3 document there. */
  document(place: string): Promise<Page | undefined>
  /** Paths and definitions of v2, of all of them. */
  swagger(): Promise<DocumentParts | undefined>
}
