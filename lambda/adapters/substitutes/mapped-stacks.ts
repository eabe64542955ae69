import type { SourceMap } from 'node:module';

/**
 * Stacks name the lines of the owner's sources. The map beside the bundle is read when a stack is first read, so that a
 * function without errors does not pay for it; `--enable-source-maps` would parse it at every start. Injected before all
 * other modules, because the owner's modules can throw when they are loaded.
 */

/** By the file of the bundle, which may be split. Undefined for one without sources of the owner. */
const maps = new Map<string, SourceMap | undefined>();

/** Frames in other modules, and those of other sources in the bundle, stay as they are. */
function withSourceLine(frame: NodeJS.CallSite): string {
  const text = String(frame);
  const [file, line, column] = [frame.getFileName(), frame.getLineNumber(), frame.getColumnNumber()];
  if (!file || line === null || column === null || file.slice(0, file.lastIndexOf('/')) !== __dirname) return text;
  if (!maps.has(file)) maps.set(file, readMap(file));
  const entry = maps.get(file)?.findEntry(line - 1, column - 1);
  if (!entry || !('originalSource' in entry) || entry.originalSource === undefined) return text;
  const { originalSource, originalLine, originalColumn } = entry;
  return text.replace(`${file}:${line}:${column}`, () => `${originalSource}:${originalLine + 1}:${originalColumn + 1}`);
}

function readMap(file: string): SourceMap | undefined {
  // Loaded here, because a cold start needs neither module.
  const { existsSync, readFileSync } = process.getBuiltinModule('node:fs');
  const module = process.getBuiltinModule('node:module');
  const map = `${file}.map`;
  return existsSync(map) ? new module.SourceMap(JSON.parse(readFileSync(map, 'utf8'))) : undefined;
}

/** An error here would replace the one whose stack is read. */
function line(frame: NodeJS.CallSite): string {
  try {
    return `\n    at ${withSourceLine(frame)}`;
  } catch {
    return `\n    at ${frame}`;
  }
}

Error.prepareStackTrace = (error, frames) => `${Error.prototype.toString.call(error)}${frames.map(line).join('')}`;
