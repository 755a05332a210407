/** Loads something at its first use and keeps it: what a flow may never need must not slow down the start of Node-RED. */
export function lazily<T>(load: () => T): () => T {
  let loaded: { value: T } | undefined;
  return () => {
    loaded ??= { value: load() };
    return loaded.value;
  };
}
