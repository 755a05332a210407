import type { EditorRED } from 'node-red';

declare global {
  /** The editor's own object, in the dialogs. */
  const RED: EditorRED;
}
