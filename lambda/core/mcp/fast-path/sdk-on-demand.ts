import type * as Sdk from '@modelcontextprotocol/server';
import type { constructedSdkClasses } from '../../../shared/constructed-sdk-classes.ts';
import type * as sdkPathFile from './sdk-path.ts';

export type SdkPath = typeof sdkPathFile & {
  /** The SDK's own exports: these, and those that the bundle imports. */
  readonly sdk: Pick<typeof Sdk, (typeof constructedSdkClasses)[number]>;
};

let load: (() => SdkPath) | undefined;
let prepare: ((path: SdkPath) => void) | undefined;
let loaded: SdkPath | undefined;

/**
 * Sets how the MCP SDK is loaded, with the parts of Holdfast that need it: from a file beside the bundle.
 *
 * @param loader called at the first use; synchronous, because an owner's code may need the SDK in a constructor
 */
export function provideSdkPath(loader: () => SdkPath): void {
  load = loader;
}

/** Sets what is done when the SDK is loaded. */
export function prepareSdk(action: (path: SdkPath) => void): void {
  prepare = action;
}

/** The SDK, if it has been loaded. */
export const loadedSdkPath = (): SdkPath | undefined => loaded;

/** @throws Error in a process whose bundle has no fast path */
export function sdkPath(): SdkPath {
  if (loaded) return loaded;
  if (!load) throw new Error('The fast path is part of the bundle of a function; import the MCP SDK itself');
  loaded = load();
  prepare?.(loaded);
  return loaded;
}

/**
 * Makes a class that extends a stand-in extend the SDK's class, and constructs it: the SDK may call what it overrides.
 *
 * @param target `new.target` of the stand-in's constructor
 */
export function constructOnSdk(
  target: NewableFunction,
  light: NewableFunction,
  real: NewableFunction,
  input: unknown[],
): object {
  let base = target;
  while (Object.getPrototypeOf(base) !== light) base = Object.getPrototypeOf(base);
  Object.setPrototypeOf(base, real);
  Object.setPrototypeOf(base.prototype, real.prototype);
  return Reflect.construct(real, input, target);
}
