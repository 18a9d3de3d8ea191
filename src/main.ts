/**
 * The command `kubus`: wiring only. Each verb is a file in `cli/`, loaded when asked for.
 */
process.stdout.write('kubus\n')
