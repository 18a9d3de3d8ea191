/**
 * What the build writes beside the program: the OpenAPI documents of all built-in kinds, ready to be sent.
 *
 * Making them takes a second and holds descriptions of megabytes, which no running apiserver has to: it reads these
 * files when somebody asks. Run by `esbuild.config.mjs`; it writes nothing itself.
 */
import readDescriptions from 'kubus:schema-descriptions'
import { createHash } from 'node:crypto'
import type { AnyKind } from '../kind.ts'
import { kinds, virtualKinds } from '../kinds.ts'
import {
  definitionNames,
  listModelOf,
  MODELS_OF_CUSTOM_KINDS,
  modelOf,
} from './definition-names.ts'
import { type DefinitionSource, type Dialect, definitionsOf } from './definitions.ts'
import { discoveryPaths, versionPath } from './discovery-operations.ts'
import { documentPaths, membersText, V2_FRAME, v3Text } from './documents.ts'
import { type Path, pathsOf } from './operations.ts'
import type { Catalogue } from './published.ts'
import { encodeSwagger } from './swagger-protobuf.ts'

export interface Publication {
  /** File name, before what compression adds. */
  name: string
  content: string | Uint8Array
}

/** Upper-case SHA-512, as Kubernetes gives it in ETag and `?hash=`. */
const hashOf = (text: string): string =>
  createHash('sha512').update(text).digest('hex').toUpperCase()

export const publications = (
  all: readonly AnyKind[] = [...kinds, ...virtualKinds],
): Publication[] => {
  const descriptions = readDescriptions()
  const names = definitionNames(all)
  const source = (dialect: Dialect): DefinitionSource => ({
    dialect,
    names,
    descriptions,
    kinds: all,
  })
  const catalogue: Catalogue = { v3: {}, v2: '' }
  const files: Publication[] = []
  for (const [groupVersion, members] of byGroupVersion(all)) {
    const schemas = definitionsOf(source('v3'), [...modelsOf(members), 'V1APIResourceList'])
    const content = v3Text(
      documentPaths(source('v3'), members, members.slice(0, 1).map(versionPath)),
      membersText(schemas),
    )
    const file = `v3-${groupVersion.replaceAll('/', '-')}`
    catalogue.v3[groupVersion] = { file, hash: hashOf(content) }
    files.push({ name: file, content })
  }
  for (const [place, path] of aboveVersions(all)) {
    const content = v3Text(
      documentPaths(source('v3'), [], [path]),
      membersText(definitionsOf(source('v3'), answersOf(path))),
    )
    const file = `v3-${place.replaceAll('/', '-')}`
    catalogue.v3[place] = { file, hash: hashOf(content) }
    files.push({ name: file, content })
  }
  const paths = documentPaths(source('v2'), all, discoveryPaths(all))
  const definitions = definitionsOf(source('v2'), [...modelsOf(all), ...DISCOVERED])
  const [pathsText, definitionsText] = [membersText(paths), membersText(definitions)]
  catalogue.v2 = hashOf(V2_FRAME.head + pathsText + V2_FRAME.middle + definitionsText)
  files.push(
    { name: 'v2-paths', content: pathsText },
    { name: 'v2-definitions', content: definitionsText },
    { name: 'v2-protobuf', content: encodeSwagger({ paths, definitions }, true) },
    {
      name: 'v3-shared',
      content: membersText(definitionsOf(source('v3'), MODELS_OF_CUSTOM_KINDS)),
    },
    { name: 'catalogue', content: JSON.stringify(catalogue) },
  )
  return files
}

const byGroupVersion = (all: readonly AnyKind[]): Map<string, AnyKind[]> => {
  const groups = new Map<string, AnyKind[]>()
  for (const kind of all) {
    const key = kind.group ? `apis/${kind.apiVersion}` : `api/${kind.apiVersion}`
    groups.set(key, [...(groups.get(key) ?? []), kind])
  }
  return groups
}

/** `api`, `apis` and groups: what is discovered there has a document of its own. */
const aboveVersions = (all: readonly AnyKind[]): [place: string, path: Path][] =>
  discoveryPaths(all).flatMap((path): [string, Path][] => {
    const place = path.path.slice(1, -1)
    return place.split('/').length > (place.startsWith('apis') ? 2 : 1) ? [] : [[place, path]]
  })

const answersOf = ({ operations }: Path): string[] =>
  operations.flatMap(({ answer }) => (answer === undefined ? [] : [answer]))

const DISCOVERED = ['V1APIGroup', 'V1APIGroupList', 'V1APIResourceList', 'V1APIVersions']

/** Every model the kinds and their operations name; `patch` is a body without one. */
const modelsOf = (members: readonly AnyKind[]): string[] => [
  ...new Set([
    ...members.flatMap((kind) =>
      kind.isVirtual && !kind.isComputed ? [modelOf(kind)] : [modelOf(kind), listModelOf(kind)],
    ),
    ...members
      .flatMap(pathsOf)
      .flatMap(({ operations }) => operations)
      .flatMap(({ body, answer }) => [body, answer])
      .filter((model): model is string => model !== undefined && model !== 'patch'),
  ]),
]
