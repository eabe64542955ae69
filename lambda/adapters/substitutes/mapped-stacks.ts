import type { SourceMap } from 'node:module';

/**
 * Stacks name the lines of the owner's sources. The map beside the bundle is read when a stack is first read, so that a
 * function without errors does not pay for it; `--enable-source-maps` would parse it at every start. Injected before all
 * other modules, because the owner's modules can throw when they are loaded.
 */

let lines: SourceMap | undefined;

/** Frames in other modules, and those of other sources in the bundle, stay as they are. */
function withSourceLine(frame: NodeJS.CallSite): string {
  const text = String(frame);
  const [line, column] = [frame.getLineNumber(), frame.getColumnNumber()];
  if (frame.getFileName() !== __filename || line === null || column === null) return text;
  lines ??= readMap();
  const entry = lines.findEntry(line - 1, column - 1);
  if (!('originalSource' in entry) || entry.originalSource === undefined) return text;
  const { originalSource, originalLine, originalColumn } = entry;
  return text.replace(
    `${__filename}:${line}:${column}`,
    () => `${originalSource}:${originalLine + 1}:${originalColumn + 1}`,
  );
}

function readMap(): SourceMap {
  // Loaded here, because a cold start needs neither module.
  const { readFileSync } = process.getBuiltinModule('node:fs');
  const module = process.getBuiltinModule('node:module');
  return new module.SourceMap(JSON.parse(readFileSync(`${__filename}.map`, 'utf8')));
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
