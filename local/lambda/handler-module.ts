import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isStreaming, type StreamingHandler } from './response-stream.ts';

/**
 * Loads a handler such as `index.handler` as the runtime does: from the file without an extension, then `.js`, `.mjs`,
 * `.cjs`.
 *
 * @throws Error whose name is Lambda's error type; any error that the module throws
 */
export async function loadHandler(taskRoot: string, handler: string): Promise<StreamingHandler> {
  const [, moduleName = '', exportName = ''] = /^([^.]*)\.(.*)$/.exec(basename(handler)) ?? [];
  const path = join(taskRoot, dirname(handler), moduleName);
  const file = ['', '.js', '.mjs', '.cjs'].map((extension) => path + extension).find((each) => existsSync(each));
  if (file === undefined) throw runtimeError('ImportModuleError', `Error: Cannot find module '${moduleName}'`);

  const module: Record<string, unknown> = await import(pathToFileURL(file).href);
  const value = nested(module, exportName) ?? nested(module.default, exportName);
  if (value === undefined) throw runtimeError('HandlerNotFound', `${handler} is undefined or not exported`);
  if (typeof value !== 'function') throw runtimeError('HandlerNotFound', `${handler} is not a function`);
  const loaded = value as StreamingHandler;
  if (loaded.length >= 3 && !isStreaming(loaded)) {
    throw runtimeError('CallbackHandlerDeprecated', 'Lambda has no callback-based handlers since Node.js 24');
  }
  return loaded;
}

function nested(container: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], container);
}

function runtimeError(type: string, message: string): Error {
  return Object.assign(new Error(message), { name: `Runtime.${type}` });
}
