/** An error of the TypeScript compiler. */
export type Diagnostic = {
  /** Relative to the project; absent for an error of the compiler's options. */
  file?: string;
  line?: number;
  column?: number;
  /** Such as `TS2322`. */
  code: string;
  message: string;
};

const first = /^(?:(?<file>.+)\((?<line>\d+),(?<column>\d+)\): )?error (?<code>TS\d+): (?<message>.*)$/;

/** @param output of `tsc --pretty false`, in which indented lines continue a message */
export function parseDiagnostics(output: string): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  for (const text of output.split(/\r?\n/)) {
    const { file, line, column, code, message } = first.exec(text)?.groups ?? {};
    const last = diagnostics.at(-1);
    if (code !== undefined && message !== undefined) {
      diagnostics.push({ ...(file && { file, line: Number(line), column: Number(column) }), code, message });
    } else if (last !== undefined && /^\s+\S/.test(text)) last.message += ` ${text.trim()}`;
  }
  return diagnostics;
}

export const diagnosticText = ({ file, line, column, code, message }: Diagnostic): string =>
  `${file === undefined ? '' : `${file}:${line}:${column}: `}${message} (${code})`;
