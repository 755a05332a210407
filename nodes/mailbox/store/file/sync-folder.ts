import { open } from 'node:fs/promises';

/** A new name in a folder is only durable when the folder is. Not every file system can. */
export async function syncFolder(
  folder: string,
  openFile: (folder: string, flags: 'r') => ReturnType<typeof open> = open,
): Promise<void> {
  const handle = await openFile(folder, 'r').catch(() => undefined);
  if (handle === undefined) return;
  try {
    await handle.sync();
  } catch {
    // Windows and some network file systems refuse; the rename itself is all they offer.
  } finally {
    await handle.close();
  }
}
