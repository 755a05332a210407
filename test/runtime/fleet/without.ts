import { Database } from '../../../nodes/runtime/fleet/database';
import { Membership } from '../../../nodes/runtime/fleet/membership';

/** What a drill has to go red without. */
export type Without = 'fence' | 'deadline' | 'both';

/** Takes a protection away, from every replica of this process or from these two. */
export function takeAway(
  without: Without | undefined,
  { membership, database }: { membership: Membership; database: Database } = {
    membership: Membership.prototype,
    database: Database.prototype,
  },
): void {
  if (without === 'deadline' || without === 'both') {
    membership.certain = function certain(this: Membership, id = this.id) {
      return this.id !== undefined && this.id === id;
    };
  }
  if (without === 'fence' || without === 'both') {
    for (const method of ['query', 'bulk'] as const) {
      const original = database[method];
      database[method] = function unfenced(this: Database, prepared, values) {
        const text = prepared.text.replace(
          'replica = $2 and term = $3::bigint for share',
          '($2::uuid is not null or $3::bigint is null)',
        );
        return original.call(this, { name: `${prepared.name}-unfenced`, text }, values) as never;
      };
    }
  }
}
