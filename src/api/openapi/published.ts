/**
 * Where the OpenAPI documents of built-in kinds lie, and what the catalogue among them says.
 *
 * The build writes them (`publish.ts`); each file is compressed with gzip, and several, one after the other, are
 * one stream.
 */
import folder from 'kubus:openapi-folder'

/** Where built-in documents are; it is a published file itself, `catalogue`. */
export interface Catalogue {
  /** `apis/apps/v1` → its file and hash. */
  v3: Record<string, { file: string; hash: string }>
  /** Hash of all of v2. */
  v2: string
}

/** The file of a publication. */
export const publishedFile = (name: string): URL => new URL(`${name}.gz`, folder)
