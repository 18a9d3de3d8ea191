/**
 * The operations of discovery itself: versions, groups and resources, as data beside those of the kinds.
 */
import type { AnyKind } from '../kind.ts'
import { capitalized, type Path, tagWords } from './operations.ts'

const reading = (
  path: string,
  id: string,
  tag: string,
  description: string,
  answer: string,
): Path => ({
  path,
  parameters: [],
  operations: [{ method: 'get', id, tag, description, parameters: [], answer }],
})

/** The resources of one group and version; `member` is any kind of it. */
export const versionPath = (member: AnyKind): Path => {
  const words = tagWords(member)
  return reading(
    member.group ? `/apis/${member.apiVersion}/` : `/api/${member.version}/`,
    `get${words.map(capitalized).join('')}APIResources`,
    words.join('_'),
    'get available resources',
    'V1APIResourceList',
  )
}

/** All there is above groups and versions. */
export const discoveryPaths = (kinds: readonly AnyKind[]): Path[] => {
  const members = new Map(kinds.map((kind) => [kind.apiVersion, kind]))
  const groups = new Map(kinds.filter(({ group }) => group).map((kind) => [kind.group, kind]))
  const versions = 'get available API versions'
  return [
    reading('/api/', 'getCoreAPIVersions', 'core', versions, 'V1APIVersions'),
    reading('/apis/', 'getAPIVersions', 'apis', versions, 'V1APIGroupList'),
    ...[...groups.values()].map((kind) => {
      const [word = ''] = tagWords(kind)
      const id = `get${capitalized(word)}APIGroup`
      return reading(`/apis/${kind.group}/`, id, word, 'get information of a group', 'V1APIGroup')
    }),
    ...[...members.values()].map(versionPath),
  ]
}
