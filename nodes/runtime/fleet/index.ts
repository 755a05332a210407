export { Fleet, type FleetOptions } from './fleet';
export { type FleetSettings, fleetSettings } from './settings';
export { packageVersion } from './version';
