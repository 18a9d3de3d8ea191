export const serveUpgrades = (..._: unknown[]): void => {}
