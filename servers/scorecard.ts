import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The checks of Node-RED's catalog, in a folder of their own: they bring four hundred packages of another age. */
export const scorecardFolder = join(__dirname, 'scorecard');
export const scorecardProgram = join(scorecardFolder, 'node_modules', 'node-red-dev', 'bin', 'run');

export function scorecardMissing(): string | undefined {
  return existsSync(scorecardProgram)
    ? undefined
    : 'the scorecard (npm ci --ignore-scripts --prefix servers/scorecard)';
}
