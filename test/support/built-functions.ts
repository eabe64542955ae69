import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FunctionPool, type FunctionPoolOptions } from '../../local/lambda/function-pool.ts';
import { Template, type TemplateJson } from '../../local/template/template.ts';

/** The realistic names that a template's references resolve to. */
export function attributes(logicalId: string, type: string): Record<string, string> {
  const kind =
    type === 'AWS::Lambda::Function' ? 'lambda:us-east-1:000000000000:function' : 'test:us-east-1:000000000000:thing';
  return { Arn: `arn:aws:${kind}:${logicalId}`, RootResourceId: 'root' };
}

type Source = { code: string; file?: string; properties?: Record<string, unknown> };

/** A cloud assembly with one function per source, and other resources as they are given. */
export function builtTemplate(
  sources: Record<string, Source | string>,
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
    template: new Template({ Resources: { ...Resources, ...others } }, { attributes, addressBook: [] }),
    assembly,
  };
}

export type Line = { functionName: string; requestId: string | undefined; line: string };

/** Functions of these sources, and the lines that they wrote. */
export function run(sources: Record<string, Source | string>, options: Partial<FunctionPoolOptions> = {}) {
  const lines: Line[] = [];
  const log = (functionName: string, requestId: string | undefined, line: string) =>
    void lines.push({ functionName, requestId, line });
  const functions = new FunctionPool({ ...builtTemplate(sources), environment: () => ({}), log, ...options });
  return { functions, lines };
}
