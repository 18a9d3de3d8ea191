/**
 * Which admission plug-ins run, as the state folder says it in `<data>/admission.yaml`, read when an apiserver starts.
 *
 * Invariant: a name that no plug-in has, or a configuration that its plug-in cannot use, ends the start with a
 * sentence; nothing is ignored.
 */
import { parse } from 'yaml'
import { type AdmissionOptions, pluginsOf } from '../actors/apiserver/admission/plugins.ts'
import { parseAdmissionConfiguration } from '../api/admission-configuration.ts'
import { readTextIfPresent } from '../node/files.ts'
import { CommandError } from './command.ts'
import type { StateFolder } from './state-folder.ts'

/** Throws CommandError when the file is there and not usable. */
export const admissionIn = ({ admission: path }: StateFolder): AdmissionOptions => {
  const text = readTextIfPresent(path)
  if (text === undefined) return {}
  try {
    const options = parseAdmissionConfiguration(parse(text))
    pluginsOf(options)
    return options
  } catch (error) {
    throw new CommandError(`${path} is not usable: ${(error as Error).message}`)
  }
}
