/**
 * The modules that the build derives from the installed `@kubernetes/client-node`.
 *
 * `ops/derive-schemas.mjs` and `ops/publish-openapi.mjs` make them; only `schema.ts` and the OpenAPI documents
 * import them.
 */
declare module 'kubus:schemas' {
  /** Model name → wire field name → type code (`[]` list of, `{}` map of, `!` required). */
  const schemas: Readonly<Record<string, Readonly<Record<string, string>>>>
  export default schemas
}

declare module 'kubus:schema-descriptions' {
  /** Model name → wire field name, or `''` for the model itself → description. Parsed at each call. */
  const readDescriptions: () => Readonly<Record<string, Readonly<Record<string, string>>>>
  export default readDescriptions
}

declare module 'kubus:openapi-folder' {
  /** Where the build put the published OpenAPI documents; ends with a slash. */
  const folder: URL
  export default folder
}
