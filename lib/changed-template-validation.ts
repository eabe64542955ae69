import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import {
  CloudFormationValidatePlugin,
  type IPolicyValidationContext,
  type PolicyValidationPluginReport,
} from 'aws-cdk-lib/core';
import { buildCache } from './bundle/esbuild-run.ts';

type StackTemplate = IPolicyValidationContext['stackTemplates'][number];

const require = createRequire(import.meta.url);

/**
 * The CDK's validation of CloudFormation templates, except of those that passed it before. It takes more than half of the
 * time of `cdk synth`.
 *
 * `Validations.of(app).addPlugins(new ChangedTemplateValidation())` replaces the CDK's own instance. A template with a finding
 * is validated at each synthesis. `CDK_VALIDATION=false` switches it off, as it does the CDK's own.
 *
 * @see https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.CloudFormationValidatePlugin.html
 */
export class ChangedTemplateValidation extends CloudFormationValidatePlugin {
  readonly #folder: string;

  /** @param folder of an empty file for each template that passed. @default `node_modules/.cache/holdfast` */
  constructor(folder = buildCache) {
    super();
    this.#folder = folder;
  }

  /**
   * That of aws-cdk-lib. The report names the version of each plugin, and CDK's own asks the engine: that compiles 9 MB of
   * WebAssembly, for a template that is not validated.
   */
  override get version(): string {
    return (require('aws-cdk-lib/package.json') as { version: string }).version;
  }

  override validate(context: IPolicyValidationContext): PolicyValidationPluginReport {
    const isOff = process.env.CDK_VALIDATION === 'false';
    const changed = isOff ? [] : context.stackTemplates.filter((each) => !existsSync(this.#passOf(each)));
    if (changed.length === 0) return { success: true, violations: [] };
    const report = super.validate({ ...context, stackTemplates: changed });
    if (report.violations.length === 0) {
      mkdirSync(this.#folder, { recursive: true });
      for (const each of changed) writeFileSync(this.#passOf(each), '');
    }
    return report;
  }

  /** The path is made of all that decides the result. The hash of an asset does not: a template is valid with any code. */
  #passOf({ templatePath, accountId, region }: StackTemplate): string {
    const template = readFileSync(templatePath, 'utf8').replaceAll(/\b[0-9a-f]{64}\b/g, '');
    const inputs = JSON.stringify([this.version, accountId, region, template]);
    return join(this.#folder, `valid-${createHash('sha256').update(inputs).digest('hex')}`);
  }
}
