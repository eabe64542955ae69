import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FunctionPool, type FunctionPoolOptions } from '../../local/lambda/function-pool.ts';
import { Template, type TemplateJson } from '../../local/template/template.ts';
import { ObservedList } from './observed-list.ts';

/** Plausible values for the references of a template. */
export function attributes(logicalId: string, type: string): Record<string, string> {
  const kind =
    type === 'AWS::Lambda::Function' ? 'lambda:us-east-1:000000000000:function' : 'test:us-east-1:000000000000:thing';
  return { Arn: `arn:aws:${kind}:${logicalId}`, RootResourceId: 'root' };
}

export type FunctionSource = { code: string; file?: string; properties?: Record<string, unknown> };

/** A cloud assembly with one function per source, and further resources. */
export function builtTemplate(
  sources: Record<string, FunctionSource | string>,
  assembly = mkdtempSync(join(tmpdir(), 'assembly-')),
  others: TemplateJson['Resources'] = {},
): { template: Template; assembly: string } {
  const Resources = Object.fromEntries(
    Object.entries(sources).map(([logicalId, source]) => {
      const { code, file = 'index.cjs', properties = {} } = typeof source === 'string' ? { code: source } : source;
      const asset = `asset.${createHash('sha256').update(logicalId).update(code).digest('hex')}`;
      mkdirSync(join(assembly, asset));
      writeFileSync(join(assembly, asset, file), code);
      const Properties = { Runtime: 'nodejs24.x', Handler: 'index.handler', Code: {}, ...properties };
      return [logicalId, { Type: 'AWS::Lambda::Function', Properties, Metadata: { 'aws:asset:path': asset } }];
    }),
  );
  return {
    template: new Template({ Resources: { ...Resources, ...others } }, { attributes, origins: [] }),
    assembly,
  };
}

export type LogLine = { functionName: string; requestId: string | undefined; line: string };

/** A pool with functions of these sources, and their log. */
export function startFunctions(
  sources: Record<string, FunctionSource | string>,
  options: Partial<FunctionPoolOptions> = {},
) {
  const log = new ObservedList<LogLine>();
  const functions = new FunctionPool({
    ...builtTemplate(sources),
    environment: () => ({}),
    log: (functionName, requestId, line) => log.push({ functionName, requestId, line }),
    ...options,
  });
  return { functions, log };
}
