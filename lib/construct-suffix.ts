import type { Construct } from 'constructs';

/** Distinguishes the names of several `Holdfast` constructs in one stack. Empty for that of a `HoldfastStack`. */
export const constructSuffix = ({ node }: Construct): string =>
  node.id === 'Default' ? '' : `-${node.addr.slice(-8)}`;
