import { useEffect, useState } from 'preact/hooks';

/** A value that several components share. */
export type Store<T> = {
  get(): T;
  set(value: T): void;
  subscribe(listener: () => void): () => void;
};

export function createStore<T>(value: T): Store<T> {
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function useStore<T>(store: Store<T>): T {
  const [value, setValue] = useState(store.get);
  useEffect(() => {
    const read = () => setValue(() => store.get());
    // The value can change between the rendering and this effect.
    read();
    return store.subscribe(read);
  }, [store]);
  return value;
}

const narrow = matchMedia('(max-width: 40rem)');
/** Whether the page has the width of a phone. */
export const isNarrow = createStore(narrow.matches);
narrow.addEventListener('change', ({ matches }) => isNarrow.set(matches));
